"""Who sends what is refused or looks wrong, told by its records alone."""

import json
from typing import Any

import pytest

from burnline.letters.emitters import MOST_EMITTERS, OTHERS, TWINS_WITHIN_MS, Emitter, Emitters, Record, Sent

T0 = 1_760_000_000_000
LATE_AFTER_MS = 600_000
WHO = Emitter("", "acme", "coder")


def event(number: int = 1, **fields: Any) -> dict[str, Any]:
    return {
        "event_id": f"e{number}", "occurred_at": T0, "org_id": "acme", "agent_id": "coder", "session_id": f"s{number}",
        "model": "gpt-4o", "input_tokens": 10, "output_tokens": 1, **fields,
    }  # fmt: skip


def record(value: Any, *headers: tuple[str, bytes], logged_ms: int = T0) -> Record:
    return Record(value if isinstance(value, bytes) else json.dumps(value).encode(), headers, logged_ms)


def seen(*records: Record) -> dict[Emitter, Sent]:
    found = Emitters(
        lambda usage: usage.input_tokens if usage.model == "nobodys" else 0,
        max_clock_skew_ms=1_000, late_after_ms=LATE_AFTER_MS,
    )  # fmt: skip
    found.take(records)
    return dict(found.rows())


CLOUDEVENT = {"specversion": "1.0", "id": "1", "source": "/agents/a", "type": "t", "data": event()}


@pytest.mark.parametrize(
    ("sent", "who"),
    [
        (record(event()), WHO),
        (record(CLOUDEVENT), Emitter("/agents/a", "acme", "coder")),
        (record(event(), ("CE_source", b"/agents/b")), Emitter("/agents/b", "acme", "coder")),
        (record(event(), ("burnline-source", b"otlp_spans/0/7")), Emitter("otel", "acme", "coder")),
        (record(event(model="")), WHO),
        (record(CLOUDEVENT | {"data": event(model="")}), Emitter("/agents/a", "acme", "coder")),
        (record(b"not JSON"), Emitter("", "", "")),
        (record(event(agent_id=7)), Emitter("", "acme", "")),
    ],
    ids=["plain", "structured", "headers", "relay", "refused", "refused envelope", "no JSON", "no text"],
)
def test_a_record_says_who_sent_it(sent: Record, who: Emitter) -> None:
    [(found, counts)] = seen(sent).items()
    assert (found, counts.events) == (who, 1)


def test_what_is_refused_is_told_by_reason_and_field() -> None:
    wrong = event(cached_input_tokens=11)
    missing = {name: value for name, value in event().items() if name != "event_id"}
    ahead = event(3, occurred_at=T0 + 1_001)
    sent = seen(record(wrong), record(wrong), record(missing), record(ahead), record(event(4, occurred_at=T0 + 1_000)))
    assert (sent[WHO].events, sent[WHO].refused, sent[WHO].ahead) == (5, 4, 1)
    assert sent[WHO].reasons == {
        "subset_exceeds_total: cached_input_tokens": 2, "missing_field: event_id": 1, "in_the_future: occurred_at": 1,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("second", "repeated", "twins"),
    [
        (event(), 1, 0),
        (event(session_id="s2"), 0, 0),
        (event(event_id="other"), 0, 1),
        (event(event_id="other", occurred_at=T0 + TWINS_WITHIN_MS), 0, 1),
        (event(event_id="other", occurred_at=T0 + TWINS_WITHIN_MS + 1), 0, 0),
        (event(event_id="other", output_tokens=2), 0, 0),
    ],
    ids=["same id", "same id elsewhere", "twin", "just a twin", "too far apart", "another call"],
)
def test_what_may_be_one_call_twice(second: dict[str, Any], repeated: int, twins: int) -> None:
    [sent] = seen(record(event(), logged_ms=T0 + 9_000), record(second, logged_ms=T0 + 9_000)).values()
    assert (sent.repeated, sent.twins, sent.refused) == (repeated, twins, 0)


@pytest.mark.parametrize(("after_ms", "late"), [(LATE_AFTER_MS, 0), (LATE_AFTER_MS + 1, 1)], ids=["just", "late"])
def test_what_comes_too_late_for_an_alarm(after_ms: int, late: int) -> None:
    [sent] = seen(record(event(), logged_ms=T0 + after_ms)).values()
    assert sent.late == late


def test_the_share_without_a_rate_is_of_tokens() -> None:
    [sent] = seen(record(event(1)), record(event(2, model="nobodys", input_tokens=33))).values()
    assert (sent.unpriced, sent.unpriced_tokens, sent.as_dict()["unpriced_share"]) == (1, 33, round(33 / 45, 6))


def test_those_with_most_to_look_at_come_first() -> None:
    found = seen(record(event(agent_id="good")), record(event(2, agent_id="good")), record(event(3, model="nobodys")))
    assert [who.agent_id for who in found] == ["coder", "good"]


def test_very_many_stand_together() -> None:
    found = seen(*(record(event(number, agent_id=f"a{number}")) for number in range(MOST_EMITTERS + 7)))
    assert len(found) == MOST_EMITTERS + 1
    assert found[Emitter("", "", OTHERS)].events == 7
