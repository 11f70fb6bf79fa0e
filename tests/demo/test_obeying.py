"""The demo's agents obey controls where they are asked to."""

import time

import pytest

from burnline.controls.control import Control
from burnline.demo.publishing import ReplayThread, clock_ms
from burnline.demo.replay import Timetable
from burnline.demo.scenario import Planned
from burnline.kafka import client_config
from burnline.settings import Settings
from burnline.topics.catalogue import topics_for
from burnline.topics.compacted import write_key
from burnline.topics.ensure import ensure_topics

WITHIN_S = 60.0


def planned(session_id: str, number: int) -> Planned:
    return Planned(number, {
        "event_id": f"{session_id}:{number}", "org_id": "northwind", "agent_id": "refactorer", "session_id": session_id,
        "model": "gpt-4o", "input_tokens": 1, "output_tokens": 1,
    })  # fmt: skip


@pytest.mark.broker
@pytest.mark.parametrize(("obeys", "published"), [(True, 3), (False, 6)], ids=["they obey", "they do not"])
def test_a_session_that_is_stopped_publishes_no_more(settings: Settings, *, obeys: bool, published: int) -> None:
    ensure_topics(settings)
    stop = Control.model_validate(
        {
            "scope": "session",
            "org_id": "northwind",
            "name": "runaway",
            "action": "stop",
            "mode": "enforce",
            "reason": "x",
        }
    )
    value = stop.model_dump_json(exclude_none=True).encode()
    write_key(client_config(settings), topics_for(settings).controls, stop.key(), value, timeout_s=20)
    events = [planned(session_id, number) for number in range(3) for session_id in ("runaway", "other")]
    replay = ReplayThread(settings, events, Timetable(clock_ms(), 2, 1.0), obeys=obeys)
    replay.start()
    deadline = time.monotonic() + WITHIN_S
    while not replay.done:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    replay.check()
    assert (replay.published, replay.held_back) == (published, 6 - published)
    assert replay.acknowledged == published
