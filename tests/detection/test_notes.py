"""What may be said of an anomaly, what a record of it has to be, and from whom a notice is kept."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from burnline.detection.anomaly import Anomaly, Severity, State
from burnline.detection.notes import (
    MAX_SILENCE_MS,
    MAX_WORDS,
    NOTHING_SAID,
    AnomalyNote,
    NoteError,
    NoteKind,
    Notes,
    Quiet,
    Verdict,
    acknowledged,
    by_anomaly,
    judged,
    note_key,
    quiet,
    silenced,
)
from burnline.schema_examples import ANOMALY

NOW = 1_760_000_000_000
WHO: dict[str, Any] = {"by": "ada", "at_ms": NOW, "words": "a backfill"}


def newest(state: str = "opened", severity: str = "warning", revision: int = 1) -> Anomaly:
    return Anomaly.model_validate({**ANOMALY, "state": state, "severity": severity, "revision": revision})


def test_a_note_says_who_when_why_and_of_what() -> None:
    note = acknowledged(newest("escalated", "critical", 2), **WHO)
    assert note.model_dump(mode="json", exclude_none=True) == {
        "anomaly_id": ANOMALY["anomaly_id"],
        "kind": "acknowledgement",
        "org_id": ANOMALY["org_id"],
        "agent_id": ANOMALY["agent_id"],
        "by": "ada",
        "at": NOW,
        "revision": 2,
        "words": "a backfill",
        "severity": "critical",
    }
    assert note.key() == f"{ANOMALY['anomaly_id']}/acknowledgement"


@pytest.mark.parametrize(
    ("until_ms", "fits"),
    [
        pytest.param(NOW, False, id="now"),
        pytest.param(NOW + 1, True, id="in a moment"),
        pytest.param(NOW + MAX_SILENCE_MS, True, id="in 90 days"),
        pytest.param(NOW + MAX_SILENCE_MS + 1, False, id="later than in 90 days"),
    ],
)
def test_a_silence_ends_after_now_and_within_90_days(until_ms: int, *, fits: bool) -> None:
    if fits:
        assert silenced(newest(), until_ms=until_ms, **WHO).until == until_ms
    else:
        with pytest.raises(NoteError, match=f"until={until_ms}: a silence ends after now"):
            silenced(newest(), until_ms=until_ms, **WHO)


def test_what_is_resolved_is_judged_only() -> None:
    over = newest("resolved", revision=3)
    with pytest.raises(NoteError, match="resolved: it cannot be acknowledged"):
        acknowledged(over, **WHO)
    with pytest.raises(NoteError, match="resolved: it cannot be silenced"):
        silenced(over, until_ms=NOW + 1, **WHO)
    assert judged(over, Verdict.FALSE, **WHO).verdict is Verdict.FALSE


@pytest.mark.parametrize("verdict", Verdict)
def test_a_record_is_read_as_it_was_written(verdict: Verdict) -> None:
    note = judged(newest(), verdict, **WHO)
    assert AnomalyNote.parse(note.key().encode(), note.model_dump_json(exclude_none=True)) == note


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        pytest.param({"verdict": None}, "verdict belongs to a note of kind feedback", id="nothing said"),
        pytest.param({"until": NOW}, "until belongs to a note of kind silence", id="two things said"),
        pytest.param({"verdict": "maybe"}, "verdict", id="no such verdict"),
        pytest.param({"words": "x" * (MAX_WORDS + 1)}, "words", id="too many words"),
        pytest.param({"by": ""}, "by", id="nobody"),
        pytest.param({"anomaly_id": "another"}, 'make the key "another/feedback"', id="another key"),
    ],
)
def test_what_is_no_note_names_its_key_and_field(changes: dict[str, Any], why: str) -> None:
    note = judged(newest(), Verdict.TRUE, **WHO)
    value = json.dumps({**note.model_dump(mode="json"), **changes})
    with pytest.raises(NoteError, match=f"{note.key()}.*{why}"):
        AnomalyNote.parse(note.key(), value)


def test_of_two_of_a_kind_the_later_counts_and_kinds_take_nothing_from_each_other() -> None:
    first, second = (judged(newest(), verdict, **WHO) for verdict in (Verdict.TRUE, Verdict.PLANNED))
    seen = acknowledged(newest(), **WHO)
    assert by_anomaly([first, seen, second]) == {seen.anomaly_id: Notes(seen, None, second)}


@pytest.mark.parametrize(
    ("seen_at", "notice", "heard"),
    [
        pytest.param("warning", newest(), Quiet.ACKNOWLEDGED, id="as it was"),
        pytest.param("warning", newest("resolved", "warning", 2), Quiet.ACKNOWLEDGED, id="it ends as it was"),
        pytest.param("warning", newest("escalated", "critical", 2), Quiet.HEARD, id="it has risen"),
        pytest.param("warning", newest("resolved", "critical", 3), Quiet.HEARD, id="it ends after it has risen"),
        pytest.param("critical", newest("resolved", "critical", 3), Quiet.ACKNOWLEDGED, id="at its highest"),
        pytest.param("critical", newest(), Quiet.ACKNOWLEDGED, id="an earlier notice that comes late"),
    ],
)
def test_an_acknowledgement_holds_until_the_severity_rises(seen_at: str, notice: Anomaly, heard: Quiet) -> None:
    seen = acknowledged(newest(severity=seen_at), **WHO)
    assert quiet(Notes(acknowledgement=seen), notice, now_ms=NOW) is heard


@pytest.mark.parametrize(("later_ms", "heard"), [(0, Quiet.SILENCED), (999, Quiet.SILENCED), (1000, Quiet.HEARD)])
def test_a_silence_holds_up_to_its_end(later_ms: int, heard: Quiet) -> None:
    notes = Notes(silence=silenced(newest(), until_ms=NOW + 1000, **WHO))
    assert quiet(notes, newest("escalated", "critical", 2), now_ms=NOW + later_ms) is heard


def test_feedback_keeps_nothing_from_anybody() -> None:
    assert quiet(Notes(feedback=judged(newest(), Verdict.FALSE, **WHO)), newest(), now_ms=NOW) is Quiet.HEARD
    assert quiet(NOTHING_SAID, newest(), now_ms=NOW) is Quiet.HEARD


@given(st.sampled_from(NoteKind), st.text(min_size=1, max_size=64))
def test_each_anomaly_and_kind_has_a_key_of_its_own(kind: NoteKind, name: str) -> None:
    assert note_key(name, kind).rpartition("/") == (name, "/", kind.value)
    assert State.OPENED in State  # the states themselves gain none: what is said stands beside them
    assert Severity.CRITICAL in Severity
