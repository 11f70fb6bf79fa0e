"""The usage rollups of a cut: records, and what one of them says."""

from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from burnline.events.meters import PARTS
from burnline.ledger.audit.sums import Fields
from burnline.ledger.rare import LEDGER_NAMES, LEDGER_SUMS, read_rare
from burnline.ledger.usage_record import UsageRollupRecord
from burnline.ledger.usage_rollups import QUARTER_MS
from burnline.pricing.money import pico_from_text

Group = tuple[int, str, str, str]
"""Quarter's start, org, agent, model."""
_PARTS = tuple(f"{part}_cost_usd" for part in PARTS)
_RARE = dict.fromkeys(LEDGER_NAMES, 0)


class HeldUsage(NamedTuple):
    """The usage rollups of a cut, as far as they can matter, read after its progress."""

    records: Sequence[tuple[bytes, bytes]] = ()
    """The newest record (key, value) of each key."""
    since_offset: int | None = None
    """The least `since_offset` of all records of the partition; None where there is none."""
    first_offset: int = 0
    """Where their partition begins: above 0, retention has taken some."""
    oldest_ms: int | None = None
    """When the oldest record that is left was written."""
    offset_base: int = 0
    """Offsets of former source topics, part of those in the records; what is below belongs to them, and is left out."""


class Place(msgspec.Struct, array_like=True):
    """The beginning of a record's key."""

    source_partition: int
    since_offset: int
    quarter_start_ms: int


_places = msgspec.json.Decoder(Place)


def place_of(key: bytes) -> Place | None:
    """Where a record stands by its key; None if that is none."""
    try:
        return _places.decode(key)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None


def group_of(record: UsageRollupRecord) -> Group:
    """What of it moves together."""
    return record.quarter_start_ms, record.org_id, record.agent_id, record.model


def fields_of(record: UsageRollupRecord) -> Fields:
    """Its sums, as those of a ledger.

    Raises:
        ValueError: An amount in it is none.
    """
    cost = pico_from_text(record.cost_usd)
    return (
        record.events,
        record.input_tokens,
        record.output_tokens,
        record.cached_input_tokens,
        record.cache_write_tokens,
        record.reasoning_tokens,
        record.unpriced_tokens,
        cost,
        pico_from_text(record.cache_savings_usd),
        cost if record.kind == "embedding" else 0,
        *(_RARE | read_rare(record, LEDGER_SUMS)).values(),
    )


def contradiction(key: bytes, record: UsageRollupRecord, partition: int) -> str:
    """What of a record contradicts its key, its partition or itself; "" if nothing.

    Raises:
        ValueError: The key is none, or an amount.
    """
    named = [record.source_partition, record.since_offset, record.quarter_start_ms, record.org_id, record.agent_id]
    named += [record.team_id, record.project_code, record.provider, record.model, record.kind]
    if msgspec.json.decode(key) != named:
        return "its key is not that of its fields"
    if record.source_partition != partition:
        return f"it says that it is of partition {record.source_partition}"
    if record.last_offset < record.since_offset or record.quarter_start_ms % QUARTER_MS:
        return "its offsets or its quarter cannot be"
    parts = sum(pico_from_text(getattr(record, name)) for name in _PARTS)
    if parts + read_rare(record, LEDGER_SUMS).get("reported_pico_usd", 0) != pico_from_text(record.cost_usd):
        return "its cost is not the sum of its parts"
    return ""
