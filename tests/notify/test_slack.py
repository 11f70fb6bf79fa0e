"""Slack over a life: one message changed in place, what rises said in its thread, and what may go wrong."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from burnline.detection.anomaly import Anomaly, Severity, State
from burnline.detection.notes import NOTHING_SAID, Notes, acknowledged
from burnline.notify.channel import Channel
from burnline.notify.channels import channel
from burnline.notify.messages import made_up
from burnline.notify.places import MemoryPlaces
from burnline.notify.sinks import SlackSink
from burnline.notify.slack import escaped
from tests.notify.stub import Receiver, receiving

NOW = 1_764_000_000_000
POSTED = {"ok": True, "channel": "C1", "ts": "17.42"}
CHANGED = {"ok": True}


def notice(revision: int) -> Anomaly:
    state = list(State)[revision - 1]
    return made_up(state, Severity.WARNING if revision == 1 else Severity.CRITICAL, revision, NOW, "made-up")


@contextmanager
def slack(*answers: Any, places: MemoryPlaces | None = None) -> Iterator[tuple[Channel, Callable[[], list[Any]]]]:
    """The channel of a Slack that answers so, one after the other, and what it was asked: method and body."""
    with receiving(*((200, {}, answer) if isinstance(answer, dict) else answer for answer in answers)) as receiver:
        sink = SlackSink.model_validate({
            "name": "slack", "kind": "slack", "url": receiver.url, "channel": "C1", "token": {"env": "TOKEN"},
            "allow_local": True, "timeout_s": 5,
        })  # fmt: skip
        made = channel(sink, {"TOKEN": "xoxb-1"}, "https://burn.example", lambda: NOW, places or MemoryPlaces())
        yield made, lambda: asked(receiver)


def asked(receiver: Receiver) -> list[Any]:
    return [(headers[":path"].rpartition("/")[2], json.loads(body)) for headers, body in receiver.taken]


def test_one_message_over_a_life() -> None:
    opened, escalated, resolved = map(notice, (1, 2, 3))
    with slack(POSTED, CHANGED, CHANGED, POSTED, CHANGED) as (told, what):
        assert told(opened).sent
        assert told.said is not None
        seen = Notes(acknowledgement=acknowledged(opened, by="ada", at_ms=NOW, words="on it"))
        assert told.said(opened, seen).sent
        assert told(escalated, seen).sent
        assert told(resolved, seen).sent
        found = what()
    assert [method for method, _ in found] == [
        "chat.postMessage", "chat.update", "chat.update", "chat.postMessage", "chat.update",
    ]  # fmt: skip
    (_, first), (_, seen_there), _, (_, reply), (_, last) = found
    assert first["channel"] == "C1"
    assert "https://burn.example/anomalies/made-up" in first["attachments"][0]["text"]
    assert (seen_there["channel"], seen_there["ts"]) == ("C1", "17.42")
    assert "acknowledged by ada: on it" in seen_there["attachments"][0]["text"]
    assert (reply["thread_ts"], reply["reply_broadcast"]) == ("17.42", True)
    assert "escalated" in reply["text"]
    assert "resolved" in last["text"]
    assert len({body["attachments"][0]["color"] for _, body in found if "attachments" in body}) == 3


def test_what_was_never_told_is_neither_ended_nor_changed_there() -> None:
    with slack() as (told, what):
        assert told(notice(3)).sent
        assert told.said is not None
        assert told.said(notice(1), NOTHING_SAID).sent
        assert what() == []


def test_a_message_that_is_gone_is_followed_by_another() -> None:
    with slack(POSTED, {"ok": False, "error": "message_not_found"}, {**POSTED, "ts": "18.1"}, CHANGED) as (told, what):
        for revision in (1, 2, 3):
            assert told(notice(revision)).sent
        assert [(method, body.get("ts")) for method, body in what()] == [
            ("chat.postMessage", None), ("chat.update", "17.42"), ("chat.postMessage", None), ("chat.update", "18.1"),
        ]  # fmt: skip


@pytest.mark.parametrize(
    ("answer", "hopeless", "why"),
    [
        pytest.param({"ok": False, "error": "invalid_auth"}, True, "invalid_auth", id="a wrong token"),
        pytest.param({"ok": False, "error": "internal_error"}, False, "internal_error", id="its own fault"),
        pytest.param({"ok": False, "error": "ratelimited"}, False, "ratelimited", id="too much"),
        pytest.param((429, {"Retry-After": "3"}), False, "429", id="too much, by status"),
        pytest.param(200, False, "no JSON", id="no JSON"),
    ],
)
def test_what_comes_of_a_refusal(answer: Any, why: str, *, hopeless: bool) -> None:
    with slack(answer) as (told, _):
        result = told(notice(1))
    assert (result.sent, result.hopeless) == (False, hopeless)
    assert why in result.detail
    assert "xoxb" not in result.detail


def test_nothing_that_a_publisher_wrote_calls_anybody() -> None:
    assert escaped("<!channel> & <https://x|y>") == "&lt;!channel&gt; &amp; &lt;https://x|y&gt;"
    odd = notice(1).model_copy(update={"agent_id": "<!channel>"})
    with slack(POSTED) as (told, what):
        assert told(odd).sent
        assert "<!" not in json.dumps(what())
