"""A log with something wrong in it, from end to end through the pure functions."""

from datetime import time
from decimal import Decimal
from zoneinfo import ZoneInfo

import msgspec
import pytest

from burnline.detection.anomaly import State
from burnline.detection.learned.calendar import Planned
from burnline.detection.learned.engine import PythonEngine
from burnline.detection.learned.incidents import TOLD_MEMBERS
from burnline.detection.learned.meters import DAY_MS
from burnline.detection.learned.policy import Policies, Policy, Quiet
from burnline.detection.learned.rules import RULES, Cause
from burnline.detection.learned.watch import Watch, WatchState
from burnline.native.meters import NativeEngine
from tests.detection.learned.fleet import RATES, T0_MS, Sent, batch_of, loop, ordered, usual_days, watched

HOUR_MS = 3_600_000
CENT = 10**10
"""In pico-USD."""
USUAL = usual_days(8)


def dearer(agent: str, day: int) -> list[Sent]:
    at = T0_MS + day * DAY_MS + 15 * HOUR_MS
    return [
        Sent(at + 60_000 * turn, agent, f"{agent}-{day}-x", 4_000 + 900 * (turn % 5), model=1) for turn in range(20)
    ]


def growing(agent: str, day: int) -> list[Sent]:
    at = T0_MS + day * DAY_MS + 15 * HOUR_MS
    return [Sent(at + 30_000 * turn, agent, f"{agent}-{day}-x", 5_000 + 2_000 * turn) for turn in range(60)]


def many(agent: str, day: int) -> list[Sent]:
    at = T0_MS + day * DAY_MS + 15 * HOUR_MS
    return [
        Sent(at + 1_000 * run + 20_000 * turn, agent, f"{agent}-{day}-{run}", 6_000 + 700 * turn + 400 * run)
        for run in range(12)
        for turn in range(10)
    ]


def test_usual_days_are_quiet() -> None:
    assert watched(USUAL) == []


@pytest.mark.parametrize(
    ("wrong", "cause", "scope"),
    [
        (loop("chat-1", 7), Cause.RETRY_LOOP, "session"),
        (dearer("chat-1", 7), Cause.MODEL_SWITCH, "session"),
        (growing("chat-1", 7), Cause.CONTEXT_GROWTH, "session"),
        (many("chat-1", 7), Cause.FAN_OUT, "agent"),
    ],
    ids=["retry-loop", "model-switch", "context-growth", "fan-out"],
)
def test_a_runaway_is_told_once_with_its_cause(wrong: list[Sent], cause: Cause, scope: str) -> None:
    opened, resolved = watched(USUAL + wrong)
    assert (opened.state, opened.cause, opened.scope, opened.agent_id) == (State.OPENED, cause, scope, "chat-1")
    assert opened.session_id == (wrong[0].session if scope == "session" else None)
    assert wrong[0].at_ms < opened.opened_at < wrong[0].at_ms + 20 * 60_000
    assert (resolved.state, resolved.anomaly_id, resolved.revision) == (State.RESOLVED, opened.anomaly_id, 2)
    assert "chat-1" in opened.summary
    assert opened.evidence.learned_from.endswith("of its own days")


@pytest.mark.parametrize("at_once", [1, 7, 100_000])
def test_how_a_log_is_cut_into_batches_changes_nothing(at_once: int) -> None:
    sent = ordered(USUAL + loop("chat-1", 5) + growing("chat-2", 7))
    assert watched(sent, at_once=at_once) == watched(sent)


@pytest.mark.parametrize("at_once", [1, 7, 100_000])
def test_a_session_that_comes_back_after_days_is_counted_anew_however_the_log_is_cut(at_once: int) -> None:
    """Numbers of forgotten sessions are given to others; none of them may still be on its way in a batch."""
    back = [
        Sent(T0_MS + day * DAY_MS + 11 * HOUR_MS + 50_000 * turn, "chat-1", "comes-back", 3_000 + 700 * turn)
        for day in (1, 3, 5, 7)
        for turn in range(6)
    ]
    assert watched(USUAL + back, at_once=at_once) == watched(USUAL + back)


def test_a_runaway_does_not_teach_itself_in() -> None:
    again = [sent for day in (5, 6, 7) for sent in loop("chat-1", day)]
    assert [
        notice.opened_at // DAY_MS - T0_MS // DAY_MS for notice in watched(USUAL + again) if notice.revision == 1
    ] == [
        5,
        6,
        7,
    ]


def test_what_goes_on_for_days_is_what_the_agent_does_now() -> None:
    """Half as many days in a row as are known are left out: of five, two."""
    always = [sent for day in range(5, 12) for sent in loop("chat-1", day)]
    told = [notice.opened_at for notice in watched(usual_days(12) + always) if notice.revision == 1]
    assert [(at - T0_MS) // DAY_MS for at in told] == [5, 6, 7, 8]


def test_before_two_days_of_its_own_nothing_of_an_agent_is_out_of_range() -> None:
    assert watched(usual_days(2) + loop("chat-1", 1)) == []


@pytest.mark.parametrize(("early_ms", "told"), [(0, 0), (2 * HOUR_MS, 1)], ids=["announced", "announced-for-earlier"])
def test_an_announced_spike_is_silent(early_ms: int, told: int) -> None:
    wrong = loop("chat-1", 7)
    spike = Planned("acme", "chat-1", wrong[0].at_ms - early_ms, wrong[-1].at_ms - early_ms)
    assert len({notice.anomaly_id for notice in watched(USUAL + wrong, planned=[spike])}) == told


def test_what_was_announced_widens_no_range() -> None:
    wrong = loop("chat-1", 6)
    spike = Planned("acme", "chat-1", wrong[0].at_ms, wrong[-1].at_ms)
    told = watched(USUAL + wrong + loop("chat-1", 7), planned=[spike])
    assert [notice.opened_at // DAY_MS - T0_MS // DAY_MS for notice in told if notice.revision == 1] == [7]


def test_a_burn_that_flaps_is_one_incident() -> None:
    """Ninety seconds on in each four minutes, for two hours."""
    wrong = [
        Sent(T0_MS + 7 * DAY_MS + 15 * HOUR_MS + 240_000 * turn + 3_000 * call, "chat-1", "flaps", 9_000)
        for turn in range(30)
        for call in range(30)
    ]
    assert [notice.state for notice in watched(USUAL + wrong)] == [State.OPENED, State.RESOLVED]


def test_three_sessions_of_an_agent_are_one_incident_of_the_agent() -> None:
    wrong = [
        Sent(sent.at_ms + 300_000 * place, sent.agent, f"loop-{place}", sent.input_tokens)
        for place in range(5)
        for sent in loop("chat-1", 7)
    ]
    told = watched(USUAL + wrong)
    assert [(notice.state, notice.scope) for notice in told] == [
        (State.OPENED, "session"),
        (State.OPENED, "session"),
        (State.ESCALATED, "agent"),
        (State.RESOLVED, "session"),
        (State.RESOLVED, "agent"),
    ]
    assert told[-1].sessions == [f"loop-{place}" for place in range(5)]
    assert told[-1].anomaly_id == told[2].anomaly_id == told[0].anomaly_id
    assert (told[3].anomaly_id, told[3].revision) == (told[1].anomaly_id, 2)
    assert told[3].summary.endswith("one incident of the agent.")


@pytest.mark.parametrize(
    ("sessions", "every_ms", "tokens"),
    [(40, 200, 9_000), (200, 1_000, 2_000)],
    ids=["busy-feed-of-40-sessions", "fan-out-of-200-cheap-sessions"],
)
def test_many_sessions_of_one_agent_at_once_are_one_incident_with_its_members(
    sessions: int, every_ms: int, tokens: int
) -> None:
    begin_ms = T0_MS + 7 * DAY_MS + 15 * HOUR_MS
    wrong = [
        Sent(begin_ms + every_ms * place + 30_000 * turn, "chat-1", f"feed-{place}", tokens + 400 * (turn % 3))
        for place in range(sessions)
        for turn in range(12)
    ]
    opened, resolved = watched(USUAL + wrong)
    assert (opened.state, opened.scope, resolved.anomaly_id) == (State.OPENED, "agent", opened.anomaly_id)
    assert len(resolved.sessions) == TOLD_MEMBERS
    assert all(session.startswith("feed-") for session in resolved.sessions)


@pytest.mark.parametrize(
    ("peers", "times", "told"),
    [(24, 1, []), (24, 12, [State.OPENED, State.RESOLVED]), (18, 12, [])],
    ids=["as-it-was", "many-times-as-much", "too-few-peers"],
)
def test_an_agent_on_its_first_day_is_held_against_the_hours_that_its_peers_know(
    peers: int, times: int, told: list[State]
) -> None:
    """Three sessions in the morning; in the afternoon the same again, or so many at once, one after the other."""
    begin_ms = T0_MS + 7 * DAY_MS
    morning = [
        Sent(begin_ms + (8 + session) * HOUR_MS + 130_000 * turn, "new", f"new-{session}", 3_000 + 300 * (turn % 5))
        for session in range(3)
        for turn in range(12)
    ]
    afternoon = [
        Sent(begin_ms + 15 * HOUR_MS + 130_000 * turn + 3_000 * many, "new", f"more-{many}", 3_000 + 300 * (turn % 5))
        for many in range(times)
        for turn in range(20)
    ]
    notices = watched(usual_days(8, agents=peers) + morning + afternoon)
    assert [notice.state for notice in notices] == told
    assert all(
        notice.scope == "agent" and "borrowed from its peers" in notice.evidence.learned_from for notice in notices
    )


def test_the_split_of_the_change_sums_to_it() -> None:
    (opened, _) = watched(USUAL + growing("chat-1", 7))
    assert opened.usual_usd_per_hour is not None
    change = sum(map(Decimal, opened.change_usd_per_hour.values()), Decimal())
    assert change == Decimal(opened.burn_usd_per_hour) - Decimal(opened.usual_usd_per_hour)


@pytest.mark.parametrize("at_once", [1, 97, 400], ids=lambda size: f"{size}-calls")
def test_a_watch_goes_on_where_another_one_was(at_once: int) -> None:
    """With every batch another watch takes over, from nothing but the bytes that the one before left."""
    log = ordered(USUAL + loop("chat-1", 7) + many("chat-2", 7) + growing("chat-0", 7))
    begin = 0 if at_once > 1 else len(log) - 120
    policies = Policies([Policy(minimum_pico_usd=5 * CENT)])
    watch = Watch(PythonEngine(RULES), RULES, policies=policies)
    for rates in RATES:
        watch.add_model(rates)
    notices = watch.apply(batch_of(watch, log[:begin], 0)) if begin else []
    for place in range(begin, len(log), at_once):
        state = msgspec.msgpack.encode(watch.save())
        watch = Watch(PythonEngine(RULES), RULES, policies=policies)
        assert watch.load(msgspec.msgpack.decode(state, type=WatchState))
        notices += watch.apply(batch_of(watch, log[place : place + at_once], place))
    assert notices + watch.end(log[-1].at_ms + DAY_MS) == watched(log, policies=policies)
    assert len(notices) == 3


def test_what_was_learned_outlives_the_meters_of_another_kind() -> None:
    first, second = Watch(PythonEngine(RULES), RULES), Watch(NativeEngine(RULES), RULES)
    for rates in RATES:
        first.add_model(rates)
    first.apply(batch_of(first, ordered(usual_days(9))))
    assert not second.load(first.save())
    wrong = loop("chat-1", 9)
    assert [notice.cause for notice in second.apply(batch_of(second, wrong))] == [Cause.RETRY_LOOP]


def test_what_was_learned_with_fewer_statistics_is_taken_over() -> None:
    """By a build before: peaks of what it did not know yet are not known."""
    first, second = Watch(PythonEngine(RULES), RULES), Watch(PythonEngine(RULES), RULES)
    for rates in RATES:
        first.add_model(rates)
    first.apply(batch_of(first, ordered(usual_days(9))))
    state = first.save()
    for past in state.past.values():
        past.days[:] = [(day, usage, logs[:20]) for day, usage, logs in past.days]
    assert not second.load(msgspec.structs.replace(state, engine=msgspec.structs.replace(state.engine, layout="")))
    assert [notice.cause for notice in second.apply(batch_of(second, loop("chat-1", 9)))] == [Cause.RETRY_LOOP]


@pytest.mark.parametrize(
    ("policy", "told"),
    [
        (Policy("p", minimum_pico_usd=5 * CENT), [State.OPENED, State.RESOLVED]),
        (Policy("p", minimum_pico_usd=900 * CENT), []),
        (Policy("p", "acme", "chat-1", sensitivity=0.25), []),
        (Policy("p", "acme", "chat-2", sensitivity=0.25), [State.OPENED, State.RESOLVED]),
        (Policy("p", quiet=(Quiet(time(14), time(16), ZoneInfo("UTC")),)), []),
        (Policy("p", quiet=(Quiet(time(16), time(14), ZoneInfo("UTC")),)), [State.OPENED, State.RESOLVED]),
    ],
    ids=["above-its-minimum", "below-it", "less-sensitive", "another-agent", "in-quiet-hours", "outside"],
)
def test_a_policy_says_what_is_told(policy: Policy, told: list[State]) -> None:
    notices = watched(USUAL + loop("chat-1", 7, calls=30), policies=Policies([policy]))
    assert [notice.state for notice in notices] == told
    assert {notice.policy for notice in notices} <= {"p" if policy.agent_id != "chat-2" else None}


def test_what_goes_on_after_quiet_hours_is_told_then() -> None:
    """It goes on from three o'clock for eight minutes, and quiet lasts until five past: it says when it began."""
    quiet = Quiet(time(14), time(15, 5), ZoneInfo("UTC"))
    wrong = loop("chat-1", 7, calls=120)
    opened, resolved = watched(USUAL + wrong, policies=Policies([Policy(quiet=(quiet,))]))
    assert (opened.state, opened.revision, resolved.revision) == (State.OPENED, 1, 2)
    day_ms = T0_MS + 7 * DAY_MS
    assert (
        opened.opened_at < day_ms + 15 * HOUR_MS + 5 * 60_000 <= opened.updated_at < day_ms + 15 * HOUR_MS + 7 * 60_000
    )


def test_members_that_were_held_make_one_incident_that_is_told_once() -> None:
    """Each of five sessions is below the minimum, all of them together are not."""
    wrong = [
        Sent(sent.at_ms + 300_000 * place, sent.agent, f"loop-{place}", sent.input_tokens)
        for place in range(5)
        for sent in loop("chat-1", 7)
    ]
    told = watched(USUAL + wrong, policies=Policies([Policy(minimum_pico_usd=100 * CENT)]))
    assert [(notice.state, notice.scope, notice.revision) for notice in told] == [
        (State.OPENED, "agent", 1),
        (State.RESOLVED, "agent", 2),
    ]


def test_a_policy_that_holds_for_no_agent_is_known() -> None:
    watch = Watch(PythonEngine(RULES), RULES, policies=Policies([Policy("acme", "acme"), Policy("gone", "gone")]))
    for rates in RATES:
        watch.add_model(rates)
    watch.apply(batch_of(watch, ordered(usual_days(1))))
    assert watch.agents_by_policy() == {"acme": 3, "gone": 0}
