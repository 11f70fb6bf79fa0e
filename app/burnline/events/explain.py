"""What is wrong with an event that the fast decoder refused: the pydantic contract, put into sentences."""

from typing import Any, Final

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from burnline.events.cloudevents import usage_object
from burnline.events.contract import UsageEvent
from burnline.events.rejection import Fault, Reason
from burnline.events.text import TextError, enveloped, shown
from burnline.events.usage import (
    END_TIME_MS,
    KINDS,
    MAX_COUNT,
    MAX_ID_CHARACTERS,
    MAX_TAG_CHARACTERS,
    MAX_TAGS,
    MIN_TIME_MS,
)

_REASONS: Final = {
    "missing": Reason.MISSING_FIELD,
    "greater_than_equal": Reason.OUT_OF_RANGE,
    "less_than_equal": Reason.OUT_OF_RANGE,
    "less_than": Reason.OUT_OF_RANGE,
    "string_too_short": Reason.TOO_SHORT,
    "string_too_long": Reason.TOO_LONG,
    "too_long": Reason.TOO_LONG,
    "control_character": Reason.CONTROL_CHARACTER,
    "subset_exceeds_total": Reason.SUBSET_EXCEEDS_TOTAL,
}
"""Reason for each of pydantic's error types; all others mean that the JSON type is wrong."""

_JSON_TYPES: Final = {
    "int_type": "an integer",
    "string_type": "a string",
    "dict_type": "an object of strings",
    "bool_type": "true or false",
}


def explain(value: bytes | None, *, now_ms: int, max_clock_skew_ms: int) -> Fault | None:
    """The first thing that is wrong with `value`, or None if it is a good usage event.

    Args:
        value: The record's value.
        now_ms: When the log took it, or the clock: epoch milliseconds.
        max_clock_skew_ms: How far ahead of it `occurred_at` may be.
    """
    try:
        fields = usage_object(value)
    except TextError as error:
        return error.fault
    try:
        event = UsageEvent.model_validate(fields)
    except ValidationError as error:
        fault = _first_of(error.errors(include_url=False))
        return (
            fault._replace(detail=fault.detail + enveloped(fields)) if fault.reason is Reason.MISSING_FIELD else fault
        )
    ahead_ms = event.occurred_at - now_ms
    if ahead_ms <= max_clock_skew_ms:
        return None
    detail = (
        f"occurred_at {event.occurred_at} is {ahead_ms} ms ahead of when it arrived; {max_clock_skew_ms} ms are allowed"
    )
    return Fault(Reason.IN_THE_FUTURE, "occurred_at", detail)


def _first_of(errors: list[ErrorDetails]) -> Fault:
    reason, field, detail = _fault(errors[0])
    fields = dict.fromkeys(str(error["loc"][0]) for error in errors if error["loc"])
    more = ", ".join(name for name in fields if name != field)
    return Fault(reason, field, f"{detail}; also wrong: {more}" if more else detail)


def _fault(error: ErrorDetails) -> Fault:
    kind, value = error["type"], error["input"]
    field = str(error["loc"][0]) if error["loc"] else str(error["ctx"]["field"])
    reason = _REASONS.get(kind, Reason.WRONG_TYPE)
    if kind == "literal_error" and isinstance(value, str):
        reason = Reason.UNKNOWN_KIND
    if reason is Reason.OUT_OF_RANGE and field == "occurred_at":
        return _wrong_time(value)
    return Fault(reason, field, _sentence(reason, field, error))


def _sentence(reason: Reason, field: str, error: ErrorDetails) -> str:
    value, name = error["input"], _name(error)
    match reason:
        case Reason.MISSING_FIELD:
            return f"{field} is missing"
        case Reason.OUT_OF_RANGE:
            return f"{name} must be from 0 to {MAX_COUNT}, not {shown(value)}"
        case Reason.TOO_SHORT:
            return f"{name} must have at least one character"
        case Reason.TOO_LONG if isinstance(value, dict):
            return f"{name} may have at most {MAX_TAGS} entries, not {len(value)}"
        case Reason.TOO_LONG:
            longest = MAX_TAG_CHARACTERS if field == "tags" else MAX_ID_CHARACTERS
            return f"{name} may have at most {longest} characters, not {len(value)}: {shown(value)}"
        case Reason.CONTROL_CHARACTER:
            return f"{name} must not hold control characters: {shown(value)}"
        case Reason.UNKNOWN_KIND:
            return f"{name} must be one of {', '.join(KINDS)}, not {shown(value)}"
        case Reason.SUBSET_EXCEEDS_TOTAL:
            return error["msg"]
        case _ if error["type"] == "string_pattern_mismatch":
            return f'{name} must be decimal text in USD below a million, such as "0.41", not {shown(value)}'
        case _:
            return f"{name} must be {_JSON_TYPES.get(error['type'], 'a string')}, not {shown(value)}"


def _name(error: ErrorDetails) -> str:
    match error["loc"]:
        case (field, key, "[key]"):
            return f"the key {shown(key)} of {field}"
        case (field, key):
            return f"{shown(key)} of {field}"
        case (field,):
            return str(field)
        case _:
            return "the event"


def _wrong_time(value: Any) -> Fault:
    units = {"seconds": value * 1_000, "microseconds": value // 1_000, "nanoseconds": value // 1_000_000}
    for unit, in_ms in units.items():
        if MIN_TIME_MS <= in_ms < END_TIME_MS:
            detail = f"occurred_at {value} seems to be in {unit}; it must be in milliseconds since 1970-01-01 UTC"
            return Fault(Reason.TIME_UNIT, "occurred_at", detail)
    detail = f"occurred_at must be in milliseconds, from {MIN_TIME_MS} to below {END_TIME_MS}, not {shown(value)}"
    return Fault(Reason.OUT_OF_RANGE, "occurred_at", detail)
