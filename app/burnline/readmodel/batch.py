"""Records of the topics as one batch of Redis commands: absolute values, and the offsets they speak for. No I/O.

A batch is applied whole or not at all (`lua/apply.lua`), and only where the last one ended. Commands whose name begins
with `@` are that script's own: they need to know what Redis holds.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import islice
from typing import NamedTuple

from burnline.budgets.budget import Budget
from burnline.controls.control import Control
from burnline.detection.anomaly import State
from burnline.detection.baseline import Baseline
from burnline.detection.notes import AnomalyNote
from burnline.ledger.identity import key_of, org_and_session
from burnline.ledger.progress import Progress
from burnline.pricing.valuation import ValuationRate
from burnline.readmodel.keys import (
    ANOMALY_TTL_MS,
    RATE_HISTORY_LENGTH,
    Keys,
    day_number,
    offset_field,
    session_field,
    utc_day,
)
from burnline.readmodel.rows import (
    UnreadableRow,
    encode_control,
    encode_progress,
    encode_rate_change,
    notice,
    rollup_quarter_ms,
    rollup_row,
    session_row,
)

ARGUMENTS_AT_ONCE = 2_000
"""Of one command: Lua hands on at most 7,999."""
WHY_LENGTH = 500

Argument = str | bytes | int
Command = tuple[Argument, ...]


class Role(StrEnum):
    """What a topic is to the projection."""

    SESSIONS = "sessions"
    USAGE_ROLLUPS = "usage_rollups"
    ANOMALIES = "anomalies"
    BASELINES = "baselines"
    BUDGETS = "budgets"
    CONTROLS = "controls"
    VALUATION_RATES = "valuation_rates"
    CATALOGUES = "catalogues"
    PROGRESS = "progress"
    ANOMALY_NOTES = "anomaly_notes"


class Record(NamedTuple):
    """One record of a topic; a value of None deletes its key.

    `next_offset` stands on the last usage rollup of a flush alone: the ledgers' offset after it.
    """

    role: Role
    topic: str
    partition: int
    offset: int
    timestamp_ms: int
    key: bytes
    value: bytes | None
    next_offset: int | None = None


class Stretch(NamedTuple):
    """What a batch covers of one partition: from `start` up to, not including, `end`."""

    topic: str
    partition: int
    start: int
    end: int


@dataclass(slots=True)
class Batch:
    """Commands, and what they cover.

    Attributes:
        stretches: Per partition; the batch applies only where the projection stands at every `start`.
        commands: In their order.
        records: How many were read, by role.
        unreadable: What was passed over and why, in sentences.
    """

    stretches: list[Stretch]
    commands: list[Command] = field(default_factory=list)
    records: dict[Role, int] = field(default_factory=dict)
    unreadable: list[tuple[Record, str]] = field(default_factory=list)

    def arguments(self) -> list[Argument]:
        """The batch as arguments of the script: counts before what they count."""
        flat: list[Argument] = [len(self.stretches)]
        for stretch in self.stretches:
            flat += (offset_field(stretch.topic, stretch.partition), stretch.start, stretch.end)
        for command in self.commands:
            flat.append(len(command))
            flat += command
        return flat


def plan(records: Iterable[Record], stretches: list[Stretch], keys: Keys, *, rollup_ttl_ms: int) -> Batch:
    """What some records do to a generation.

    A record that cannot be read is counted and changes nothing: what its key held before stays.

    Args:
        records: In order within each partition.
        stretches: What they cover.
        keys: The generation's.
        rollup_ttl_ms: How long a day's rollups stay after the newest was written.
    """
    batch = Batch(stretches)
    by_role: dict[Role, list[Record]] = {}
    for record in records:
        by_role.setdefault(record.role, []).append(record)
    for role, some in by_role.items():
        batch.records[role] = len(some)
        _PLANS[role](batch, some, keys, rollup_ttl_ms)
    _count_unreadable(batch)
    return batch


def _sessions(batch: Batch, records: list[Record], keys: Keys, _: int) -> None:
    deleted: dict[tuple[str, str], None] = {}
    newest: dict[tuple[str, str], tuple[bytes, str, int]] = {}
    for record in records:
        try:
            key = key_of(record.key)
            named_org, session_id = (None, record.key.decode()) if key is None else org_and_session(key)
            place = session_id, session_field(record.partition, named_org)
            if record.value is None:
                deleted[place] = None
                newest.pop(place, None)
                continue
            row, kept = session_row(record.value)
            wanted = session_id, record.partition, named_org or row.org_id
            if (row.session_id, row.source_partition, row.org_id) != wanted:
                told = f"{row.session_id!r} of {row.org_id!r}, source partition {row.source_partition}"
                raise UnreadableRow(f"the ledger is of {told}")
            newest[place] = kept, row.org_id, row.last_event_at
        except ValueError as error:
            batch.unreadable.append((record, str(error)))
    # First what is deleted: a session that begins anew takes over nothing, not even the time of its last event.
    batch.commands += [("@gone", session_id, place) for session_id, place in deleted]
    scores: dict[str, int] = {}
    by_org: dict[str, dict[str, int]] = {}
    for (session_id, place_), (kept, org_id, at_ms) in newest.items():
        batch.commands.append(("@ledger", session_id, place_, kept))
        for among in (scores, by_org.setdefault(org_id, {})):
            among[session_id] = max(at_ms, among.get(session_id, at_ms))
    _add_scores(batch, keys.sessions, scores, "GT")
    for org_id, among in by_org.items():
        _add_scores(batch, keys.sessions_of(org_id), among, "GT")
    changed = dict.fromkeys(session_id for session_id, _ in (*deleted, *newest))
    if changed:
        batch.commands.append(("@changed_next",))
        batch.commands += [("@changed", *some) for some in _pieces(changed)]


def _add_scores(batch: Batch, name: str, scores: Mapping[str, int], *options: str) -> None:
    flat = (item for member, score in scores.items() for item in (score, member))
    batch.commands += [("ZADD", name, *options, *some) for some in _pieces(flat)]


def _usage_rollups(batch: Batch, records: list[Record], keys: Keys, ttl_ms: int) -> None:
    days: dict[int, dict[bytes, bytes | None]] = {}
    newest_ms: dict[int, int] = {}
    cuts: dict[int, int | None] = {}
    for record in records:
        try:
            if record.value is None:
                quarter_ms = rollup_quarter_ms(record.key)
            else:
                quarter_ms = rollup_row(record.key, record.value).quarter_start_ms
            day = day_number(quarter_ms)
            utc_day(quarter_ms)
        except (ValueError, OverflowError) as error:
            batch.unreadable.append((record, str(error)))
            continue
        days.setdefault(day, {})[record.key] = record.value
        newest_ms[day] = max(record.timestamp_ms, newest_ms.get(day, 0))
        cuts[record.partition] = record.next_offset
    for partition, next_offset in cuts.items():
        batch.commands.append(("HSET", keys.rollup_cuts, partition, "" if next_offset is None else next_offset))
    for number, rows in days.items():
        day_name = utc_day(number * 86_400_000)
        name = keys.rollups(day_name)
        written = (item for key, value in rows.items() if value is not None for item in (key, value))
        batch.commands += [("HSET", name, *some) for some in _pieces(written)]
        batch.commands += [("HDEL", name, *some) for some in _pieces(key for key, value in rows.items() if not value)]
        batch.commands.append(("HINCRBY", keys.rollup_revisions, day_name, 1))
        batch.commands.append(("ZADD", keys.rollup_days, number, day_name))
        batch.commands.append(("@expires", f"rollups:{day_name}", newest_ms[number] + ttl_ms))


def _anomalies(batch: Batch, records: list[Record], _: Keys, __: int) -> None:
    for record in records:
        if record.value is None:
            continue  # the topic is not compacted: a null deletes nothing there, so it does not here
        try:
            read = notice(record.value)
        except UnreadableRow as error:
            batch.unreadable.append((record, str(error)))
            continue
        is_open = int(read.state is not State.RESOLVED)
        batch.commands.append(
            ("@notice", read.anomaly_id, read.revision, is_open, read.opened_at, read.updated_at, record.value)
        )
        batch.commands.append(("@expires", f"anomaly:{read.anomaly_id}", record.timestamp_ms + ANOMALY_TTL_MS))
        batch.commands.append(("@feed", record.timestamp_ms, record.value))


def _baselines(batch: Batch, records: list[Record], keys: Keys, _: int) -> None:
    for record in _readable(batch, records, Baseline.parse):
        batch.commands.append(_entry(keys.baselines, record))


def _anomaly_notes(batch: Batch, records: list[Record], keys: Keys, _: int) -> None:
    for record in _readable(batch, records, AnomalyNote.parse):
        batch.commands.append(_entry(keys.anomaly_notes, record))


def _budgets(batch: Batch, records: list[Record], keys: Keys, _: int) -> None:
    for record in _readable(batch, records, Budget.parse):
        batch.commands.append(_entry(keys.budgets, record))


def _controls(batch: Batch, records: list[Record], keys: Keys, _: int) -> None:
    for record in _readable(batch, records, Control.parse):
        if record.value is None:
            batch.commands.append(("HDEL", keys.controls, record.key))
        else:
            batch.commands.append(("HSET", keys.controls, record.key, encode_control(record.offset, record.value)))


def _valuation_rates(batch: Batch, records: list[Record], keys: Keys, _: int) -> None:
    for record in _readable(batch, records, ValuationRate.parse):
        history = keys.rate_history(record.key.decode())
        change = encode_rate_change(record.offset, record.timestamp_ms, record.value)
        batch.commands.append(_entry(keys.rates, record))
        batch.commands.append(("LPUSH", history, change))
        batch.commands.append(("LTRIM", history, 0, RATE_HISTORY_LENGTH - 1))


def _catalogues(batch: Batch, records: list[Record], keys: Keys, _: int) -> None:
    """As they are: whoever prices by one reads it, and says if it is none."""
    batch.commands += [_entry(keys.catalogues, record) for record in records]


def _progress(batch: Batch, records: list[Record], keys: Keys, _: int) -> None:
    for record in records:
        try:
            if record.value is None:
                batch.commands.append(("HDEL", keys.progress, int(record.key)))
                continue
            progress = Progress.decode(record.value)
        except ValueError as error:
            batch.unreadable.append((record, str(error)))
            continue
        batch.commands.append(("HSET", keys.progress, progress.source_partition, encode_progress(progress)))


def _readable(batch: Batch, records: list[Record], parse: Callable[[bytes, bytes], object]) -> Iterable[Record]:
    for record in records:
        try:
            record.key.decode()
            if record.value is not None:
                parse(record.key, record.value)
        except ValueError as error:
            batch.unreadable.append((record, str(error)))
        else:
            yield record


def _entry(name: str, record: Record) -> Command:
    return ("HDEL", name, record.key) if record.value is None else ("HSET", name, record.key, record.value)


def _count_unreadable(batch: Batch) -> None:
    last: dict[str, tuple[int, Record, str]] = {}
    for record, why in batch.unreadable:
        name = offset_field(record.topic, record.partition)
        last[name] = last.get(name, (0, record, why))[0] + 1, record, why
    for name, (count, record, why) in last.items():
        batch.commands.append(("@unreadable", name, count, record.offset, why[:WHY_LENGTH]))


def _pieces(items: Iterable[Argument]) -> Iterable[tuple[Argument, ...]]:
    rest = iter(items)
    while some := tuple(islice(rest, ARGUMENTS_AT_ONCE)):
        yield some


_PLANS: dict[Role, Callable[[Batch, list[Record], Keys, int], None]] = {
    Role.SESSIONS: _sessions,
    Role.USAGE_ROLLUPS: _usage_rollups,
    Role.ANOMALIES: _anomalies,
    Role.BASELINES: _baselines,
    Role.BUDGETS: _budgets,
    Role.CONTROLS: _controls,
    Role.VALUATION_RATES: _valuation_rates,
    Role.CATALOGUES: _catalogues,
    Role.PROGRESS: _progress,
    Role.ANOMALY_NOTES: _anomaly_notes,
}
