"""What the kernel's own parser reads of an event's value, field by field, and what Python reads of it."""

import ctypes

from burnline.events.usage import KINDS, Usage
from burnline.ledger.duplicates import fingerprint
from burnline.ledger.identity import ledger_key
from burnline.native.binding import library

COUNTS = ("input_tokens", "output_tokens", "cached_input_tokens", "cache_write_tokens", "reasoning_tokens")
TEXTS = ("event_id", "org_id", "agent_id", "session_id", "model", "provider", "team_id", "project_code")
FIELDS = ("kind", "occurred_at", *COUNTS, "fingerprint", *TEXTS)
_WORDS = 3 + len(COUNTS) + 2 * len(TEXTS)
Fields = dict[str, object]


def by_kernel(value: bytes, *, log_ms: int, skew_ms: int) -> Fields | None:
    """What the kernel reads, or None if it leaves the event to Python."""
    found = (ctypes.c_int64 * _WORDS)()
    if not library().kernel_reads(value, len(value), log_ms, skew_ms, found):
        return None
    numbers, places = list(found[:8]), list(found[8:])
    texts = [
        None if at < 0 else value[at : at + length].decode()
        for at, length in zip(places[::2], places[1::2], strict=True)
    ]
    return dict(zip(FIELDS, [KINDS[numbers[0]], *numbers[1:7], numbers[7] % (1 << 64), *texts], strict=True))


def by_python(event: Usage) -> Fields:
    """The same fields of a decoded event."""
    found: Fields = {name: getattr(event, name) for name in ("kind", "occurred_at", *COUNTS, *TEXTS)}
    found["fingerprint"] = fingerprint(ledger_key(event.org_id, event.session_id), event.event_id)
    return found
