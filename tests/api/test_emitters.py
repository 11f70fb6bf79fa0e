"""Who publishes what is refused or looks wrong, over HTTP, on a real broker."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from confluent_kafka import Producer

from burnline.api.access.principal import Principal
from burnline.kafka import client_config
from burnline.settings import Settings
from burnline.topics.catalogue import topics_for
from tests.api.stage import NOW_MS, OF_ACME, OF_OTHERS, VIEWER, Api, Projection, serving


@pytest.fixture
def api(ours: Settings) -> Iterator[Api]:
    Projection(ours)
    producer = Producer(client_config(ours))
    topic = topics_for(ours).usage.name
    for number in range(3):
        producer.produce(topic, json.dumps(event(number)).encode(), b"s1", 0)
    producer.produce(topic, json.dumps(event(9, agent_id="broken", input_tokens=-1)).encode(), b"s1", 0)
    producer.produce(topic, b"not JSON", b"s1", 0)
    assert producer.flush(30) == 0
    with serving(ours) as api:
        yield api


def event(number: int, **fields: Any) -> dict[str, Any]:
    return {
        "event_id": f"e{number}", "occurred_at": NOW_MS, "org_id": "acme", "agent_id": "coder", "session_id": "s1",
        "model": "gpt-4o", "input_tokens": 10 + number, "output_tokens": 1, **fields,
    }  # fmt: skip


def told(api: Api, who: Principal, **asked: Any) -> dict[str, dict[str, Any]]:
    said = api.by(who).get("/emitters", **asked)
    return {one["agent_id"]: one for one in said["emitters"]}


def test_producers_are_told_apart_and_each_sees_its_own(api: Api) -> None:
    everybody = told(api, VIEWER)
    assert {agent: one["events"] for agent, one in everybody.items()} == {"coder": 3, "broken": 1, "": 1}
    assert everybody["broken"]["reasons"] == {"out_of_range: input_tokens": 1}
    assert everybody[""]["reasons"] == {"not_json": 1}
    assert set(told(api, OF_ACME)) == {"coder", "broken"}
    assert told(api, OF_OTHERS) == {}
    assert set(told(api, VIEWER, last=1)) == {""}
    assert api.get("/emitters", 422, last=0)
    assert api.get("/emitters", 422, latest=1)
