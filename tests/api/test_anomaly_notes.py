"""Acknowledged, silenced, judged over HTTP, on a real broker and a real Redis."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from burnline.detection.anomaly import Anomaly
from burnline.kafka import client_config
from burnline.settings import Settings
from burnline.topics.catalogue import topics_for
from burnline.topics.compacted import read_newest
from tests.api.stage import EDITOR, NOW_MS, OF_ACME, VIEWER, Api, Projection, serving
from tests.api.test_anomalies import notice as anomaly
from tests.readmodel.counting import count

if TYPE_CHECKING:
    from burnline.readmodel.keys import Keys

OPEN, OVER = anomaly(0), anomaly(1, "resolved 3")
FOREIGN = anomaly(2, org_id="globex")
NOWHERE = "00000000-0000-5000-8000-000000000000"
HOUR_LATER = datetime.fromtimestamp(NOW_MS / 1000 + 3600, UTC).isoformat()


def project(projection: Projection, notice: Anomaly) -> None:
    keys: Keys = projection.keys
    projection.redis.hset(keys.anomaly(notice.anomaly_id), str(notice.revision), notice.model_dump_json())
    projection.redis.zadd(keys.anomalies, {notice.anomaly_id: notice.updated_at})
    count(projection.redis, keys, keys.anomalies)


@pytest.fixture
def api(ours: Settings) -> Iterator[Api]:
    projection = Projection(ours)
    for notice in (OPEN, OVER, FOREIGN):
        project(projection, notice)
    with serving(ours) as api:
        yield api.by(EDITOR)


def on_topic(settings: Settings) -> dict[str, Any]:
    found = read_newest(client_config(settings), topics_for(settings).anomaly_notes, timeout_s=10)
    return {key.decode(): json.loads(value) for key, value in found.items()}


def test_what_is_said_is_on_the_topic_when_it_is_answered_and_can_be_taken_back(api: Api, ours: Settings) -> None:
    path = f"/anomalies/{OPEN.anomaly_id}"
    said = api.put(f"{path}/acknowledgement", {"words": "on it"})
    api.put(f"{path}/silence", {"until": HOUR_LATER})
    api.put(f"{path}/feedback", {"verdict": "planned"})
    found = on_topic(ours)
    assert said["note"] == found[f"{OPEN.anomaly_id}/acknowledgement"]
    assert said["note"] == {
        "anomaly_id": OPEN.anomaly_id, "kind": "acknowledgement", "org_id": "acme", "agent_id": "agent-7",
        "by": "token:editor", "at": NOW_MS, "revision": 1, "words": "on it", "severity": "warning",
    }  # fmt: skip
    assert found[f"{OPEN.anomaly_id}/silence"]["until"] == NOW_MS + 3_600_000
    assert found[f"{OPEN.anomaly_id}/feedback"]["verdict"] == "planned"
    assert api.delete(f"{path}/silence")["note"] is None
    assert set(on_topic(ours)) == {f"{OPEN.anomaly_id}/{kind}" for kind in ("acknowledgement", "feedback")}


def test_the_later_one_counts(api: Api, ours: Settings) -> None:
    for verdict in ("true", "false"):
        api.put(f"/anomalies/{OVER.anomaly_id}/feedback", {"verdict": verdict})
    assert on_topic(ours)[f"{OVER.anomaly_id}/feedback"]["verdict"] == "false"


@pytest.mark.parametrize(
    ("anomaly_id", "kind", "body", "status"),
    [
        pytest.param(NOWHERE, "acknowledgement", {}, 404, id="no such anomaly"),
        pytest.param(OVER.anomaly_id, "acknowledgement", {}, 409, id="resolved"),
        pytest.param(OVER.anomaly_id, "silence", {"until": HOUR_LATER}, 409, id="resolved, silenced"),
        pytest.param(OPEN.anomaly_id, "silence", {"until": "2025-10-09T08:53:20Z"}, 409, id="until now"),
        pytest.param(OPEN.anomaly_id, "silence", {"until": "2025-10-09T08:53:20"}, 422, id="no offset"),
        pytest.param(OPEN.anomaly_id, "silence", {}, 422, id="until when?"),
        pytest.param(OPEN.anomaly_id, "feedback", {"verdict": "maybe"}, 422, id="no verdict"),
        pytest.param(OPEN.anomaly_id, "feedback", {"verdict": "true", "who": "me"}, 422, id="unknown field"),
        pytest.param(OPEN.anomaly_id, "feedback", {"verdict": "true", "words": ""}, 422, id="no words"),
    ],
)
def test_what_cannot_be_said(
    api: Api, ours: Settings, anomaly_id: str, kind: str, body: dict[str, Any], status: int
) -> None:
    api.put(f"/anomalies/{anomaly_id}/{kind}", body, status)
    assert on_topic(ours) == {}


def test_who_may_say_something_of_what(api: Api, ours: Settings) -> None:
    own, foreign = (f"/anomalies/{one.anomaly_id}/acknowledgement" for one in (OPEN, FOREIGN))
    api.by(VIEWER).put(own, {}, 403)
    api.by(VIEWER).delete(own, 403)
    api.by(OF_ACME).put(foreign, {}, 404)
    api.by(OF_ACME).delete(foreign, 404)
    assert on_topic(ours) == {}
    assert api.by(OF_ACME).put(own, {})["note"]["by"] == "token:acme"
