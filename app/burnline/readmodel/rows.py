"""The rows of the projection, that the projector writes and the API reads: shapes, encoding, decoding. No I/O."""

from typing import TYPE_CHECKING, Annotated, NamedTuple, TypeVar

import msgspec
from pydantic import ValidationError

from burnline.detection.anomaly import Anomaly
from burnline.detection.lifecycle import OpenAnomaly
from burnline.ledger import record
from burnline.ledger.progress import Progress
from burnline.ledger.rare import LEDGER_SUMS, ROLLUP_SUMS, struct_with

ROLLUP_VERSION = 1
QUARTER_MS = 900_000

Usd = Annotated[str, msgspec.Meta(pattern=r"^[0-9]+(\.[0-9]{1,12})?$")]
Count = Annotated[int, msgspec.Meta(ge=0)]

_NULL = b"null"
_PACKED = b'"recent_event_ids":"'


class UnreadableRow(ValueError):
    """A record or a row that is not what it should be; the message says why."""


class ModelRow(msgspec.Struct, gc=False):
    """What a session has used of one model. Token counts are inclusive; amounts are decimal strings in USD."""

    events: Count
    input_tokens: Count
    output_tokens: Count
    cached_input_tokens: Count
    cache_write_tokens: Count
    reasoning_tokens: Count
    unpriced_tokens: Count
    cost_usd: Usd
    cache_savings_usd: Usd
    embedding_cost_usd: Usd


if not TYPE_CHECKING:
    ModelRow = struct_with(ModelRow, LEDGER_SUMS, Usd)


class SessionRow(ModelRow, kw_only=True):
    """A session's ledger on one source partition, without what only workers need; inherited sums: over all models.

    Attributes:
        slices: `(epoch ms // 10,000, pico-USD)` per slice that is still held.
    """

    version: int
    session_id: str
    org_id: str
    agent_id: str
    source_partition: Count
    last_offset: int
    first_event_at: int
    last_event_at: int
    delay_ms: Count = 0
    runs: Count
    tool_calls: Count
    parent_session_id: str | None = None
    by_model: dict[str, ModelRow]
    slices: list[tuple[int, int]]
    anomaly: OpenAnomaly | None = None


class RollupRow(msgspec.Struct, gc=False, kw_only=True):
    """What was used in one quarter of an hour, in part: absolute for its source partition and `since_offset`.

    The rows of a day are all added up, whatever their partition and `since_offset`. Token counts are inclusive; the
    costs are of disjoint parts, and `cost_usd` is their sum.
    """

    version: int
    source_partition: Count
    since_offset: Count
    last_offset: Count
    quarter_start_ms: int
    org_id: str
    agent_id: str
    team_id: str | None
    project_code: str | None
    provider: str
    model: str
    kind: str
    events: Count
    input_tokens: Count
    output_tokens: Count
    cached_input_tokens: Count
    cache_write_tokens: Count
    reasoning_tokens: Count
    unpriced_tokens: Count
    input_cost_usd: Usd
    cached_input_cost_usd: Usd
    cache_write_cost_usd: Usd
    output_cost_usd: Usd
    reasoning_cost_usd: Usd
    request_cost_usd: Usd
    cost_usd: Usd
    cache_savings_usd: Usd


if not TYPE_CHECKING:
    RollupRow = struct_with(RollupRow, ROLLUP_SUMS, Usd)


class ProgressRow(msgspec.Struct, frozen=True):
    """How far one source partition is in the ledgers; see `burnline.ledger.progress`."""

    next_offset: int
    watermark_ms: int
    written_at_ms: int
    appended_at_ms: int = 0
    offset_base: int = 0
    """Offsets of former source topics, part of those in ledgers."""

    @property
    def reached_ms(self) -> int:
        """The log's time of the newest record applied, epoch ms; 0 before the first one."""
        return self.appended_at_ms or self.watermark_ms


class RateChange(NamedTuple):
    """One entry of a rate's history; `value` is the rate as JSON, None for its deletion."""

    offset: int
    timestamp_ms: int
    value: bytes | None


class _ControlRow(msgspec.Struct, frozen=True):
    epoch: int
    control: msgspec.Raw


class _RateChange(msgspec.Struct, frozen=True):
    offset: int
    timestamp_ms: int
    value: msgspec.Raw


class Unreadable(msgspec.Struct, frozen=True):
    """Records of a partition that were passed over: how many, and where and why the last."""

    count: int
    offset: int
    why: str


Row = TypeVar("Row")

_encoder = msgspec.json.Encoder()
_session = msgspec.json.Decoder(SessionRow)
_rollup = msgspec.json.Decoder(RollupRow)
_rollup_key = msgspec.json.Decoder(tuple[int, int, int, str, str, str | None, str | None, str, str, str])
_progress = msgspec.json.Decoder(ProgressRow)
_control = msgspec.json.Decoder(_ControlRow)
_rate_change = msgspec.json.Decoder(_RateChange)
_unreadable = msgspec.json.Decoder(Unreadable)


def session_row(value: bytes) -> tuple[SessionRow, bytes]:
    """What a record of `sessions` is in the projection: read in full, and as the JSON to keep.

    Raises:
        UnreadableRow: It is damaged, or of a newer version.
    """
    try:
        checked = record.upgraded(value)
    except record.UnreadableRecord as error:
        raise UnreadableRow(str(error)) from error
    row = decode_session(checked)
    start = checked.find(_PACKED)  # no text can hold it: a quotation mark within one is escaped
    if start < 0:
        return row, _encoder.encode(row)
    end = checked.index(b'"', start + len(_PACKED)) + 1
    if checked[end : end + 1] != b",":
        return row, _encoder.encode(row)
    return row, checked[:start] + checked[end + 1 :]


def decode_session(value: bytes) -> SessionRow:
    """A field of `Keys.session`.

    Raises:
        UnreadableRow: The value is damaged.
    """
    return _decoded(_session, value, "session ledger")


def rollup_row(key: bytes, value: bytes) -> RollupRow:
    """A record of `usage-rollups`.

    Raises:
        UnreadableRow: It is damaged, of another version, or its key is not that of its fields.
    """
    row = decode_rollup(value)
    if row.version != ROLLUP_VERSION:
        raise UnreadableRow(f"rollup version={row.version}: this is Burnline for version {ROLLUP_VERSION}")
    if _decoded(_rollup_key, key, "rollup's key") != rollup_fields(row):
        raise UnreadableRow(f"the rollup's fields make another key: {key[:200]!r}")
    return row


def rollup_fields(row: RollupRow) -> tuple[int, int, int, str, str, str | None, str | None, str, str, str]:
    """What the key of a rollup's record holds, in its order."""
    return (
        row.source_partition,
        row.since_offset,
        row.quarter_start_ms,
        row.org_id,
        row.agent_id,
        row.team_id,
        row.project_code,
        row.provider,
        row.model,
        row.kind,
    )


def rollup_quarter_ms(key: bytes) -> int:
    """The beginning of the quarter of an hour that a rollup's key names.

    Raises:
        UnreadableRow: It is no such key.
    """
    return _decoded(_rollup_key, key, "rollup's key")[2]


def decode_rollup(value: bytes) -> RollupRow:
    """A value of `Keys.rollups`.

    Raises:
        UnreadableRow: The value is damaged.
    """
    return _decoded(_rollup, value, "rollup")


def notice(value: bytes) -> Anomaly:
    """A record of `anomalies`, and a value of `Keys.anomaly`.

    Raises:
        UnreadableRow: The value is no notice.
    """
    try:
        return Anomaly.model_validate_json(value)
    except ValidationError as error:
        where = ", ".join(".".join(map(str, item["loc"])) or item["msg"] for item in error.errors(include_url=False))
        raise UnreadableRow(f"no anomaly notice: {where}: {value[:200]!r}") from error


def encode_progress(progress: Progress) -> bytes:
    """A value of `Keys.progress`."""
    base = progress.lineage.offset_base if progress.lineage else 0
    row = ProgressRow(
        progress.next_offset, progress.watermark_ms, progress.written_at_ms, progress.appended_at_ms, base
    )
    return _encoder.encode(row)


def decode_progress(value: bytes) -> ProgressRow:
    """What `encode_progress` wrote.

    Raises:
        UnreadableRow: The value is damaged.
    """
    return _decoded(_progress, value, "progress")


def encode_control(epoch: int, value: bytes) -> bytes:
    """A value of `Keys.controls`; `value` is JSON already."""
    return _encoder.encode(_ControlRow(epoch, msgspec.Raw(value)))


def decode_control(value: bytes) -> tuple[int, bytes]:
    """What `encode_control` wrote: the fencing epoch, and the control's record.

    Raises:
        UnreadableRow: The value is damaged.
    """
    row = _decoded(_control, value, "control")
    return row.epoch, bytes(row.control)


def encode_rate_change(offset: int, timestamp_ms: int, value: bytes | None) -> bytes:
    """An entry of `Keys.rate_history`; `value` is JSON already."""
    return _encoder.encode(_RateChange(offset, timestamp_ms, msgspec.Raw(_NULL if value is None else value)))


def decode_rate_change(value: bytes) -> RateChange:
    """What `encode_rate_change` wrote.

    Raises:
        UnreadableRow: The value is damaged.
    """
    entry = _decoded(_rate_change, value, "entry of a rate's history")
    rate = bytes(entry.value)
    return RateChange(entry.offset, entry.timestamp_ms, None if rate == _NULL else rate)


def decode_unreadable(value: bytes) -> Unreadable:
    """A value of `Keys.unreadable`.

    Raises:
        UnreadableRow: The value is damaged.
    """
    return _decoded(_unreadable, value, "count of unreadable records")


def _decoded(decoder: "msgspec.json.Decoder[Row]", value: bytes, name: str) -> Row:
    try:
        return decoder.decode(value)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise UnreadableRow(f"no {name}: {error}: {value[:200]!r}") from error
