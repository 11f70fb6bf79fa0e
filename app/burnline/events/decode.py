"""Batches of records into usage events, at a fraction of a microsecond each; what fails is explained, at leisure."""

import json
from collections.abc import Callable, Sequence
from operator import attrgetter
from typing import Any

import msgspec

from burnline.events.cloudevents import usage_object
from burnline.events.explain import explain
from burnline.events.meters import NAMES
from burnline.events.rejection import Fault, Reason, Rejection
from burnline.events.text import is_deeper_than, without_bom
from burnline.events.usage import (
    ID_FIELDS,
    MAX_DEPTH,
    MAX_EVENT_BYTES,
    RareUsage,
    Usage,
    holds_control_character,
    parts_fit_into_totals,
    plain,
)

__all__ = ["Reason", "Rejection", "decode_batch"]

_PLAIN_BYTES = 512
"""Nothing this short is both too deep and an event: 201 levels take 402 bytes, the required fields 130 more."""
_BACKSLASH, _DELETE = b"\\\x7f"
_NULL_MEANS = {
    "kind": "llm",
    "cached_input_tokens": 0,
    "cache_write_tokens": 0,
    "reasoning_tokens": 0,
    "error": False,
    **dict.fromkeys(NAMES, 0),
}

_decode: Callable[[bytes], Any] = msgspec.json.Decoder(Usage).decode  # Any: what _NULL_MEANS names may still be None
_decode_lines: Callable[[bytes], list[Any]] = msgspec.json.Decoder(Usage).decode_lines
_decode_rare: Callable[[bytes], Any] = msgspec.json.Decoder(RareUsage).decode
_decode_parts = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_ids_of = attrgetter(*ID_FIELDS)


def decode_batch(
    values: Sequence[bytes | None],
    *,
    now_ms: int,
    max_clock_skew_ms: int,
    logged_ms: Sequence[int] | None = None,
) -> tuple[list[Usage | None], list[Rejection]]:
    """Decode and check each value on its own: a bad one never costs its neighbours.

    Args:
        values: The records' values as Kafka gave them.
        now_ms: The clock, epoch milliseconds.
        max_clock_skew_ms: How far ahead of it `occurred_at` may be.
        logged_ms: When the log took each record, which then stands in for the clock; None: they are in no log.

    Returns:
        A list as long as `values` with None where a value was rejected, and a rejection for each of those, in order.
    """
    log_ms = now_ms
    newest_ms = now_ms + max_clock_skew_ms
    usages: list[Usage | None] = []
    rejections: list[Rejection] = []
    for index, value in enumerate(values):
        usage = None
        if logged_ms is not None:
            log_ms = logged_ms[index]
            newest_ms = log_ms + max_clock_skew_ms
        # msgspec checks neither the encoding nor the depth of what it skips. A value that is short, all ASCII and
        # without escapes cannot be wrong there, and to see that it is such takes 0.06 µs.
        if (
            value
            and len(value) <= _PLAIN_BYTES
            and value.isascii()
            and _BACKSLASH not in value
            and _DELETE not in value
        ):
            try:
                usage = _decode(value)
                if (
                    usage.cached_input_tokens + usage.cache_write_tokens > usage.input_tokens
                    or usage.reasoning_tokens > usage.output_tokens
                    or usage.occurred_at > newest_ms
                    or usage.kind is None
                ):
                    usage = None
            except (msgspec.DecodeError, TypeError, RecursionError):  # TypeError: one of the counts is null
                usage = None  # or it has a field that is rare, or unknown
        if usage is None:
            verdict = _second_look(value, log_ms, max_clock_skew_ms)
            if isinstance(verdict, Usage):
                usage = verdict
            else:
                rejections.append(Rejection(index, *verdict))
        usages.append(usage)
    return usages, rejections


def decode_lines(chunk: bytes, *, newest_ms: int) -> list[Usage] | None:
    """Decode lines at once, if every one of them is a plain event; None if one may not be: `decode_batch` knows more.

    Args:
        chunk: Whole lines.
        newest_ms: No event is later.
    """
    if not chunk.isascii() or _BACKSLASH in chunk or _DELETE in chunk:
        return None
    lines = chunk.splitlines()
    if max(map(len, lines), default=0) > _PLAIN_BYTES:
        return None
    try:
        usages: list[Usage] = _decode_lines(chunk)
    except (msgspec.DecodeError, RecursionError):
        return None
    if len(usages) != len(lines):  # an empty line, or two events on one
        return None
    for usage in usages:
        try:
            if (
                usage.cached_input_tokens + usage.cache_write_tokens > usage.input_tokens
                or usage.reasoning_tokens > usage.output_tokens
                or usage.occurred_at > newest_ms
                or usage.kind is None
            ):
                return None
        except TypeError:  # one of the counts is null
            return None
    return usages


def _second_look(value: bytes | None, now_ms: int, max_clock_skew_ms: int) -> Usage | Fault:
    """Decode a value that is unusual, or say what is wrong with it."""
    refusal = "refused"
    try:
        usage = _decode_perhaps_wrapped(value) if value else None
        if usage is not None and _keeps_the_rules(usage, now_ms + max_clock_skew_ms):
            return usage
    except (ValueError, RecursionError) as error:  # msgspec's errors are ValueErrors, and so is UnicodeDecodeError
        refusal = str(error)
    return explain(value, now_ms=now_ms, max_clock_skew_ms=max_clock_skew_ms) or Fault(Reason.UNREADABLE, "", refusal)


def _decode_perhaps_wrapped(value: bytes) -> Usage | None:
    try:
        return _decode_unusual(value)
    except msgspec.ValidationError:
        if b"specversion" not in value:
            raise
        return _decode_unusual(json.dumps(usage_object(value)).encode())


def _decode_unusual(value: bytes) -> Usage | None:
    if len(value) > _PLAIN_BYTES and (len(value) > MAX_EVENT_BYTES or is_deeper_than(value, MAX_DEPTH)):
        return None
    if not value.isascii():
        value = without_bom(value)
        value.decode("utf-8")
    try:
        usage: Usage = _decode_rare(value)
    except msgspec.ValidationError:  # not if it was only an earlier one of two values with the same name
        usage = _decode_rare(msgspec.json.encode(_decode_parts(value)))
    nulls: dict[str, Any] = {name: default for name, default in _NULL_MEANS.items() if getattr(usage, name) is None}
    if usage.provider == "":
        nulls["provider"] = None
    if holds_control_character("".join(filter(None, _ids_of(usage)))):
        return None
    return plain(msgspec.structs.replace(usage, **nulls) if nulls else usage)


def _keeps_the_rules(usage: Usage, newest_ms: int) -> bool:
    return parts_fit_into_totals(usage) and usage.occurred_at <= newest_ms
