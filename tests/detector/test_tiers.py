"""All sessions of an agent together, against what its policy says that they may burn."""

from datetime import time
from decimal import Decimal
from zoneinfo import ZoneInfo

import msgspec
import pytest

from burnline.detection.anomaly import Anomaly, ResolvedBy, Severity, State
from burnline.detection.learned.notice import Place
from burnline.detection.learned.policy import Policies, Policy, Quiet
from burnline.detector.tiers import AgentTiers, TiersState
from burnline.events.usage import Usage
from burnline.pricing.money import PICO_PER_USD
from tests.ledger.examples import RULE, T0, TOPIC, usage

HOUR_MS = 3_600_000
CENT = PICO_PER_USD // 100
TEN = Policy("ten", "acme", usd_per_hour_pico=10 * PICO_PER_USD)
"""10 USD/h: above 14.4 USD... in five minutes at 14.4 times, 144 in an hour."""


def tiers(*policies: Policy) -> AgentTiers:
    return AgentTiers(TOPIC, RULE, Policies(policies or (TEN,)))


def fan_out(minutes: int, *, begin_ms: int = T0) -> list[tuple[Usage, int]]:
    """200 sessions, each of which spends 3 USD/h: 600 in all, in calls of 5 cents."""
    return [
        (usage(event_id=f"e-{begin_ms}-{minute}-{session}", session_id=f"s-{session}",
               occurred_at=begin_ms + minute * 60_000 + session * 300), 5 * CENT)
        for minute in range(minutes)
        for session in range(200)
    ]  # fmt: skip


def take(of: AgentTiers, events: list[tuple[Usage, int]]) -> list[Anomaly]:
    places = [Place(0, offset, event.occurred_at) for offset, (event, _) in enumerate(events)]
    of.add([event for event, _ in events], [cost for _, cost in events], places)
    return of.take_notices()


def test_two_hundred_cheap_sessions_are_one_notice_of_the_agent() -> None:
    watched = tiers()
    (opened,) = take(watched, fan_out(60))
    assert (opened.scope, opened.org_id, opened.agent_id) == ("agent", "acme", "agent-7")
    assert (opened.state, opened.severity, opened.baseline_source) == (State.OPENED, Severity.CRITICAL, "policy ten")
    assert (opened.baseline_usd_per_hour, opened.multiplier) == ("10", "14.4")
    assert set(opened.burn_usd_per_hour) == {"300s", "3600s"}
    assert Decimal(opened.burn_usd_per_hour["3600s"]) > 144
    assert 14 * 60_000 < opened.opened_at - T0 < 15 * 60_000
    assert len(watched) == 1
    watched.move_on(T0 + 8 * HOUR_MS, ResolvedBy.CLOCK)
    (resolved,) = watched.take_notices()
    assert (resolved.state, resolved.revision, resolved.anomaly_id) == (State.RESOLVED, 2, opened.anomaly_id)
    assert (resolved.resolved_by, len(watched)) == (ResolvedBy.CLOCK, 0)


@pytest.mark.parametrize(
    "policy",
    [
        Policy("plain", "acme"),
        Policy("another", "initech", usd_per_hour_pico=CENT),
        Policy("enough", "acme", usd_per_hour_pico=600 * PICO_PER_USD),
        Policy("quiet", "acme", usd_per_hour_pico=CENT, quiet=(Quiet(time(0), time(23, 59), ZoneInfo("UTC")),)),
        Policy("dear", "acme", usd_per_hour_pico=CENT, minimum_pico_usd=601 * PICO_PER_USD),
    ],
    ids=lambda policy: policy.name,
)
def test_nothing_is_told_where_no_policy_asks_for_it(policy: Policy) -> None:
    assert take(tiers(policy), fan_out(60)) == []


def test_a_slow_burn_is_a_warning_and_a_fast_one_raises_it() -> None:
    slow = [(usage(event_id=f"slow-{hour}", occurred_at=T0 + hour * HOUR_MS), 20 * PICO_PER_USD) for hour in range(40)]
    watched = tiers()
    (opened,) = take(watched, slow)
    assert (opened.severity, opened.multiplier) == (Severity.WARNING, "1")
    assert opened.burn_usd_per_hour.keys() == {"21600s", "259200s"}
    (escalated,) = take(watched, fan_out(60, begin_ms=T0 + 40 * HOUR_MS))
    assert (escalated.state, escalated.severity, escalated.revision) == (State.ESCALATED, Severity.CRITICAL, 2)
    assert escalated.anomaly_id == opened.anomaly_id


@pytest.mark.parametrize("cut", [1, 1_000, 2_900, 5_000])
def test_another_one_goes_on_where_it_was(cut: int) -> None:
    events = fan_out(30)
    whole, first, second = tiers(), tiers(), tiers()
    expected = take(whole, events)
    notices = take(first, events[:cut])
    second.load(msgspec.msgpack.decode(msgspec.msgpack.encode(first.save()), type=TiersState))
    places = [Place(0, offset, event.occurred_at) for offset, (event, _) in enumerate(events)][cut:]
    second.add([event for event, _ in events[cut:]], [cost for _, cost in events[cut:]], places)
    assert notices + second.take_notices() == expected
    for each in (whole, second):
        each.move_on(T0 + 8 * HOUR_MS, ResolvedBy.CLOCK)
    assert second.take_notices() == whole.take_notices()


def test_an_agent_whose_policy_is_gone_is_let_go() -> None:
    watched = tiers()
    take(watched, fan_out(60))
    other = tiers(Policy("plain", "acme"))
    other.load(watched.save())
    assert len(other) == 0
