"""Records of `usage` in, notices of `anomalies` out, and all that is known as bytes in between."""

import json
from decimal import Decimal

import pytest

from burnline.api.view.anomalies import read_notice
from burnline.detection.anomaly import Anomaly, State, cloudevent_headers, notice_key, notice_value
from burnline.detection.baseline import Baseline
from burnline.detection.learned.meters import DAY_MS
from burnline.detection.learned.policy import Policies, Policy
from burnline.detection.learned.rules import Cause
from burnline.detection.summary import summary
from burnline.detector.admission import LATE_MS
from burnline.detector.merging import Logged
from burnline.detector.stage import Stage
from burnline.readmodel import rows
from tests.detection.learned.fleet import Sent, loop, usual_days
from tests.detector.logs import records, stage

LOG = records(usual_days(8) + loop("chat-1", 7))
LINE = Baseline(org_id="acme", agent_id="chat-1", usd_per_hour="9")


def told(of: Stage, log: list[Logged] = LOG) -> list[Anomaly]:
    notices, _ = of.apply(log)
    return notices + of.settle(of.newest_ms + DAY_MS)


def test_a_notice_reads_like_any_other_and_says_why() -> None:
    opened, resolved = told(stage())
    assert (opened.state, opened.agent_id, opened.session_id) == (State.OPENED, "chat-1", "chat-1-7-loop")
    assert (opened.baseline_source, opened.multiplier) == ("learned", "1")
    assert Decimal(opened.ratio or 0) > 1
    assert opened.learned is not None
    assert (opened.learned.cause, opened.learned.suggested) == (Cause.RETRY_LOOP, False)
    found = next(record for record in LOG if json.loads(record.value or b"")["event_id"] == opened.evidence.event_id)
    assert (opened.evidence.topic, opened.evidence.partition, opened.evidence.offset) == ("t.usage", *found[1:3])
    assert (resolved.state, resolved.revision, resolved.anomaly_id) == (State.RESOLVED, 2, opened.anomaly_id)
    assert notice_key(opened) == notice_key(resolved) == b'["acme","chat-1-7-loop"]'
    assert Anomaly.model_validate_json(notice_value(opened)) == opened
    assert dict(cloudevent_headers(opened))["ce_type"] == b"burnline.anomaly.opened.v1"


def test_whoever_reads_notices_reads_these() -> None:
    """The projection, the live picture and a message in words; a fan-out speaks of the agent as a whole."""
    at = LOG[-1].logged_ms
    many = [
        Sent(at + 1_000 * run + 20_000 * turn, "chat-2", f"many-{run}", 6_000 + 700 * turn + 400 * run)
        for run in range(12)
        for turn in range(10)
    ]
    opened = next(notice for notice in told(stage(), LOG + records(many, len(LOG))) if notice.agent_id == "chat-2")
    assert (opened.scope, opened.state) == ("agent", State.OPENED)
    assert opened.learned is not None
    assert opened.session_id == opened.learned.sessions[0]
    value = notice_value(opened)
    assert rows.notice(value) == opened
    assert read_notice(value).heading.session_id == opened.session_id
    assert summary(opened) == f"acme / {opened.learned.summary}"


def test_an_agent_with_a_line_of_its_own_is_left_to_it() -> None:
    assert told(stage(LINE)) == []


def test_what_was_told_is_told_to_its_end_whatever_line_comes_meanwhile() -> None:
    watched = stage()
    opened, _ = watched.apply(LOG)
    watched.baselines = stage(LINE).baselines
    resolved = watched.settle(watched.newest_ms + DAY_MS)
    assert [notice.state for notice in opened + resolved] == [State.OPENED, State.RESOLVED]


def test_what_is_only_suggested_says_so() -> None:
    assert all(notice.learned and notice.learned.suggested for notice in told(stage(suggests=True)))


def test_a_repeated_event_counts_once() -> None:
    again = [record._replace(offset=record.offset + 1_000) for record in LOG[-50:]]
    watched = stage()
    _, counts = watched.apply(LOG)
    assert counts == (len(LOG), 0, 0, 0)
    notices, counts = watched.apply(again)
    assert (notices, counts) == ([], (0, 0, len(again), 0))


@pytest.mark.parametrize(("late_ms", "counted"), [(LATE_MS, 1), (LATE_MS + 1, 0)], ids=["a-day", "more"])
def test_what_the_log_took_too_late_is_passed_over(late_ms: int, counted: int) -> None:
    record = records([Sent(LOG[0].logged_ms, "a", "s")])[0]
    _, counts = stage().apply([record._replace(logged_ms=record.logged_ms - 100 + late_ms)])
    assert (counts.counted, counts.late) == (counted, 1 - counted)


def test_no_event_is_an_event_of_its_own() -> None:
    watched = stage()
    _, counts = watched.apply([Logged(LOG[0].logged_ms, 0, 4, b"{}"), Logged(LOG[0].logged_ms, 1, 8, None)])
    assert counts == (0, 2, 0, 0)
    assert watched.offsets == {0: 5, 1: 9}


@pytest.mark.parametrize("cuts", [[1], [40, 41, 300], [len(LOG) - 20]], ids=str)
def test_a_stage_goes_on_where_another_one_was(cuts: list[int]) -> None:
    watched, notices = stage(), []
    for begin, end in zip([0, *cuts], [*cuts, len(LOG)], strict=True):
        notices += watched.apply(LOG[begin:end])[0]
        state = watched.save()
        watched = stage()
        assert watched.load(state)
    assert notices + watched.settle(watched.newest_ms + DAY_MS) == told(stage())


@pytest.mark.parametrize("damage", [b"", b"\x80", b"\xff" * 40], ids=["empty", "no-fields", "noise"])
def test_what_is_no_state_is_refused(damage: bytes) -> None:
    with pytest.raises(ValueError, match="no state of the learned rules"):
        stage().load(damage)


def test_an_agent_whose_sessions_together_burn_too_much_is_told_of_wherever_the_state_is_saved() -> None:
    """Twelve sessions that burn 5 USD/h each, over a quarter of an hour; its policy allows the agent 1 in the mean."""
    line = Policy("one", "acme", "many", usd_per_hour_pico=10**12)
    at = LOG[-1].logged_ms
    many = [
        Sent(at + 1_000 * run + 12_000 * turn, "many", f"many-{run}", 15_000, 300)
        for run in range(12)
        for turn in range(75)
    ]
    log, watched = records(many), stage(policies=Policies([line]))
    notices, _ = watched.apply(log[:400])
    state = watched.save()
    watched = stage(policies=Policies([line]))
    assert watched.load(state)
    notices += watched.apply(log[400:])[0]
    notices += watched.settle(watched.newest_ms + DAY_MS)
    found = [notice for notice in notices if notice.baseline_source == "policy one"]
    assert [(notice.state, notice.scope, notice.learned) for notice in found] == [
        (State.OPENED, "agent", None),
        (State.RESOLVED, "agent", None),
    ]
    assert summary(found[0]).startswith("acme / many, all its sessions together: burns")


def test_policies_that_come_meanwhile_hold_from_the_next_batch_on() -> None:
    """Each notice says by which version it was told; what was told before keeps its own."""
    first, second = (Policies([Policy("loud", "acme", "*", version=version)]) for version in (1, 2))
    later = records(loop("chat-2", 8), len(LOG))
    watched = stage(policies=first)
    notices, _ = watched.apply(LOG)
    watched.set_policies(second)
    notices += watched.apply(later)[0] + watched.settle(watched.newest_ms + DAY_MS)
    versions = {(one.agent_id, one.state): one.learned and one.learned.policy_version for one in notices}
    assert versions == {
        ("chat-1", State.OPENED): 1, ("chat-1", State.RESOLVED): 1,
        ("chat-2", State.OPENED): 2, ("chat-2", State.RESOLVED): 2,
    }  # fmt: skip


def test_a_line_that_is_taken_away_ends_what_is_open_over_it() -> None:
    line = Policies([Policy("tight", "acme", "*", usd_per_hour_pico=10**10)])
    watched = stage(policies=line)
    opened, _ = watched.apply(LOG)
    assert "policy tight" in {one.baseline_source for one in opened if one.state is State.OPENED}
    watched.set_policies(Policies())
    rest = watched.settle(watched.newest_ms)
    ended = {one.anomaly_id for one in opened + rest if one.state is State.RESOLVED}
    assert {one.anomaly_id for one in opened if one.baseline_source == "policy tight"} <= ended
