"""Decisions by name, and the transitions that follow."""

from decimal import Decimal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from burnline.detection.anomaly import Evidence, ResolvedBy, Severity, State
from burnline.detection.baseline import EffectiveBaseline
from burnline.detection.lifecycle import (
    UNREACHABLE,
    Burn,
    OpenAnomaly,
    escalated,
    judge,
    opened,
    resolved,
    watch_levels,
)
from burnline.detection.reasons import Reason
from burnline.detection.rule import Thresholds, thresholds
from tests.detection.rules import BASELINE, CENT, LIMITS, RULE, USD

OPENING = Evidence("finops.usage", 3, 41, "e-41")
LATER = Evidence("finops.usage", 3, 97, "e-97")
BURN = Burn(USD // 10, USD // 2, 3 * USD, BASELINE)
NOON = 1_700_000_000_000

WARNING = opened(
    Reason.OPENED_WARNING,
    org_id="acme",
    agent_id="agent-7",
    session_id="s-1",
    evidence=OPENING,
    at_ms=NOON,
    burn=BURN,
    rule=RULE,
).anomaly
CRITICAL = escalated(WARNING, evidence=LATER, at_ms=NOON + 5_000, burn=BURN, rule=RULE).anomaly

WARN_SHORT, WARN_LONG, CRIT_SHORT, CRIT_LONG, *_ = LIMITS


@pytest.mark.parametrize(
    ("current", "short", "long", "reason"),
    [
        pytest.param(None, 0, 0, Reason.BELOW_THRESHOLD, id="nothing"),
        pytest.param(None, WARN_SHORT, WARN_LONG, Reason.BELOW_THRESHOLD, id="at-both-lines"),
        pytest.param(None, WARN_SHORT + 1, WARN_LONG, Reason.SHORT_ONLY, id="one-pico-above-in-short"),
        pytest.param(None, WARN_SHORT, WARN_LONG + 1, Reason.LONG_ONLY, id="one-pico-above-in-long"),
        pytest.param(None, WARN_SHORT + 1, WARN_LONG + 1, Reason.OPENED_WARNING, id="one-pico-above-in-both"),
        pytest.param(None, CRIT_SHORT, CRIT_LONG, Reason.OPENED_WARNING, id="at-both-critical-lines"),
        pytest.param(None, CRIT_SHORT + 1, CRIT_LONG, Reason.OPENED_WARNING, id="critical-in-short-only"),
        pytest.param(None, CRIT_SHORT, CRIT_LONG + 1, Reason.OPENED_WARNING, id="critical-in-long-only"),
        pytest.param(None, CRIT_SHORT + 1, CRIT_LONG + 1, Reason.OPENED_CRITICAL, id="critical-in-both"),
        pytest.param(WARNING, 0, 0, Reason.STILL_OPEN, id="open-and-silent"),
        pytest.param(WARNING, WARN_SHORT + 1, WARN_LONG + 1, Reason.STILL_OPEN, id="open-and-above"),
        pytest.param(WARNING, CRIT_SHORT, CRIT_LONG + 1, Reason.STILL_OPEN, id="open-at-the-critical-line"),
        pytest.param(WARNING, CRIT_SHORT + 1, CRIT_LONG + 1, Reason.ESCALATED, id="open-above-the-critical-line"),
        pytest.param(CRITICAL, CRIT_SHORT + 1, CRIT_LONG + 1, Reason.ALREADY_CRITICAL, id="critical-and-above"),
        pytest.param(CRITICAL, 0, 0, Reason.ALREADY_CRITICAL, id="critical-never-de-escalates"),
    ],
)
def test_judge_over_the_default_limits(current: OpenAnomaly | None, short: int, long: int, reason: Reason) -> None:
    assert judge(current, short, long, LIMITS) is reason


@pytest.mark.parametrize(
    ("long", "reason"),
    [
        pytest.param(5 * CENT - 1, Reason.MINIMUM_SPEND, id="one-pico-short-of-the-minimum"),
        pytest.param(5 * CENT, Reason.OPENED_CRITICAL, id="the-minimum-itself-suffices"),
    ],
)
def test_minimum_spend_withholds_what_a_tiny_baseline_would_open(long: int, reason: Reason) -> None:
    limits = thresholds(RULE, BASELINE._replace(usd_per_hour_pico=CENT // 100))
    assert judge(None, 5 * CENT - 1, long, limits) is reason


def test_minimum_spend_guards_the_opening_only() -> None:
    limits = thresholds(RULE, BASELINE._replace(usd_per_hour_pico=0))
    assert judge(WARNING, 1, 1, limits) is Reason.ESCALATED


def test_a_baseline_of_zero_is_critical_at_once() -> None:
    limits = thresholds(RULE, BASELINE._replace(usd_per_hour_pico=0))
    assert judge(None, 0, 5 * CENT, limits) is Reason.LONG_ONLY
    assert judge(None, 1, 5 * CENT, limits) is Reason.OPENED_CRITICAL


amounts = st.integers(0, 12) | st.integers(0, 10**30)


@given(
    st.sampled_from([None, WARNING, CRITICAL]),
    amounts,
    amounts,
    st.tuples(amounts, amounts).map(sorted),
    st.tuples(amounts, amounts).map(sorted),
    amounts,
)
def test_watch_levels_are_exactly_where_judge_changes_the_state(
    current: OpenAnomaly | None, short: int, long: int, shorts: list[int], longs: list[int], minimum: int
) -> None:
    limits = Thresholds(shorts[0], longs[0], shorts[1], longs[1], minimum, shorts[0])
    watch_short, watch_long = watch_levels(current, limits)
    exceeded = short > watch_short and long > watch_long
    assert judge(current, short, long, limits).changes_state == exceeded


@pytest.mark.parametrize(
    ("current", "levels"),
    [
        pytest.param(None, (WARN_SHORT, WARN_LONG), id="none-open"),
        pytest.param(WARNING, (CRIT_SHORT, CRIT_LONG), id="warning-open"),
        pytest.param(CRITICAL, (UNREACHABLE, UNREACHABLE), id="critical-open"),
    ],
)
def test_watch_levels_by_state(current: OpenAnomaly | None, levels: tuple[int, int]) -> None:
    assert watch_levels(current, LIMITS) == levels


def test_watch_levels_fold_the_minimum_spend_into_the_long_window() -> None:
    limits = thresholds(RULE, BASELINE._replace(usd_per_hour_pico=0))
    assert watch_levels(None, limits) == (0, 5 * CENT - 1)


def test_only_changes_of_state_are_called_so() -> None:
    changing = {reason for reason in Reason if reason.changes_state}
    assert changing == {Reason.OPENED_WARNING, Reason.OPENED_CRITICAL, Reason.ESCALATED, Reason.QUIET}


@pytest.mark.parametrize(
    ("reason", "severity"),
    [
        pytest.param(Reason.OPENED_WARNING, Severity.WARNING, id="warning"),
        pytest.param(Reason.OPENED_CRITICAL, Severity.CRITICAL, id="critical"),
    ],
)
def test_opened(reason: Reason, severity: Severity) -> None:
    anomaly, notice = opened(
        reason,
        org_id="acme",
        agent_id="agent-7",
        session_id="s-1",
        evidence=OPENING,
        at_ms=NOON,
        burn=BURN,
        rule=RULE,
    )
    assert (anomaly.state, anomaly.severity, anomaly.revision) == (State.OPENED, severity, 1)
    assert (anomaly.opened_at, anomaly.updated_at) == (NOON, NOON)
    assert notice.model_dump(mode="json") == {
        "anomaly_id": anomaly.anomaly_id,
        "revision": 1,
        "state": "opened",
        "severity": severity.value,
        "scope": "session",
        "org_id": "acme",
        "agent_id": "agent-7",
        "session_id": "s-1",
        "opened_at": NOON,
        "updated_at": NOON,
        "burn_usd_per_hour": {"60s": "6", "300s": "6"},
        "baseline_usd_per_hour": "1",
        "baseline_source": "default",
        "multiplier": "5",
        "ratio": "6.000",
        "spend_usd": "3",
        "evidence": {"topic": "finops.usage", "partition": 3, "offset": 41, "event_id": "e-41"},
        "resolved_by": None,
        "detected_after_s": 0,
        "summary": (
            "acme / agent-7, session s-1: burns 6 USD/h over 60s, 6.000 × its baseline of 1 USD/h (line: × 5); "
            "3 USD spent so far"
        ),
        "excess_usd_per_hour": "5",
    }


def test_escalated_keeps_the_id_and_moves_the_evidence() -> None:
    burn = Burn(USD, 2 * USD, 5 * USD, EffectiveBaseline(USD // 2, Decimal("2.50"), "acme/agent-7"))
    anomaly, notice = escalated(WARNING, evidence=LATER, at_ms=NOON + 5_000, burn=burn, rule=RULE)
    assert anomaly == msgspec.structs.replace(
        WARNING,
        revision=2,
        state=State.ESCALATED,
        severity=Severity.CRITICAL,
        updated_at=NOON + 5_000,
        evidence=LATER,
    )
    assert (notice.anomaly_id, notice.revision, notice.evidence) == (WARNING.anomaly_id, 2, LATER)
    assert (notice.baseline_usd_per_hour, notice.multiplier, notice.ratio) == ("0.5", "2.5", "120.000")
    assert notice.baseline_source == "acme/agent-7"


def test_a_late_event_escalates_without_turning_time_back() -> None:
    anomaly, notice = escalated(WARNING, evidence=LATER, at_ms=NOON - 5_000, burn=BURN, rule=RULE)
    assert anomaly.updated_at == notice.updated_at == NOON


@pytest.mark.parametrize("by", list(ResolvedBy))
def test_resolved_by_the_slices_not_by_the_moment_somebody_looks(by: ResolvedBy) -> None:
    first = NOON // 10_000
    slices = {first: 30 * CENT, first + 1: 20 * CENT}
    notices = [
        resolved(
            WARNING,
            by=by,
            slices=slices,
            newest_slice=newest,
            spend_pico_usd=50 * CENT,
            baseline=BASELINE,
            limits=LIMITS,
            rule=RULE,
        )
        for newest in (first + 13, first + 14, first + 1000)
    ]
    assert notices[0] == notices[1] == notices[2]
    notice = notices[0]
    # The 20 cents leave the minute after slice +6; the quiet minute is slices +7 to +12, so over when +13 begins.
    assert notice.updated_at == (first + 13) * 10_000
    assert (notice.state, notice.severity, notice.revision) == (State.RESOLVED, Severity.WARNING, 2)
    assert notice.burn_usd_per_hour == {"60s": "0", "300s": "6"}
    assert (notice.ratio, notice.spend_usd, notice.resolved_by) == ("0.000", "0.5", by)
    assert (notice.opened_at, notice.evidence) == (NOON, OPENING)


def test_resolving_never_turns_time_back() -> None:
    notice = resolved(
        CRITICAL,
        by=ResolvedBy.CLOCK,
        slices={},
        newest_slice=0,
        spend_pico_usd=0,
        baseline=BASELINE,
        limits=LIMITS,
        rule=RULE,
    )
    assert notice.updated_at == CRITICAL.updated_at
    assert (notice.severity, notice.evidence) == (Severity.CRITICAL, LATER)


def test_windows_of_one_length_are_one_window() -> None:
    rule = RULE.__class__(6, 6, Decimal(3), 0, 6)
    _, notice = opened(
        Reason.OPENED_WARNING,
        org_id="acme",
        agent_id="agent-7",
        session_id="s-1",
        evidence=OPENING,
        at_ms=NOON,
        burn=Burn(CENT, CENT, CENT, BASELINE),
        rule=rule,
    )
    assert notice.burn_usd_per_hour == {"60s": "0.6"}


@given(
    st.text(max_size=20),
    st.text(min_size=1, max_size=20),
    st.integers(0, 2**63 - 1),
    st.integers(1, 2**63 - 1),
    st.sampled_from([WARNING, CRITICAL]),
)
def test_an_open_anomaly_survives_the_ledger_record_unchanged(
    event_id: str, session_id: str, offset: int, revision: int, anomaly: OpenAnomaly
) -> None:
    anomaly = msgspec.structs.replace(
        anomaly, session_id=session_id, revision=revision, evidence=Evidence("finops.usage", 0, offset, event_id)
    )
    assert msgspec.json.decode(msgspec.json.encode(anomaly), type=OpenAnomaly) == anomaly
