"""Teams, projects, organisations and session trees: what none of their members explains is told once, of all."""

from collections.abc import Iterable
from functools import cache

import pytest

from burnline.detection.anomaly import Anomaly, State
from burnline.detection.learned.calendar import Planned
from burnline.detection.learned.meters import DAY_MS
from burnline.detection.learned.rules import Cause
from burnline.detection.subject import AnomalyScope
from burnline.detector.merging import Logged
from burnline.detector.stage import Stage
from tests.detection.learned.fleet import T0_MS, Sent
from tests.detector.feeds import HOUR_MS, Feed, hours, usual_weeks
from tests.detector.logs import records, stage

TODAY = 5


def told(log: Iterable[Sent], of: Stage | None = None) -> list[Anomaly]:
    watched = of or stage()
    notices, _ = watched.apply(records(log))
    return notices + watched.settle(watched.newest_ms + DAY_MS)


def doubled(agents: int = 10, times: float = 2.0) -> list[Feed]:
    return [each for agent in range(agents) for each in hours(f"feed-{agent}", TODAY, times=times)]


@cache
def log_of_a_team_that_doubles() -> tuple[Logged, ...]:
    return tuple(records([*usual_weeks(), *doubled()]))


def test_a_team_whose_agents_all_double_is_one_incident_of_the_team() -> None:
    watched = stage()
    notices, _ = watched.apply(log_of_a_team_that_doubles())
    opened, resolved = notices + watched.settle(watched.newest_ms + DAY_MS)
    assert (opened.scope, opened.subject, opened.state) == (AnomalyScope.TEAM, "platform", State.OPENED)
    assert (resolved.state, resolved.revision, resolved.anomaly_id) == (State.RESOLVED, 2, opened.anomaly_id)
    assert opened.members is not None
    assert {(each.scope, each.name) for each in opened.members} == {
        (AnomalyScope.AGENT, f"feed-{agent}") for agent in range(10)
    }
    assert opened.learned is not None
    assert opened.learned.cause is Cause.VOLUME
    assert "team platform, 10 of its agents" in (opened.summary or "")
    began_ms = T0_MS + TODAY * DAY_MS + 10 * HOUR_MS
    assert 0 < opened.opened_at - began_ms <= HOUR_MS


def test_what_a_team_usually_does_is_nothing() -> None:
    assert told([*usual_weeks(), *doubled(times=1.0)]) == []


def test_what_one_agent_burns_alone_is_no_incident_of_its_team() -> None:
    alone = [*hours("feed-3", TODAY, times=12.0), *(each for each in doubled(times=1.0) if each.agent != "feed-3")]
    notices = told([*usual_weeks(), *alone])
    assert {notice.scope for notice in notices} <= {AnomalyScope.SESSION, AnomalyScope.AGENT}
    assert {notice.agent_id for notice in notices} == {"feed-3"}


def test_teams_that_all_double_are_one_incident_of_the_organisation() -> None:
    """Three of them: none holds two thirds of the excess."""
    half = usual_weeks(agents=15)
    today = doubled(agents=15)
    teams = [
        Feed(**{**vars(each), "team": f"team-{int(each.agent.removeprefix('feed-')) % 3}"}) for each in [*half, *today]
    ]
    opened, *rest = told(teams)
    assert (opened.scope, opened.subject, opened.org_id) == (AnomalyScope.ORG, "acme", "acme")
    assert [notice.state for notice in rest] == [State.RESOLVED]


def test_a_session_that_fans_out_over_agents_is_one_incident_of_its_tree() -> None:
    usual = [
        Feed(**{**vars(each), "session": f"{each.session}-child-{number % 3}", "parent": f"root-{day}"})
        for day in range(TODAY)
        for number, each in enumerate(hours("helper-0", day, times=0.5, length=1.0))
    ]
    usual += [each for day in range(TODAY) for each in hours("lead", day, times=0.1, length=1.0)]
    roots = [
        Feed(**{**vars(each), "session": f"root-{(each.at_ms - T0_MS) // DAY_MS}"})
        for each in usual
        if each.agent == "lead"
    ]
    usual = [each for each in usual if each.agent != "lead"] + roots
    fan = [
        Feed(**{**vars(each), "session": f"child-{child}", "parent": f"root-{TODAY}"})
        for child in range(40)
        for each in hours(f"helper-{child % 20}", TODAY, times=0.5, length=1.0)
    ]
    root = [Feed(**{**vars(each), "session": f"root-{TODAY}"}) for each in hours("lead", TODAY, times=0.1, length=1.0)]
    wide = told([*usual, *fan, *root])
    assert [(notice.state, notice.subject) for notice in wide] == [
        (State.OPENED, f"root-{TODAY}"),
        (State.RESOLVED, f"root-{TODAY}"),
    ]
    assert wide[0].learned is not None
    assert wide[0].learned.cause is Cause.FAN_OUT


def test_agents_that_go_wrong_for_one_cause_become_one_incident_at_the_third() -> None:
    """The first goes on as the team's, under its id; the second ends and says why; further ones are not told."""
    loops = [
        Feed(
            T0_MS + TODAY * DAY_MS + 11 * HOUR_MS + agent * 400_000 + turn * 4_000,
            f"feed-{agent}",
            f"loop-{agent}",
            9_000,
        )
        for agent in range(6)
        for turn in range(60)
    ]
    notices = told([*usual_weeks(), *loops])
    states = [(notice.scope, notice.state, notice.agent_id) for notice in notices if notice.state is not State.RESOLVED]
    assert states == [
        (AnomalyScope.SESSION, State.OPENED, "feed-0"),
        (AnomalyScope.SESSION, State.OPENED, "feed-1"),
        (AnomalyScope.TEAM, State.ESCALATED, "feed-2"),
    ]
    first, second, team, *rest = notices
    assert team.anomaly_id == first.anomaly_id
    assert team.learned is not None
    assert team.learned.cause is Cause.RETRY_LOOP
    merged, resolved = rest
    assert (merged.anomaly_id, merged.state) == (second.anomaly_id, State.RESOLVED)
    assert "part of one incident of team platform" in (merged.summary or "")
    assert (resolved.anomaly_id, resolved.state) == (first.anomaly_id, State.RESOLVED)
    assert resolved.members is not None
    assert len(resolved.members) == 6


def test_another_cause_of_a_member_is_told_beside_its_team() -> None:
    at = T0_MS + TODAY * DAY_MS + 11 * HOUR_MS + 30 * 60_000
    loop = [Feed(at + turn * 4_000, "feed-4", "loop-4", 9_000) for turn in range(60)]
    opened = [one for one in told([*usual_weeks(), *doubled(), *loop]) if one.state is State.OPENED]
    assert [(one.scope, one.agent_id) for one in opened][1:] == [(AnomalyScope.SESSION, "feed-4")]
    assert opened[0].scope is AnomalyScope.TEAM


def test_an_announced_spike_of_its_agents_is_none_of_the_team() -> None:
    begin = T0_MS + TODAY * DAY_MS
    planned = [Planned("acme", f"feed-{agent}", begin, begin + DAY_MS) for agent in range(10)]
    watched = stage(planned=planned)
    assert watched.apply(log_of_a_team_that_doubles())[0] == []


@pytest.mark.parametrize("at_once", [997], ids="{}-at-once".format)
def test_how_the_log_is_cut_and_where_a_stage_goes_on_changes_nothing(at_once: int) -> None:
    log = log_of_a_team_that_doubles()
    watched, notices = stage(), []
    for begin in range(0, len(log), at_once):
        notices += watched.apply(log[begin : begin + at_once])[0]
        state = watched.save()
        watched = stage()
        assert watched.load(state)
    whole = stage()
    assert notices == whole.apply(log)[0]
    assert watched.save() == whole.save()
