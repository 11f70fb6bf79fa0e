"""The usage rollup record, v1: what stands on the topic `usage-rollups`.

Key: `[source_partition, since_offset, quarter_start_ms, org_id, agent_id, team_id, project_code, provider, model,
kind]` as compact JSON. Value: one JSON object, amounts as exact decimal strings in USD. Readers take the newest record
of each key and add up; records that differ in `since_offset` alone share no event.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated

import msgspec
from pydantic import BaseModel, Field

from burnline.events.usage import Kind
from burnline.ledger.rare import ROLLUP_SUMS, model_with, struct_with, write_rare
from burnline.ledger.record import Count, UnreadableRecord, UsdText
from burnline.ledger.usage_rollups import QUARTER_MS, UsageRow
from burnline.pricing.money import usd_text

VERSION = 1
NEXT_OFFSET = "next-offset"
"""Header of the last record of a flush: up to which offset of its partition the ledgers, and these sums, then hold all
events. A reader that has the records up to one of these has whole flushes."""


class UsageRollupRecord(msgspec.Struct, gc=False):
    """A partial as its record has it, in the order of its fields."""

    version: int
    source_partition: int
    since_offset: int
    last_offset: int
    quarter_start_ms: int
    org_id: str
    agent_id: str
    team_id: str | None
    project_code: str | None
    provider: str
    model: str
    kind: str
    events: int
    input_tokens: int
    output_tokens: int
    cached_input_tokens: int
    cache_write_tokens: int
    reasoning_tokens: int
    unpriced_tokens: int
    input_cost_usd: str
    cached_input_cost_usd: str
    cache_write_cost_usd: str
    output_cost_usd: str
    reasoning_cost_usd: str
    request_cost_usd: str
    cost_usd: str
    cache_savings_usd: str


_PlainRecord = UsageRollupRecord
"""Of a row without rare sums: made and written without a look at each of them."""
if not TYPE_CHECKING:
    UsageRollupRecord = struct_with(UsageRollupRecord, ROLLUP_SUMS)

_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(UsageRollupRecord)


def encode(row: UsageRow, partition: int, offset_base: int = 0) -> tuple[bytes, bytes]:
    """Key and value of a row's record; its offsets count on from the base, so that no key comes twice."""
    since_offset = offset_base + row.since_offset
    record = (UsageRollupRecord if row.rare else _PlainRecord)(
        VERSION,
        partition,
        since_offset,
        offset_base + row.last_offset,
        *row.key,
        row.events,
        row.input_tokens,
        row.output_tokens,
        row.cached_input_tokens,
        row.cache_write_tokens,
        row.reasoning_tokens,
        row.unpriced_tokens,
        usd_text(row.input_pico_usd),
        usd_text(row.cached_input_pico_usd),
        usd_text(row.cache_write_pico_usd),
        usd_text(row.output_pico_usd),
        usd_text(row.reasoning_pico_usd),
        usd_text(row.request_pico_usd),
        usd_text(row.cost_pico_usd),
        usd_text(row.cache_savings_pico_usd),
    )
    if row.rare:
        write_rare(record, row, ROLLUP_SUMS)
    return _encoder.encode((partition, since_offset, *row.key)), _encoder.encode(record)


_Text = str | bytes | None


def next_offset_of(headers: Mapping[str, _Text] | Sequence[tuple[str, _Text]] | None) -> int | None:
    """The ledgers' offset after the flush that a record is the last one of; None for any other record."""
    if not headers:
        return None
    value = dict(headers).get(NEXT_OFFSET)
    return int(value) if value is not None and value.isdigit() else None


def parse(value: bytes) -> UsageRollupRecord:
    """What `encode` wrote as a value.

    Raises:
        UnreadableRecord: The value is damaged or of another version.
    """
    try:
        record = _decoder.decode(value)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise UnreadableRecord(f"no usage rollup that this Burnline can read: {error}: {value[:200]!r}") from error
    if record.version != VERSION:
        raise UnreadableRecord(f"usage rollup version={record.version}: this is Burnline for version {VERSION}")
    return record


class UsageRollup(BaseModel):
    """What was used in a quarter of an hour: a partial sum over some events of one source partition.

    Partials of one partition share no event, and none repeats another: take the newest record of each key and add up.
    """

    version: Annotated[int, Field(ge=1, le=VERSION)]
    source_partition: Annotated[int, Field(ge=0, description="Partition of the usage topic that it was counted from.")]
    since_offset: Annotated[
        int, Field(ge=0, description="Offset of the first event in it, after those of former usage topics.")
    ]
    last_offset: Annotated[int, Field(ge=0, description="Offset of the newest event in it, likewise.")]
    quarter_start_ms: Annotated[
        int, Field(multiple_of=QUARTER_MS, description="Begin of the quarter of an hour, by event time, Unix epoch ms.")
    ]
    org_id: Annotated[str, Field(description="As the events name it.")]
    agent_id: Annotated[str, Field(description="As the events name it.")]
    team_id: Annotated[str | None, Field(description="As the events name it.")]
    project_code: Annotated[str | None, Field(description="As the events name it.")]
    provider: Annotated[str, Field(description="As the events name it, else the rate's; empty if neither says.")]
    model: Annotated[str, Field(description="As the events name it.")]
    kind: Kind
    events: Annotated[int, Field(ge=1)]
    input_tokens: Annotated[Count, Field(description="Cached and cache-write tokens included.")]
    output_tokens: Annotated[Count, Field(description="Reasoning tokens included.")]
    cached_input_tokens: Count
    cache_write_tokens: Count
    reasoning_tokens: Count
    unpriced_tokens: Annotated[Count, Field(description="Tokens of models without a rate: their cost is not known.")]
    input_cost_usd: Annotated[UsdText, Field(description="Of fresh input: neither cached nor cache-write.")]
    cached_input_cost_usd: UsdText
    cache_write_cost_usd: UsdText
    output_cost_usd: Annotated[UsdText, Field(description="Of output without reasoning.")]
    reasoning_cost_usd: UsdText
    request_cost_usd: Annotated[UsdText, Field(description="Fees for requests.")]
    cost_usd: Annotated[UsdText, Field(description="The sum of the six parts, and of reported_cost_usd.")]
    cache_savings_usd: Annotated[UsdText, Field(description="What cached input saved against fresh input.")]


if not TYPE_CHECKING:
    UsageRollup = model_with(UsageRollup, ROLLUP_SUMS, UsdText)
