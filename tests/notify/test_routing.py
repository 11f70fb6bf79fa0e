"""Whether a sink gets a notice, and when it is tried again."""

from typing import Any

import pytest

from burnline.detection.anomaly import Anomaly, Learned, Severity, State
from burnline.detection.learned.rules import Cause
from burnline.detection.notes import Quiet
from burnline.detection.summary import summary
from burnline.notify.messages import made_up
from burnline.notify.routing import LONGEST_WAIT_S, Route, age_s, held, route, wait_s, wanted
from burnline.notify.sinks import Match

NOW = 1_764_000_000_000


def notice(state: State = State.OPENED, severity: Severity = Severity.WARNING) -> Anomaly:
    return made_up(state, severity, 1, NOW, "made-up")


@pytest.mark.parametrize(
    ("match", "found", "why"),
    [
        pytest.param({}, notice(), Route.SEND, id="anything"),
        pytest.param({"org_id": ["burnline-test", "acme"]}, notice(), Route.SEND, id="one of its organisations"),
        pytest.param({"org_id": ["acme"]}, notice(), Route.OTHER_ORG, id="another organisation"),
        pytest.param({"org_id": []}, notice(), Route.OTHER_ORG, id="no organisation"),
        pytest.param({"agent_id": ["other"]}, notice(), Route.OTHER_AGENT, id="another agent"),
        pytest.param({"severity_floor": "critical"}, notice(), Route.BELOW_FLOOR, id="a warning below the floor"),
        pytest.param(
            {"severity_floor": "critical"}, notice(severity=Severity.CRITICAL), Route.SEND, id="critical at the floor"
        ),
        pytest.param({"states": ["resolved"]}, notice(), Route.OTHER_STATE, id="another state"),
    ],
)
def test_which_notices_a_sink_wants(match: dict[str, Any], found: Anomaly, why: Route) -> None:
    assert route(Match.model_validate(match), found, age_s=0, max_age_s=60) is why


def learned(*, suggested: bool) -> Anomaly:
    why = Learned(
        suggested=suggested, cause=Cause.RETRY_LOOP, summary="made-up: the same call comes again and again.",
        sessions=["made-up-session"], usual_usd_per_hour="1", peak_usd_per_hour="9", excess_usd="2",
        excess_usd_per_hour="8", change_usd_per_hour={"volume": "8"}, statistic="alike_calls", ratio_to_highest=4.0,
        learned_from="highest values of 7 of its own days",
    )  # fmt: skip
    return notice().model_copy(update={"learned": why})


@pytest.mark.parametrize(
    ("heard", "state", "muted", "closes", "why"),
    [
        pytest.param(Quiet.HEARD, State.OPENED, False, False, Route.SEND, id="nothing keeps it"),
        pytest.param(Quiet.ACKNOWLEDGED, State.OPENED, False, True, Route.ACKNOWLEDGED, id="somebody looks after it"),
        pytest.param(Quiet.SILENCED, State.ESCALATED, True, True, Route.SILENCED, id="silenced"),
        pytest.param(Quiet.HEARD, State.OPENED, True, True, Route.MUTED, id="a mute time"),
        pytest.param(Quiet.SILENCED, State.RESOLVED, True, True, Route.SEND, id="an end that closes something"),
        pytest.param(Quiet.SILENCED, State.RESOLVED, False, False, Route.SILENCED, id="an end that closes nothing"),
        pytest.param(Quiet.HEARD, State.RESOLVED, True, False, Route.MUTED, id="an end in a mute time"),
    ],
)
def test_what_is_kept_from_a_sink_for_a_while(
    heard: Quiet, state: State, why: Route, *, muted: bool, closes: bool
) -> None:
    assert held(notice(state), heard, muted=muted, closes=closes) is why


@pytest.mark.parametrize(
    ("match", "why"),
    [
        ({"scope": ["session"]}, Route.SEND),
        ({"scope": ["agent"]}, Route.OTHER_SCOPE),
        ({"cause": ["retry_loop", "volume"]}, Route.SEND),
        ({"cause": ["volume"]}, Route.OTHER_CAUSE),
    ],
    ids=str,
)
def test_scope_and_cause_are_labels_to_route_by(match: dict[str, Any], why: Route) -> None:
    assert wanted(Match.model_validate(match), learned(suggested=False)) is why


def test_what_has_no_cause_goes_to_nobody_who_asks_for_one() -> None:
    assert wanted(Match.model_validate({"cause": ["retry_loop"]}), notice()) is Route.OTHER_CAUSE


@pytest.mark.parametrize(("suggested", "why"), [(True, Route.SUGGESTED), (False, Route.SEND)])
def test_what_is_only_suggested_is_sent_to_nobody(why: Route, *, suggested: bool) -> None:
    assert route(Match(), learned(suggested=suggested), age_s=0, max_age_s=60) is why


def test_a_learned_notice_is_as_old_as_what_it_tells() -> None:
    assert age_s(notice(), written_ms=NOW + 5_000, now_ms=NOW + 9_000) == 4
    assert age_s(learned(suggested=False), written_ms=NOW + 5_000, now_ms=NOW + 9_000) == 9


def test_a_learned_notice_says_why_in_words() -> None:
    assert summary(learned(suggested=False)) == "burnline-test / made-up: the same call comes again and again."


@pytest.mark.parametrize(("age", "why"), [(60, Route.SEND), (60.001, Route.TOO_OLD)])
def test_a_new_sink_hears_no_history(age: float, why: Route) -> None:
    assert route(Match(), notice(), age_s=age, max_age_s=60) is why


@pytest.mark.parametrize(
    ("attempt", "retry_after_s", "chance", "wanted"),
    [
        (1, None, 0.0, 0.5),
        (1, None, 1.0, 1.0),
        (3, None, 1.0, 4.0),
        (7, None, 1.0, 60.0),
        (99, None, 1.0, 60.0),
        (1, 30.0, 0.5, 30.0),
        (7, 0.0, 0.0, 30.0),
        (1, 300.0, 0.5, 300.0),
    ],
)
def test_when_it_is_tried_again(attempt: int, retry_after_s: float | None, chance: float, wanted: float) -> None:
    assert wait_s(attempt, retry_after_s, chance) == wanted
    assert wait_s(attempt, None, chance) <= LONGEST_WAIT_S
