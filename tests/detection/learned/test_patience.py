"""Notices in vain make the rules for their agent less sensitive: bounded, for a while, the same after a replay."""

from collections.abc import Sequence

import pytest

from burnline.detection.learned.engine import PythonEngine
from burnline.detection.learned.meters import DAY_MS
from burnline.detection.learned.notice import Incident
from burnline.detection.learned.patience import EACH, LEAST, in_vain, patience, said_lately
from burnline.detection.learned.rules import RULES
from burnline.detection.learned.watch import Watch
from burnline.detection.notes import AnomalyNote, NoteKind, Verdict
from tests.detection.learned.fleet import RATES, T0_MS, batch_of, loop, ordered, usual_days

AGENT = "acme", "chat-1"
LOG = ordered(usual_days(8) + loop("chat-1", 7, calls=10))
"""A loop of ten calls: out of range as tuned, and not once five notices of its agent were in vain."""
DAY = T0_MS // DAY_MS + 7


def note(verdict: Verdict, at_ms: int = T0_MS, agent: str = "chat-1") -> AnomalyNote:
    return AnomalyNote(
        anomaly_id=f"{verdict}-{at_ms}-{agent}", kind=NoteKind.FEEDBACK, org_id="acme", agent_id=agent, by="me",
        at=at_ms, revision=1, verdict=verdict,
    )  # fmt: skip


def told(times: Sequence[int], *, agent: tuple[str, str] = AGENT, at_once: int = 10_000) -> list[Incident]:
    """What is told when it was said at these times that notices of an agent were in vain."""
    watch = Watch(PythonEngine(RULES), RULES)
    for rates in RATES:
        watch.add_model(rates)
    watch.set_in_vain({agent: times})
    notices: list[Incident] = []
    for begin in range(0, len(LOG), at_once):
        notices += watch.apply(batch_of(watch, LOG[begin : begin + at_once], begin))
    return notices


def test_what_was_false_or_planned_counts_for_its_agent_and_what_was_true_does_not() -> None:
    notes = [note(Verdict.PLANNED, 9), note(Verdict.FALSE, 5), note(Verdict.TRUE, 6), note(Verdict.TRUE, agent="b")]
    assert in_vain(notes) == {AGENT: [5, 9]}


@pytest.mark.parametrize(
    ("days_before", "counts"), [(0, 0), (1, 1), (14, 1), (15, 0)], ids=["that-day", "next", "14th", "15th"]
)
def test_it_counts_from_the_next_day_on_for_14_days(days_before: int, counts: int) -> None:
    assert said_lately([(DAY - days_before) * DAY_MS + 5], DAY) == counts


@pytest.mark.parametrize(("said", "factor"), [(0, 1.0), (1, EACH), (4, EACH**4), (5, LEAST), (50, LEAST)], ids=str)
def test_each_takes_a_tenth_off_and_all_together_no_more_than_two_fifths(said: int, factor: float) -> None:
    assert patience(said) == pytest.approx(factor)


YESTERDAY_MS = (DAY - 1) * DAY_MS + 5


@pytest.mark.parametrize(
    ("times", "agent", "notices"),
    [
        ([], AGENT, 1),
        ([YESTERDAY_MS], AGENT, 1),
        ([YESTERDAY_MS] * 5, AGENT, 0),
        ([YESTERDAY_MS] * 5, ("acme", "chat-2"), 1),
        ([YESTERDAY_MS + DAY_MS] * 5, AGENT, 1),
        ([YESTERDAY_MS - 14 * DAY_MS] * 5, AGENT, 1),
    ],
    ids=["nothing-said", "once", "five-times", "of-another", "today", "long-ago"],
)
def test_what_only_just_fires_is_held_after_notices_in_vain(
    times: list[int], agent: tuple[str, str], notices: int
) -> None:
    found = told(times, agent=agent)
    assert len(found) == notices
    assert [one.evidence.learned_from for one in found] == [
        one.evidence.learned_from for one in told(times, agent=agent, at_once=17)
    ]


def test_a_notice_says_how_often_it_was_said() -> None:
    (found,) = told([YESTERDAY_MS])
    assert found.evidence.learned_from.endswith("; less sensitive for 1 of the last 14 days' notices in vain")
