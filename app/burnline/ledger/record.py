"""The session ledger record, v1: what stands on the topic `sessions`, public and also the worker's own memory.

Key: organisation and session id, as a JSON array. Value: one JSON object. Amounts for people are exact decimal strings
in USD; the slices, which only window arithmetic needs, are `[slice index, pico-USD]` pairs of integers.
"""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Annotated, Any, Protocol

import msgspec
from pydantic import BaseModel, Field

from burnline.detection.anomaly import Evidence, Severity, State
from burnline.detection.lifecycle import OpenAnomaly
from burnline.events.usage import END_TIME_MS, MAX_ID_CHARACTERS
from burnline.ledger.duplicates import RecentIds
from burnline.ledger.identity import org_and_session
from burnline.ledger.rare import LEDGER_SUMS, model_with, read_rare, struct_with, write_rare
from burnline.ledger.session import COMMON_FIELDS, Ledger, ModelSums, add_up
from burnline.pricing.money import pico_from_text, usd_text

VERSION = 1
_COUNTS = COMMON_FIELDS[:-3]
_VERSION_MARK = b'"version":1,'
_EVENTS = b'"events":'

UsdText = Annotated[str, Field(pattern=r"^[0-9]+(\.[0-9]{1,12})?$", examples=["0.41", "12", "0.000000000001"])]
Count = Annotated[int, Field(ge=0)]


class UnreadableRecord(ValueError):
    """A ledger record that this version cannot read; counting on from zero would lose what it holds."""


# Bounds of what a reader can go on from: a value beyond them is damage, since nothing that is counted comes to it.
Natural = Annotated[int, msgspec.Meta(ge=0)]
EventTimeMs = Annotated[int, msgspec.Meta(ge=0, lt=END_TIME_MS)]
Name = Annotated[str, msgspec.Meta(min_length=1, max_length=MAX_ID_CHARACTERS)]
_SliceIndex = Annotated[int, msgspec.Meta(ge=0, lt=2**31)]
_Offset = Annotated[int, msgspec.Meta(ge=-1, le=2**63 - 1)]


class ModelRecord(msgspec.Struct, gc=False):
    """One model's sums, in a record."""

    events: Natural
    input_tokens: Natural
    output_tokens: Natural
    cached_input_tokens: Natural
    cache_write_tokens: Natural
    reasoning_tokens: Natural
    unpriced_tokens: Natural
    cost_usd: str
    cache_savings_usd: str
    embedding_cost_usd: str


_PlainRecord = ModelRecord
"""Of a model without rare sums: made and written without a look at each of them."""
if not TYPE_CHECKING:
    ModelRecord = struct_with(ModelRecord, LEDGER_SUMS)


class ModelFigures(Protocol):
    """What `model_sums` reads beside counts and rare sums, each of which is an attribute, too."""

    cost_usd: str
    cache_savings_usd: str
    embedding_cost_usd: str


class LedgerRecord(ModelRecord, kw_only=True):
    """A whole record; the inherited sums are the totals over all models."""

    version: int
    session_id: Name
    org_id: Name
    agent_id: Name
    source_partition: Natural
    last_offset: _Offset
    first_event_at: EventTimeMs
    last_event_at: EventTimeMs
    delay_ms: Natural = 0
    runs: Natural
    tool_calls: Natural
    parent_session_id: Name | msgspec.UnsetType = msgspec.UNSET
    by_model: dict[Name, ModelRecord]
    slices: list[tuple[_SliceIndex, Natural]]
    recent_event_ids: str
    anomaly: OpenAnomaly | None = None


Upgrade = Callable[[dict[str, Any]], dict[str, Any]]

UPGRADES: dict[int, Upgrade] = {}
"""By version, what turns a record of it into one of the next; a change of the record comes with its upgrade here."""

_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(LedgerRecord)


def encode(ledger: Ledger) -> bytes:
    """A ledger as the value of its record."""
    models = {model: model_record(sums) for model, sums in ledger.models.items()}
    if len(models) == 1:
        ((whole, total),) = zip(ledger.models.values(), models.values(), strict=True)
    else:
        whole = add_up(ledger.models)
        total = model_record(whole)
    record = LedgerRecord(
        version=VERSION,
        session_id=ledger.session_id,
        org_id=ledger.org_id,
        agent_id=ledger.agent_id,
        source_partition=ledger.source_partition,
        last_offset=ledger.last_offset,
        first_event_at=ledger.first_event_at,
        last_event_at=ledger.last_event_at,
        delay_ms=ledger.delay_ms,
        runs=ledger.runs,
        tool_calls=ledger.tool_calls,
        parent_session_id=ledger.parent_session_id or msgspec.UNSET,
        by_model=models,
        slices=list(ledger.slices.items()),
        recent_event_ids=ledger.recent.pack(),
        anomaly=ledger.anomaly,
        events=total.events,
        input_tokens=total.input_tokens,
        output_tokens=total.output_tokens,
        cached_input_tokens=total.cached_input_tokens,
        cache_write_tokens=total.cache_write_tokens,
        reasoning_tokens=total.reasoning_tokens,
        unpriced_tokens=total.unpriced_tokens,
        cost_usd=total.cost_usd,
        cache_savings_usd=total.cache_savings_usd,
        embedding_cost_usd=total.embedding_cost_usd,
    )
    if whole.rare:
        for each in LEDGER_SUMS:
            setattr(record, each.field, getattr(total, each.field))
    return _encoder.encode(record)


def model_record(sums: ModelSums) -> ModelRecord:
    """Sums as they stand in a record."""
    record = (ModelRecord if sums.rare else _PlainRecord)(
        sums.events,
        sums.input_tokens,
        sums.output_tokens,
        sums.cached_input_tokens,
        sums.cache_write_tokens,
        sums.reasoning_tokens,
        sums.unpriced_tokens,
        usd_text(sums.cost_pico_usd),
        usd_text(sums.cache_savings_pico_usd),
        usd_text(sums.embedding_cost_pico_usd),
    )
    if sums.rare:
        write_rare(record, sums, LEDGER_SUMS)
    return record


def upgraded(value: bytes) -> bytes:
    """A record, as this version writes it if it is older. Checks nothing of one that is not, and costs next to nothing.

    Raises:
        UnreadableRecord: It is of a newer version, or no record at all.
    """
    if _VERSION_MARK in value and value[:1] == b"{" and value[-1:] == b"}":
        return value
    try:
        fields = msgspec.json.decode(value)
        version = fields["version"]
        while version != VERSION:
            fields = UPGRADES[version](fields)
            version = fields["version"]
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, TypeError, KeyError) as error:
        raise UnreadableRecord(
            f"no session ledger that this Burnline (record version {VERSION}) can read: {value[:200]!r}"
        ) from error
    return _encoder.encode(fields)


def check(value: bytes, key: str, partition: int) -> Ledger:
    """The ledger in a record, which is that of this session: what passes can be counted on and written again.

    Args:
        value: The record's value.
        key: Of the ledger.
        partition: The source partition whose ledgers it stands among.

    Raises:
        UnreadableRecord: It is damaged, of a newer version, or another session's or partition's.
    """
    ledger = decode(value)
    if (ledger.key, ledger.source_partition) != (key, partition):
        org_id, session_id = org_and_session(key)
        raise UnreadableRecord(
            f"session ledger {session_id!r} of {org_id!r}, partition {partition}, says that it is "
            f"{ledger.session_id!r} of {ledger.org_id!r}, partition {ledger.source_partition}"
        )
    return ledger


def events(value: bytes) -> int:
    """How many events a record holds, without reading the rest: its totals stand before those of its models."""
    start = value.index(_EVENTS) + len(_EVENTS)
    return int(value[start : value.index(b",", start)])


def parse(value: bytes) -> LedgerRecord:
    """A record's value, checked against its shape and upgraded if it is older.

    Raises:
        UnreadableRecord: It is of a newer version, or damaged.
    """
    try:
        record = _decoder.decode(upgraded(value))
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise UnreadableRecord(f"damaged session ledger: {error}: {value[:200]!r}") from error
    if record.version != VERSION:  # its mark stood elsewhere
        raise UnreadableRecord(f"session ledger version={record.version}: this is Burnline for version {VERSION}")
    return record


def decode(value: bytes) -> Ledger:
    """The ledger that `encode` wrote; its windows are settled by the caller, who knows their lengths.

    Raises:
        UnreadableRecord: As `parse`, or something in it contradicts itself.
    """
    record = parse(value)
    ledger = Ledger(record.session_id, record.org_id, record.agent_id, record.source_partition, record.first_event_at)
    ledger.last_offset = record.last_offset
    ledger.last_event_at = record.last_event_at
    ledger.delay_ms = record.delay_ms
    ledger.runs = record.runs
    ledger.tool_calls = record.tool_calls
    ledger.grow_from(record.parent_session_id or None)
    ledger.slices = dict(record.slices)
    ledger.newest_slice = max(ledger.slices, default=-1)
    ledger.anomaly = record.anomaly
    try:
        ledger.recent = RecentIds.unpack(record.recent_event_ids)
        ledger.models = {model: model_sums(sums) for model, sums in record.by_model.items()}
        _refuse_contradictions(record, ledger)
    except ValueError as error:
        raise UnreadableRecord(f"session ledger {record.session_id!r}: {error}") from error
    return ledger


def _refuse_contradictions(record: LedgerRecord, ledger: Ledger) -> None:
    if len(ledger.slices) != len(record.slices):
        raise ValueError("a slice stands twice in it")
    refuse_negative(ledger.models)
    if record.anomaly is not None:
        _refuse_impossible(record.anomaly, record.session_id)


def refuse_negative(models: Mapping[str, ModelSums]) -> None:
    """Refuse sums that no events come to.

    Raises:
        ValueError: One is negative; names the model.
    """
    for model, sums in models.items():
        if min(sums.values()) < 0:
            raise ValueError(f"an amount of model {model!r} is negative")


def _refuse_impossible(anomaly: OpenAnomaly, session_id: str) -> None:
    if anomaly.state is State.RESOLVED or anomaly.revision < 1 or anomaly.session_id != session_id:
        raise ValueError(
            f"its anomaly is {anomaly.state} in revision {anomaly.revision} for session {anomaly.session_id!r}"
        )
    for name in ("opened_at", "updated_at"):
        if not 0 <= getattr(anomaly, name) < END_TIME_MS:
            raise ValueError(f"its anomaly says {name}={getattr(anomaly, name)}")


def model_sums(record: ModelFigures) -> ModelSums:
    """Sums out of a record.

    Raises:
        ValueError: An amount in it is none.
    """
    sums = ModelSums()
    for field in _COUNTS:
        setattr(sums, field, getattr(record, field))
    sums.cost_pico_usd = pico_from_text(record.cost_usd)
    sums.cache_savings_pico_usd = pico_from_text(record.cache_savings_usd)
    sums.embedding_cost_pico_usd = pico_from_text(record.embedding_cost_usd)
    sums.add_rare(read_rare(record, LEDGER_SUMS))
    return sums


class ModelTotals(BaseModel):
    """What a session has used of one model. Token counts are inclusive, as in OpenTelemetry's GenAI conventions."""

    events: Count
    input_tokens: Count
    output_tokens: Count
    cached_input_tokens: Count
    cache_write_tokens: Count
    reasoning_tokens: Count
    unpriced_tokens: Annotated[Count, Field(description="Tokens of models without a rate: their cost is not known.")]
    cost_usd: UsdText
    cache_savings_usd: Annotated[UsdText, Field(description="What cached input saved against fresh input.")]
    embedding_cost_usd: Annotated[UsdText, Field(description="The part of the cost that went into embeddings.")]


if not TYPE_CHECKING:
    ModelTotals = model_with(ModelTotals, LEDGER_SUMS, UsdText)


class OpenAnomalyState(BaseModel):
    """The anomaly that is open in a session: what its next notice needs."""

    anomaly_id: str
    revision: Annotated[int, Field(ge=1)]
    state: State
    severity: Severity
    org_id: str
    agent_id: str
    session_id: str
    opened_at: int
    updated_at: int
    evidence: Evidence


class SessionLedger(ModelTotals):
    """One session's ledger on one source partition: all it has spent, by model, exactly once per event."""

    version: Annotated[int, Field(ge=1, le=VERSION)]
    session_id: str
    org_id: Annotated[str, Field(description="Of the session's first event.")]
    agent_id: Annotated[str, Field(description="Of the session's first event.")]
    source_partition: Annotated[int, Field(ge=0, description="Partition of the usage topic that it was counted from.")]
    last_offset: Annotated[
        int, Field(ge=-1, description="Offset of the newest event in it, after those of former usage topics.")
    ]
    first_event_at: Annotated[int, Field(description="Least event time, Unix epoch ms.")]
    last_event_at: Annotated[int, Field(description="Greatest event time, Unix epoch ms.")]
    delay_ms: Annotated[
        Count,
        Field(
            description="How long after its time the log took the newest event of the windows, ms: the session's own "
            "time runs so far behind the log's."
        ),
    ] = 0
    runs: Count
    tool_calls: Count
    parent_session_id: Annotated[
        str | None, Field(description="The session that it is a part of, by its first event that names one.")
    ] = None
    by_model: dict[str, ModelTotals]
    slices: Annotated[list[tuple[int, int]], Field(description="[epoch ms // 10,000, pico-USD] per slice still held.")]
    recent_event_ids: Annotated[str, Field(description="Packed hashes of the newest event ids, for duplicates.")]
    anomaly: Annotated[OpenAnomalyState | None, Field(description="The open anomaly, if any.")] = None
