"""What subjects have spent, by quarters of an hour: the records of `usage-rollups`, added up. Pure.

A record is a partial sum, and the newest of its key counts. A worker writes those of a flush together, and marks the
last one with the offset that the ledgers are then at. Here a flush is taken in whole or not yet: so at any moment, what
is spent is what the ledgers say at `offsets`.
"""

from collections import defaultdict
from collections.abc import Iterator
from typing import NamedTuple

import msgspec

from burnline.budgets.budget import Scope, Subject
from burnline.budgets.periods import Span
from burnline.finance.days import QUARTER_MS
from burnline.pricing.money import pico_from_text


class Partial(msgspec.Struct, frozen=True, gc=False):
    """What of a usage rollup's record a budget is about."""

    source_partition: int
    quarter_start_ms: int
    org_id: str
    agent_id: str
    team_id: str | None
    project_code: str | None
    cost_usd: str


_decode = msgspec.json.Decoder(Partial).decode


_Key = tuple[int, int, int, str, str, str | None, str | None, str, str, str]
"""Source partition, offset of its first event, quarter's start, org, agent, team, project, provider, model, kind."""
_decode_key = msgspec.json.Decoder(_Key).decode


def read_partial(key: bytes, value: bytes | None) -> Partial:
    """A usage rollup's record; without a value it is deleted, and nothing is left of it.

    Raises:
        ValueError: It is none.
    """
    try:
        if value is not None:
            return _decode(value)
        source_partition, _, quarter_ms, org_id, agent_id, team_id, project_code, *_ = _decode_key(key)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise ValueError(f"no usage rollup: {error}: {(key if value is None else value)[:200]!r}") from error
    return Partial(source_partition, quarter_ms, org_id, agent_id, team_id, project_code, "0")


class Changed(NamedTuple):
    """A subject that has spent more in a quarter of an hour."""

    subject: Subject
    quarter_start_ms: int


class _Spent:
    """What one subject has spent, by quarter; and all that was ever added to it, which never falls."""

    __slots__ = ("added", "quarters")

    def __init__(self) -> None:
        self.added = 0
        self.quarters: dict[int, int] = {}


class Spending:
    """Sums by subject and quarter, at whole flushes."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self.offsets: dict[int, int] = {}
        """By partition of `usage`, the offset up to which the ledgers, and these sums, hold all events."""
        self._partials: dict[int, dict[bytes, int]] = defaultdict(dict)
        self._sums: dict[Subject, _Spent] = {}
        self._spenders: dict[tuple[str, str, str | None, str | None], list[tuple[Subject, _Spent]]] = {}
        """By organisation, agent, team and project, whose sums grow: met once, found ever after."""
        self._waiting: dict[int, list[tuple[bytes, Partial]]] = defaultdict(list)
        self._oldest_ms = 0

    def take(self, key: bytes, value: bytes | None, next_offset: int | None = None) -> set[Changed]:
        """Take a record in, in the order of its partition; what has changed, once its flush is whole.

        Args:
            key: The record's.
            value: The record's; None deletes the key.
            next_offset: The ledgers' offset after the flush, on its last record; None on all others.

        Raises:
            ValueError: It is no usage rollup.
        """
        partial = read_partial(key, value)
        self._waiting[partial.source_partition].append((key, partial))
        if next_offset is None:
            return set()
        self.offsets[partial.source_partition] = next_offset
        return self._apply(partial.source_partition)

    def end(self, partition: int) -> set[Changed]:
        """The partition has no more for readers of committed records: so the flush before is whole."""
        return self._apply(partition)

    def _apply(self, partition: int) -> set[Changed]:
        changed: set[Changed] = set()
        for key, partial in self._waiting.pop(partition, ()):
            if partial.quarter_start_ms >= self._oldest_ms:
                self._add(key, partial, changed)
        return changed

    def _add(self, key: bytes, partial: Partial, changed: set[Changed]) -> None:
        quarter_ms = partial.quarter_start_ms
        pico = pico_from_text(partial.cost_usd)
        known = self._partials[quarter_ms]
        more = pico - known.get(key, 0)
        known[key] = pico
        if not more:
            return
        spender = partial.org_id, partial.agent_id, partial.team_id, partial.project_code
        for subject, spent in self._spenders.get(spender) or self._meet(spender, partial):
            quarters = spent.quarters
            quarters[quarter_ms] = quarters.get(quarter_ms, 0) + more
            if more > 0:
                spent.added += more
            changed.add(Changed(subject, quarter_ms))

    def _meet(self, spender: tuple[str, str, str | None, str | None], partial: Partial) -> list[tuple[Subject, _Spent]]:
        found = []
        for subject in subjects_of(partial):
            spent = self._sums.get(subject)
            if spent is None:
                spent = self._sums[subject] = _Spent()
            found.append((subject, spent))
        self._spenders[spender] = found
        return found

    def added_pico(self, subject: Subject) -> int:
        """All that was ever added to what a subject has spent: between two moments no sum of it grows by more."""
        spent = self._sums.get(subject)
        return spent.added if spent else 0

    def spent_pico(self, subject: Subject, span: Span) -> int:
        """What a subject has spent in a period, which begins and ends on quarters."""
        spent = self._sums.get(subject)
        if spent is None:
            return 0
        quarters = spent.quarters
        if len(quarters) * QUARTER_MS < span.end_ms - span.start_ms:
            return sum(pico for at_ms, pico in quarters.items() if span.start_ms <= at_ms < span.end_ms)
        return sum(quarters.get(at_ms, 0) for at_ms in range(span.start_ms, span.end_ms, QUARTER_MS))

    def subjects(self) -> Iterator[Subject]:
        """All that have spent."""
        yield from self._sums

    def forget_before(self, at_ms: int) -> None:
        """Let go of quarters that began before a moment; what still comes of them is passed over."""
        oldest_ms = -(-at_ms // QUARTER_MS) * QUARTER_MS
        if oldest_ms <= self._oldest_ms:
            return
        self._oldest_ms = oldest_ms
        for quarter_ms in [each for each in self._partials if each < oldest_ms]:
            del self._partials[quarter_ms]
        for subject, spent in list(self._sums.items()):
            for quarter_ms in [each for each in spent.quarters if each < oldest_ms]:
                del spent.quarters[quarter_ms]
            if not spent.quarters:
                del self._sums[subject]
        self._spenders.clear()


def subjects_of(partial: Partial) -> Iterator[Subject]:
    """Whose spending it is: the organisation's, and that of the team, project and agent that the events name."""
    org_id = partial.org_id
    yield Subject(Scope.ORG, org_id, "")
    if partial.team_id:
        yield Subject(Scope.TEAM, org_id, partial.team_id)
    if partial.project_code:
        yield Subject(Scope.PROJECT, org_id, partial.project_code)
    yield Subject(Scope.AGENT, org_id, partial.agent_id)
