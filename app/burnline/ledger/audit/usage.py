"""Usage rollups against the log: all partials of an agent and model, added up, and what the log comes to.

What can be decided, and what cannot:

- After `burnline adopt`, rows of former source topics are left out: what they were counted from is gone.
- Rollups have a beginning of their own: the least `since_offset` of the partition's records. What the log holds before
  it was counted by workers that wrote none yet; it is left out. So that the very first record is gone cannot be seen.
- A quarter is compared when nothing of it can be gone: neither events of the log by its retention, nor records of the
  rollups by theirs, and when it lies wholly inside the range that was asked for.
- Workers go on writing. A row that holds events above the partition's progress is *moving*, and so is all that its
  agent used of its model in its quarter: of that, rollups must hold at least what the log holds below the progress.
- Rows of before agents of one session were told apart stand under the agent of its first event. Where events name
  several, or that first one may lie before the log that is left, totals by model decide alone: they must be equal, or
  at least as much while some of them move.
- The provider of a row follows from the rates of its time, and team, project and kind are not in ledgers: they are not
  compared.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from burnline.events.usage import END_TIME_MS, Usage
from burnline.ledger.audit.outcome import Outcome, Row
from burnline.ledger.audit.report import NO_SUMS, add_fields
from burnline.ledger.audit.retired import Agent
from burnline.ledger.audit.session import Bounds, Verdict, described, of_equal_counts, unequal
from burnline.ledger.audit.sums import NOTHING, Fields, Sums
from burnline.ledger.audit.usage_held import Group, HeldUsage, contradiction, fields_of, group_of
from burnline.ledger.rare import LEDGER_NAMES, NOTHING_RARE
from burnline.ledger.session import COMMON_FIELDS
from burnline.ledger.usage_record import UsageRollupRecord, parse
from burnline.ledger.usage_rollups import QUARTER_MS, UsageRollups, UsageRow
from burnline.pricing.card import ChargeFields

Used = tuple[str, str, str]
"""Org, agent, model."""


class Extent(NamedTuple):
    """Of which events and quarters both sides are compared."""

    since_offset: int = 0
    next_offset: int = 0
    from_ms: int = END_TIME_MS
    to_ms: int = 0

    def holds(self, quarter_start_ms: int) -> bool:
        """Whether a quarter lies in it."""
        return self.from_ms <= quarter_start_ms <= self.to_ms - QUARTER_MS


class _Side:
    """Sums, the moving ones apart."""

    def __init__(self) -> None:
        self.settled: dict[Used, list[int]] = {}
        self.moving: dict[Group, list[int]] = {}

    def place(self, group: Group, moving: frozenset[Group]) -> list[int]:
        """Where to add what belongs to a group."""
        if group in moving:
            return self.moving.setdefault(group, [*NO_SUMS])
        return self.settled.setdefault(group[1:], [*NO_SUMS])

    def by_model(self) -> Sums:
        """All of them, whose they may be."""
        found: dict[str, list[int]] = {}
        for key, sums in (*self.settled.items(), *self.moving.items()):
            _add(found.setdefault(str(key[-1]), [*NO_SUMS]), sums)
        return Sums({model: tuple(sums) for model, sums in found.items()})


class UsageCheck(UsageRollups):
    """Stands in for the rollups of the ledger that recomputes: adds up what the log comes to, and compares."""

    def __init__(self, partition: int, held: HeldUsage) -> None:
        super().__init__()
        self._partition = partition
        self._base = held.offset_base
        self._since_offset = None if held.since_offset is None else held.since_offset - self._base
        self._extent = Extent()
        self._moving: frozenset[Group] = frozenset()
        self._wanted = _Side()
        self._wrong: list[Row] = []
        self._records = list(self._readable(held.records))

    @property
    def rows(self) -> list[Row]:
        """What is wrong with single records."""
        return self._wrong

    def _readable(self, records: Iterable[tuple[bytes, bytes]]) -> Iterator[UsageRollupRecord]:
        for key, value in records:
            try:
                record = parse(value)
                wrong = contradiction(key, record, self._partition)
            except ValueError as error:
                self._found(Outcome.UNREADABLE, key, str(error))
                self._since_offset = None  # without it nothing can be added up
                continue
            if wrong:
                self._found(Outcome.CONTRADICTORY, key, wrong)
            yield record

    def begin(self, next_offset: int, from_ms: int, to_ms: int) -> None:
        """Say what is compared, before the first event.

        Args:
            next_offset: The partition's progress.
            from_ms: Of quarters that start at this time or later, neither events nor records are gone.
            to_ms: Quarters that end later are left out.
        """
        if self._since_offset is not None:
            self._extent = Extent(self._since_offset, next_offset, from_ms, to_ms)
        moving = (record for record in self._records if record.last_offset - self._base >= next_offset)
        self._moving = frozenset(map(group_of, moving))

    def add(
        self,
        offset: int,
        event: Usage,
        provider: str,
        model: str,
        charged: ChargeFields,
        rare: Mapping[str, int] = NOTHING_RARE,
    ) -> None:
        """Count an event of the log."""
        del provider
        extent = self._extent
        start_ms = event.occurred_at - event.occurred_at % QUARTER_MS
        if not (extent.since_offset <= offset < extent.next_offset and extent.holds(start_ms)):
            return
        sums = self._wanted.place((start_ms, event.org_id, event.agent_id, model), self._moving)
        cost, savings, unpriced = charged[:3]
        sums[0] += 1
        sums[1] += event.input_tokens
        sums[2] += event.output_tokens
        sums[3] += event.cached_input_tokens
        sums[4] += event.cache_write_tokens
        sums[5] += event.reasoning_tokens
        sums[6] += unpriced
        sums[7] += cost
        sums[8] += savings
        if event.kind == "embedding":
            sums[9] += cost
        for at, name in enumerate(LEDGER_NAMES, len(COMMON_FIELDS)) if rare else ():
            sums[at] += rare.get(name, 0)

    def take_changes(self, watermark_ms: int) -> list[UsageRow]:
        """Nothing is written."""
        del watermark_ms
        return []

    def ahead_of(self, next_offset: int) -> Iterator[Row]:
        """Rows with events above a progress that was read after them."""
        for record in self._records:
            last_offset = record.last_offset - self._base
            if last_offset >= next_offset:
                told = f"its last offset is {last_offset}, the partition's progress {next_offset}"
                yield Row(Outcome.AHEAD, self._partition, _subject(record.org_id, record.agent_id), detail=told)

    def compare(self, bounds: Bounds, *, owners_known: bool) -> "Compared":
        """What becomes of each agent's rollups."""
        if self._since_offset is None or self._extent.from_ms >= END_TIME_MS:
            return Compared()
        held = _Side()
        for record in self._records:
            if self._extent.holds(record.quarter_start_ms):
                _add(held.place(group_of(record), self._moving), fields_of(record))
        wanted = self._wanted
        rows = self._by_agent(held, wanted, bounds) if owners_known else self._by_model(held, wanted, bounds)
        return Compared(
            compared=True,
            settled=add_fields(map(tuple, held.settled.values())),
            moving=add_fields(map(tuple, held.moving.values())),
            rows=list(rows),
        )

    def _by_agent(self, held: _Side, wanted: _Side, bounds: Bounds) -> Iterator[Row]:
        held_by, wanted_by = _agents(held.settled), _agents(wanted.settled)
        for agent in sorted(held_by.keys() | wanted_by.keys()):
            delta = held_by.get(agent, NOTHING).minus(wanted_by.get(agent, NOTHING))
            yield from self._told(_subject(*agent), _exactly(delta, bounds))
        for group, sums in wanted.moving.items():
            _, org_id, agent_id, model = group
            delta = Sums({model: tuple(held.moving[group])}).minus(Sums({model: tuple(sums)}))
            yield from self._told(_subject(org_id, agent_id), _at_least(delta))

    def _by_model(self, held: _Side, wanted: _Side, bounds: Bounds) -> Iterator[Row]:
        delta = held.by_model().minus(wanted.by_model())
        yield from self._told(
            "all agents (usage rollups)", _at_least(delta) if held.moving else _exactly(delta, bounds)
        )

    def _told(self, subject: str, verdict: Verdict) -> Iterator[Row]:
        if verdict.outcome is not Outcome.AGREES:
            yield verdict.row(self._partition, subject)

    def _found(self, outcome: Outcome, key: bytes, detail: str) -> None:
        subject = f"usage rollup {key.decode(errors='replace')}"
        self._wrong.append(Row(outcome, self._partition, subject, detail=detail))


class Compared(NamedTuple):
    """What came of it; with the defaults, nothing could be compared."""

    compared: bool = False
    settled: Fields = NO_SUMS
    """Sums of the rollups that were compared exactly."""
    moving: Fields = NO_SUMS
    """Sums of those that must hold at least what the log does."""
    rows: Sequence[Row] = ()


def _exactly(delta: Sums, bounds: Bounds) -> Verdict:
    if not any(delta.counts()):
        return of_equal_counts(delta, bounds)
    return Verdict(unequal(delta, whole=True), delta, described(delta))


def _at_least(delta: Sums) -> Verdict:
    if min(delta.counts()) >= 0:
        return Verdict(Outcome.AGREES, delta)
    return Verdict(Outcome.MISSING, delta, f"{described(delta)}; of what is still being written")


def _subject(org_id: str, agent_id: str) -> str:
    return f"{org_id}/{agent_id} (usage rollups)"


def _add(sums: list[int], fields: Iterable[int]) -> None:
    for index, value in enumerate(fields):
        sums[index] += value


def _agents(sums: dict[Used, list[int]]) -> dict[Agent, Sums]:
    models: dict[Agent, dict[str, Fields]] = {}
    for (org_id, agent_id, model), fields in sums.items():
        models.setdefault((org_id, agent_id), {})[model] = tuple(fields)
    return {agent: Sums(found) for agent, found in models.items()}
