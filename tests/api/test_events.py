"""Usage events by HTTP, onto a real broker: what is taken, what is refused and why, and who may."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from burnline.kafka import client_config
from burnline.settings import Settings
from burnline.topics.catalogue import topics_for
from burnline.topics.reading import read_to_end
from tests.api.stage import EDITOR, NOW_MS, OF_ACME, VIEWER, Api, Projection, serving

PATH = "/../events"
ONE, BATCH = "application/cloudevents+json", "application/cloudevents-batch+json"


@pytest.fixture
def api(ours: Settings) -> Iterator[Api]:
    Projection(ours)
    with serving(ours) as api:
        yield api


def event(number: int = 1, **fields: Any) -> dict[str, Any]:
    own = {
        "event_id": f"e{number}",
        "occurred_at": NOW_MS,
        "org_id": "acme",
        "agent_id": "coder",
        "session_id": "s1",
        "model": "gpt-4o",
        "input_tokens": 10,
        "output_tokens": 1,
    }
    return own | fields


def cloudevent(number: int = 1) -> dict[str, Any]:
    data = {name: value for name, value in event().items() if name not in ("event_id", "occurred_at", "session_id")}
    envelope = {"specversion": "1.0", "id": f"{number}", "source": "/a", "type": "t", "subject": "s1"}
    return envelope | {"time": "2025-10-09T08:53:20Z", "data": data}


def post(api: Api, body: Any, status: int = 200, kind: str = "application/json", **headers: Any) -> Any:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return api.ask("POST", PATH, status, content=content, headers={"content-type": kind, **named})


def on_topic(settings: Settings) -> list[tuple[bytes | None, dict[str, Any]]]:
    spec = topics_for(settings).usage
    batches = read_to_end(client_config(settings), spec.name, range(spec.partitions), timeout_s=10)
    return [(message.key(), json.loads(message.value() or b"")) for batch in batches for message in batch]


def test_every_way_of_sending_one_is_the_same_event(api: Api, ours: Settings) -> None:
    in_headers: dict[str, Any] = {
        "ce_specversion": "1.0",
        "ce_id": "1",
        "ce_source": "/a",
        "ce_type": "t",
        "ce_subject": "s1",
    }
    taken = {"accepted": 1, "refused": 0, "refused_events": []}
    assert post(api, event(event_id="/a 1")) == taken
    assert post(api, [event(event_id="/a 1")]) == taken
    assert post(api, cloudevent(), kind=ONE) == taken
    assert post(api, [cloudevent()], kind=BATCH) == taken
    assert post(api, cloudevent()["data"], **in_headers, ce_time="2025-10-09T08:53:20Z") == taken
    assert on_topic(ours) == [(b"s1", event(event_id="/a 1"))] * 5


def test_what_is_wrong_is_refused_and_the_others_are_taken(api: Api, ours: Settings) -> None:
    said = post(api, [event(1), event(2, model=""), 7, event(4, occurred_at=NOW_MS + 10**9), event(5)])
    assert (said["accepted"], said["refused"]) == (2, 3)
    assert [(one["index"], one["reason"], one["field"]) for one in said["refused_events"]] == [
        (1, "too_short", "model"), (2, "not_an_object", ""), (3, "in_the_future", "occurred_at"),
    ]  # fmt: skip
    assert [value["event_id"] for _, value in on_topic(ours)] == ["e1", "e5"]


@pytest.mark.parametrize(
    ("body", "where"),
    [
        (event(input_tokens=-1), "body[0].input_tokens"),
        ([event(model=""), event(org_id="")], "body[0].model"),
        (b"no json", "body[0]"),
        (b"\xff", "body[0]"),
        (b"", "body[0]"),
    ],
    ids=["one", "several", "words", "no-utf-8", "nothing"],
)
def test_where_none_can_be_taken_it_says_why(reader: Api, body: Any, where: str) -> None:
    assert post(reader, body, 422)["errors"][0]["where"] == where


@pytest.mark.parametrize("body", [b"[]", b"[1,", b"[" * 5_000], ids=["empty", "cut-off", "deep"])
def test_a_batch_that_is_none(reader: Api, body: bytes) -> None:
    assert post(reader, body, 422)["detail"].startswith("body: ")


def test_another_kind_of_content(reader: Api) -> None:
    post(reader, event(), 415, kind="text/plain")


def test_viewers_may_not(reader: Api) -> None:
    post(reader.by(VIEWER), event(), 403)


def test_those_of_some_organisations_may_for_theirs(api: Api, ours: Settings) -> None:
    said = post(api.by(OF_ACME), [event(1), event(2, org_id="others")])
    assert (said["accepted"], said["refused_events"][0]["reason"]) == (1, "forbidden")
    post(api, event(3, org_id="others"), 403)
    post(api.by(EDITOR), event(4, org_id="others"))
    assert [value["event_id"] for _, value in on_topic(ours)] == ["e1", "e4"]


def test_a_parameter_that_it_does_not_know(reader: Api) -> None:
    reader.ask("POST", PATH, 422, json=event(), params={"org": "acme"})


def test_brokers_that_are_away(reading: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("burnline.api.application.TIMEOUT_S", 0.2)
    with serving(reading) as api:
        problem = post(api, event(), 503)
    assert problem["type"] == "urn:burnline:problem:not-acknowledged"
    assert "each counts once" in problem["detail"]
