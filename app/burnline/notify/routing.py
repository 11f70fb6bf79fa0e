"""Whether a sink gets a notice, with the reason; and how long it is tried. Pure: the moment is an argument."""

from enum import StrEnum

from burnline.detection.anomaly import Anomaly, Severity, State
from burnline.detection.notes import Quiet
from burnline.notify.sinks import Match

FIRST_WAIT_S = 1.0
LONGEST_WAIT_S = 60.0


class Route(StrEnum):
    """What becomes of a notice at a sink."""

    SEND = "send"
    OTHER_ORG = "other_org"
    OTHER_AGENT = "other_agent"
    OTHER_SCOPE = "other_scope"
    OTHER_CAUSE = "other_cause"
    BELOW_FLOOR = "below_floor"
    OTHER_STATE = "other_state"
    TOO_OLD = "too_old"
    SUGGESTED = "suggested"
    ACKNOWLEDGED = "acknowledged"
    SILENCED = "silenced"
    MUTED = "muted"


_QUIET = {Quiet.ACKNOWLEDGED: Route.ACKNOWLEDGED, Quiet.SILENCED: Route.SILENCED}


def route(match: Match, notice: Anomaly, *, age_s: float, max_age_s: float) -> Route:
    """Whether a sink wants a notice, and if not, why not. An age of exactly `max_age_s` is sent."""
    found = wanted(match, notice)
    return Route.TOO_OLD if found is Route.SEND and age_s > max_age_s else found


def held(notice: Anomaly, heard: Quiet, *, muted: bool, closes: bool) -> Route:
    """Whether a notice that a sink wants is kept from it now, and why.

    Args:
        notice: Which.
        heard: What people have said of its anomaly.
        muted: Whether the sink has a mute time.
        closes: Whether the sink has something open that only a resolution closes: that is brought to it in any case.
    """
    if closes and notice.state is State.RESOLVED:
        return Route.SEND
    if heard in _QUIET:
        return _QUIET[heard]
    return Route.MUTED if muted else Route.SEND


def wanted(match: Match, notice: Anomaly) -> Route:
    """Whether a sink wants a notice by what it speaks of, and if not, why not."""
    if notice.learned is not None and notice.learned.suggested:
        return Route.SUGGESTED
    if match.org_id is not None and notice.org_id not in match.org_id:
        return Route.OTHER_ORG
    if match.agent_id is not None and notice.agent_id not in match.agent_id:
        return Route.OTHER_AGENT
    if match.severity_floor is Severity.CRITICAL and notice.severity is not Severity.CRITICAL:
        return Route.BELOW_FLOOR
    if match.scope is not None and notice.scope not in match.scope:
        return Route.OTHER_SCOPE
    if match.cause is not None and (notice.learned is None or notice.learned.cause not in match.cause):
        return Route.OTHER_CAUSE
    if notice.state not in match.states:
        return Route.OTHER_STATE
    return Route.SEND


def age_s(notice: Anomaly, *, written_ms: int, now_ms: float) -> float:
    """How old a notice is for whoever gets it, seconds.

    A detector that begins tells of the whole log, and writes today what was news a week ago.

    Args:
        notice: Which.
        written_ms: When it was written to its topic, epoch milliseconds.
        now_ms: Now.
    """
    since_ms = written_ms if notice.learned is None else min(written_ms, notice.updated_at)
    return (now_ms - since_ms) / 1000


def wait_s(attempt: int, retry_after_s: float | None, chance: float) -> float:
    """Seconds until the next attempt: doubled each time, up to a minute, at least what the sink asks for.

    Args:
        attempt: How many attempts have failed, from 1.
        retry_after_s: The sink's `Retry-After`, if it gave one.
        chance: A random number in [0, 1): half of the wait is by chance, so that notifiers do not come back together.
    """
    whole = min(LONGEST_WAIT_S, FIRST_WAIT_S * (1 << min(attempt - 1, 16)))
    wait = whole / 2 + whole / 2 * chance
    return max(wait, retry_after_s or 0.0)
