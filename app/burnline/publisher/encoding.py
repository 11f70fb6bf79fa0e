"""An event as an agent gives it, into the record that is sent: by the worker's own rules, in a microsecond."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from burnline.events.usage import ID_FIELDS, RareUsage, Usage, holds_control_character, parts_fit_into_totals

if TYPE_CHECKING:
    from burnline.events.contract import UsageEvent

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(RareUsage).decode


class _Sent(RareUsage, kw_only=True, frozen=True, gc=False, omit_defaults=True):
    """As it is written: an absent field means its default, so defaults need no bytes."""


class Encoded(NamedTuple):
    """A record of the usage topic, and what its event is called."""

    value: bytes
    key: bytes
    event_id: str


def encode(event: "UsageEvent | Mapping[str, Any]") -> Encoded:
    """Validate an event and write it as the contract has it; fields that the contract does not know are left out.

    Raises:
        pydantic.ValidationError: The event breaks the contract (a ValueError); each field at fault is named.
    """
    if type(event) is dict:
        try:
            usage = msgspec.convert(event, _Sent)
            if _keeps_the_rules(usage):
                return Encoded(_encode(usage), usage.session_id.encode(), usage.event_id)
        except (ValueError, TypeError):  # a null count is a TypeError, half a surrogate pair a UnicodeEncodeError
            return _explained(event)
    return _explained(event)


def record_of(usage: Usage) -> Encoded:
    """The record of an event that was decoded, which keeps to the contract."""
    return Encoded(
        _encode(msgspec.convert(usage, _Sent, from_attributes=True)), usage.session_id.encode(), usage.event_id
    )


def usage_of(record: Encoded) -> Usage:
    """The event of a record, as the worker will see it."""
    return _decode(record.value)


def event_id_of(event: object) -> str:
    """How to call an event that breaks the contract: its id, or an empty string."""
    found = event.get("event_id") if isinstance(event, Mapping) else getattr(event, "event_id", None)
    return found if isinstance(found, str) else ""


def _keeps_the_rules(usage: Usage) -> bool:
    # `kind` may be null on the wire, which the struct lets pass.
    ids = "".join(filter(None, [getattr(usage, name) for name in ID_FIELDS]))
    return bool(usage.kind) and parts_fit_into_totals(usage) and not holds_control_character(ids)


def _explained(event: "UsageEvent | Mapping[str, Any]") -> Encoded:
    from burnline.events.contract import UsageEvent  # builds models for 30 ms, which most agents never need

    usage = event if isinstance(event, UsageEvent) else UsageEvent.model_validate(event)
    value = usage.model_dump_json(exclude_none=True).encode()
    return Encoded(value, usage.session_id.encode(), usage.event_id)
