"""What spans and log records share on their way to a usage event: whose it is, when, how much."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from typing import Any, Literal, NamedTuple

from burnline.events.usage import END_TIME_MS, MAX_ID_CHARACTERS, MIN_TIME_MS
from burnline.otel import names
from burnline.otel.shapes import Attributes, Scalar

MS_NS = 1_000_000
UNKNOWN_AGENT = "unknown"
_PARTS = (("input_tokens", ("cached_input_tokens", "cache_write_tokens")), ("output_tokens", ("reasoning_tokens",)))
MOST_CHARACTERS = 2 * MAX_ID_CHARACTERS
MOST_COST_USD = Decimal(1_000_000)
"""A call that is said to have cost more was told in another unit."""

Event = dict[str, Any]
"""The fields of a usage event, not checked yet: whoever takes it in says what is wrong with it."""
Fallback = Literal["agent-day", "trace"]


class Skipped(StrEnum):
    """Why a span or log record is no usage event. The values are labels of a metric."""

    NOT_A_MODEL_CALL = "not_a_model_call"
    """Says nothing of a model, or is an event of another kind."""
    CONTAINER = "container"
    """Stands around the calls of others (an agent, a workflow, a tool): their tokens are its tokens."""
    NO_USAGE = "no_usage"
    """A model's call without token counts."""
    COUNTED_BY_LOGS = "counted_by_logs"
    """A span of Claude Code, whose log events have the counts."""


class Rules(NamedTuple):
    """What an operator decides.

    Attributes:
        default_org: Organisation of what names none.
        fallback: What a session is where no conversation is named: all that an agent did on a day (UTC), or a trace.
    """

    default_org: str = "default"
    fallback: Fallback = "agent-day"


def first_of(name: str, *places: Attributes) -> Scalar | None:
    """What is told under a name of today's, in the first place that has it."""
    for place in places:
        if (value := place.get(name)) is not None:
            return value
    return None


def as_count(value: Scalar | None) -> Any:
    """A count, where it is one in another type: whole floats as JavaScript writes them, digits as Claude Code does."""
    if isinstance(value, float):
        return int(value) if value.is_integer() else str(value)  # as text: JSON has no NaN
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 20:
        return int(value)
    return value


def as_id(value: Scalar | None) -> Any:
    """An id, where it was written as a number."""
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def inclusive(event: Event) -> None:
    """Make parts lie within their totals, where the emitter counted them beside these.

    By the conventions cached and cache-write tokens are part of the input, and reasoning tokens of the output. Some
    emitters pass on what their provider says, and some providers count them beside. Parts that exceed their total
    cannot lie in it, so they are added.
    """
    for total, parts in _PARTS:
        counts = [event[name] for name in parts if name in event]
        if counts and all(type(count) is int for count in (event[total], *counts)) and sum(counts) > event[total]:
            event[total] += sum(counts)


def belongs(event: Event, places: Sequence[Attributes], resource: Attributes, rules: Rules) -> None:
    """Say whose it is: organisation, agent, team, project. Attributes are by today's names, here as below."""
    event["org_id"] = as_id(first_of(names.ORG, *places, resource)) or rules.default_org
    agent = first_of(names.AGENT, *places, resource) or first_of(names.SERVICE, resource)
    event["agent_id"] = as_id(agent) or UNKNOWN_AGENT
    for field, wanted in (("team_id", names.TEAM), ("project_code", names.PROJECT)):
        if (value := first_of(wanted, *places, resource)) is not None:
            event[field] = as_id(value)


def session_of(
    event: Mapping[str, Any], places: Sequence[Attributes], resource: Attributes, trace_id: str, rules: Rules
) -> Any:
    """The session: the conversation, else the SDK's session, else by the operator's rule."""
    named = as_id(first_of(names.CONVERSATION, *places, resource))
    if named is not None:
        return named
    if rules.fallback == "trace" and trace_id:
        return trace_id
    at_ms = event["occurred_at"]
    day = datetime.fromtimestamp(at_ms / 1000, UTC).date() if MIN_TIME_MS <= at_ms < END_TIME_MS else "undated"
    return f"{event['agent_id']}@{day}"


def bounded(event: Event) -> Event:
    """Without what is not said, and with texts cut that are far too long to be accepted anyway."""
    return {
        name: value[:MOST_CHARACTERS] if isinstance(value, str) else value
        for name, value in event.items()
        if value is not None
    }


def reported_cost(value: Scalar | None) -> str | None:
    """A cost in USD that an emitter reports, as decimal text; None where it is none that can be believed."""
    if value is None or isinstance(value, bool):
        return None
    try:
        cost = Decimal(str(value))
    except InvalidOperation:
        return None
    if not cost.is_finite() or not 0 <= cost <= MOST_COST_USD:
        return None
    return f"{cost.quantize(Decimal('1e-12')).normalize():f}" if cost else "0"
