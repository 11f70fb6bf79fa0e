"""One partition, read again from its log and compared: records in by `take`, what differs out by `finish`."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property

from burnline.events.decode import decode_batch
from burnline.events.usage import END_TIME_MS, Usage
from burnline.ledger import record
from burnline.ledger.audit.comparison import Comparison
from burnline.ledger.audit.cut import MARGIN_MS, Beginning, Cut, Judging
from burnline.ledger.audit.identities import PartitionIdentities, Places
from burnline.ledger.audit.letters import LetterCheck
from burnline.ledger.audit.outcome import Outcome, Row
from burnline.ledger.audit.prices import Books, PricesCharged, no_books
from burnline.ledger.audit.report import Findings, PartitionReport
from burnline.ledger.audit.retired import Agent, rollup_sums
from burnline.ledger.audit.session import ABSENT, Bounds, Side, side
from burnline.ledger.audit.sums import Sums, stated_totals, sums_of, sums_of_record
from burnline.ledger.audit.usage import Compared, UsageCheck
from burnline.ledger.identity import key_of, ledger_key, org_and_session
from burnline.ledger.lineage import Lineage
from burnline.ledger.partition import PartitionLedger, Retention
from burnline.ledger.policy import Policy
from burnline.pricing.overrides import concerns

_DRAIN_EVERY = 500_000
"""Events between two removals of what a worker would have written."""


class PartitionAudit:
    """Recomputes one partition's ledgers and compares them. Holds in memory what a worker holds for a partition."""

    def __init__(
        self,
        topic: str,
        cut: Cut,
        policy: Policy,
        retention: Retention,
        judging: Judging,
        places: Places | None = None,
        books: Books = no_books,
    ) -> None:
        """Prepare.

        Args:
            topic: The source topic.
            cut: What stands on the topics.
            policy: Rates in force.
            retention: As the workers have it.
            judging: How to judge.
            places: Where the sessions of other partitions were met; new if not said.
            books: The rates over catalogues of before.
        """
        self._cut = cut
        self._policy = policy
        progress = cut.progress_after or cut.progress
        self._prices = PricesCharged(progress.catalogues if progress else (), policy, books)
        self._judging = judging
        self._idle_ms = retention.idle_ms
        self._ledger = PartitionLedger(topic, cut.partition, policy, retention._replace(idle_ms=None))
        self._offset_base = cut.begun.offset_base if cut.begun else 0
        self._ledger.belong_to(Lineage(offset_base=self._offset_base))
        self._usage = self._ledger.usage_rollups = UsageCheck(cut.partition, cut.usage)
        self._identities = PartitionIdentities()
        self._places = places or Places()
        self._beginning = Beginning(0, 0)
        self._letters = LetterCheck(cut.letters, 0, cut.next_offset)
        self._seen: list[str] = []
        self._undrained = self._records = self._repeats = self._other_agents = 0
        self._position = 0
        self._findings = Findings(judging.most_rows)
        self._held: dict[str, Side] = {}
        self._further_on: dict[str, int] = {}
        self._unreadable: set[str] = set()
        self._read_ledgers()

    @property
    def end_offset(self) -> int:
        """No record from here on is of interest."""
        return max((self._cut.next_offset, *(offset + 1 for offset in self._further_on.values())))

    @cached_property
    def other_catalogues(self) -> list[str]:
        """Versions of catalogues that are not kept, and by which events that are compared were charged."""
        return self._prices.not_kept(self._beginning.offset, self._cut.next_offset)

    @property
    def _limit(self) -> int:
        """Nothing that was read holds events from here on."""
        after = self._cut.progress_after
        return after.next_offset if after else 0

    def _read_ledgers(self) -> None:
        """Read every ledger; those that are further on than the progress say how far the log counts for them."""
        cut = self._cut
        limit = self._limit
        while cut.ledgers:
            name, value = cut.ledgers.popitem()
            key = key_of(name)
            try:
                held = record.parse(value)
                sums, stated = sums_of_record(held), stated_totals(held)
            except ValueError as error:
                self._found(Outcome.UNREADABLE, name if key is None else org_and_session(key)[1], str(error))
                self._unreadable.add(key or name)
                continue
            told_by, session_id = ledger_key(held.org_id, held.session_id), held.session_id
            if key is None and session_id == name:  # stands under the session id alone, as all did before
                key = told_by
            key = key or name
            self._held[key] = side(held, sums)
            if sums.totals != stated:
                self._found(Outcome.CONTRADICTORY, session_id, "its totals are not the sums of its models")
            if (told_by, held.source_partition) != (key, cut.partition):
                told = f"it says that it is session {session_id} of partition {held.source_partition}"
                self._found(Outcome.CONTRADICTORY, org_and_session(key)[1] or key, told)
            last_offset = held.last_offset - self._offset_base  # below 0 where it is one of a former topic
            if last_offset >= limit:
                told = f"its last offset is {last_offset}, the partition's progress {limit}"
                self._found(Outcome.AHEAD, session_id, told)
            if last_offset >= cut.next_offset:
                self._further_on[key] = last_offset

    def begin(self, beginning: Beginning) -> None:
        """Say where the log begins, before the first record."""
        begun, judging = self._cut.begun, self._judging
        if begun is not None and begun.adopted:  # to what is kept from before, it is a log without its beginning
            begun_ms = begun.at_ms + MARGIN_MS + judging.max_clock_skew_ms
            beginning = beginning._replace(whole_from_ms=max(beginning.whole_from_ms, begun_ms))
        self._beginning = beginning
        self._position = beginning.offset
        self._letters = LetterCheck(self._cut.letters, beginning.offset, self._cut.next_offset)
        usage = self._cut.usage
        rollups = Beginning.of_log(usage.first_offset, usage.oldest_ms, judging.max_clock_skew_ms)
        from_ms = max(beginning.whole_from_ms, rollups.whole_from_ms, judging.scope.from_ms or 0)
        self._usage.begin(self._cut.next_offset, from_ms, judging.scope.to_ms or END_TIME_MS)

    def take(self, offsets: Sequence[int], values: Sequence[bytes | None]) -> None:
        """Recompute from records of the log, in order."""
        # Without the clock: what lay in the future when it was refused may be past by now. Dead letters tell.
        events, refused = decode_batch(values, now_ms=END_TIME_MS, max_clock_skew_ms=0)
        self._letters.pass_over(offsets, events, any_refused=bool(refused))
        below = len(offsets)
        if offsets[-1] >= self._cut.next_offset:
            below = self._hold_back(offsets, events)
        self._identities.take(events)
        for part in self._prices.stretches(offsets):
            self._ledger.apply(offsets[part], events[part], now_ms=0)
        self._records += below
        self._position = offsets[-1] + 1
        self._undrained += len(offsets)
        if self._undrained >= _DRAIN_EVERY:
            self._drain()

    def _hold_back(self, offsets: Sequence[int], events: list[Usage | None]) -> int:
        """Leave out what the ledgers of the cut cannot hold yet; how many records are below the progress."""
        below = 0
        for index, offset in enumerate(offsets):
            if offset < self._cut.next_offset:
                below += 1
                continue
            event = events[index]
            if event is not None:
                key = ledger_key(event.org_id, event.session_id)
                if self._further_on.get(key, -1) < offset:
                    events[index] = None
        return below

    def _drain(self) -> None:
        changes = self._ledger.take_changes(0)
        self._seen += changes.counts.opened
        self._note_places(changes.counts.opened)
        self._repeats += changes.counts.duplicates
        self._other_agents += changes.counts.other_agents
        self._undrained = 0

    def _note_places(self, keys: Iterable[str]) -> None:
        for key in keys:
            self._places.meet(self._cut.partition, *org_and_session(key))

    def finish(self, *, first_offset: int, end_offset: int) -> PartitionReport:
        """Compare.

        Args:
            first_offset: Where the log begins by now.
            end_offset: Where it ends by now.
        """
        self._drain()
        self._prices.end()
        self._note_places(self._held)
        cut, scope = self._cut, self._judging.scope
        self._find_lost(first_offset)
        whole_from_ms = self._whole_from_ms(first_offset, end_offset)
        rollups = self._rollups()
        bounds = Bounds(whole_from_ms, self._retired_before_ms(rollups), self._has_own_rate)
        comparison = Comparison(cut.partition, bounds, self._findings)
        for key, held, wanted in self._pairs():
            ours = wanted if held is ABSENT else held
            if scope.covers(ours.first_event_at, ours.last_event_at):
                comparison.of_session(org_and_session(key)[1] or key, held, wanted)
            else:
                comparison.outside()
        exactly = whole_from_ms == 0 and scope.everything
        comparison.of_rollups(rollups, exactly=exactly, owners_changed=self._other_agents > 0)
        usage = self._compared_usage(bounds)
        for row in (*self._letters.rows(first_offset), *usage.rows):
            self._findings.add(row)
        return PartitionReport(
            partition=cut.partition,
            first_offset=max(self._beginning.offset, first_offset),
            whole=whole_from_ms == 0,
            begun=cut.begun,
            next_offset=cut.next_offset,
            unapplied=max(0, end_offset - max(cut.next_offset, first_offset)),
            records=self._records,
            repeats=self._repeats,
            oddities=self._identities.found,
            refused=self._letters.refused,
            letters_not_checkable=self._letters.not_checkable,
            sessions=comparison.sessions,
            recomputed=comparison.recomputed,
            counted=comparison.counted,
            not_checkable=comparison.not_checkable,
            rollups_compared=exactly and rollups is not None,
            usage_compared=usage.compared,
            usage_settled=usage.settled,
            usage_moving=usage.moving,
            findings=self._findings,
        )

    def _find_lost(self, first_offset: int) -> None:
        lineage = self._cut.progress.lineage if self._cut.progress else None
        lost = (lineage.lost_events if lineage else 0) + max(0, first_offset - self._cut.next_offset)
        if lost:
            told = f"{lost} offsets, events at most, were gone before they were read"
            self._found(Outcome.LOST, f"partition {self._cut.partition}", told)

    def _compared_usage(self, bounds: Bounds) -> Compared:
        for row in (*self._usage.rows, *self._usage.ahead_of(self._limit)):
            self._findings.add(row)
        if bounds.whole_from_ms > self._beginning.whole_from_ms:
            return Compared()  # the log lost something while it was read, or lacks its end
        owners_known = bounds.whole_from_ms == 0 and not self._other_agents
        return self._usage.compare(bounds, owners_known=owners_known)

    def _whole_from_ms(self, first_offset: int, end_offset: int) -> int:
        if max(end_offset, self._position) < self._cut.next_offset:
            told = f"the log ends at {end_offset}, applied is everything below {self._cut.next_offset}"
            self._found(Outcome.LOG_CUT, f"partition {self._cut.partition}", told)
            return END_TIME_MS
        if first_offset > self._beginning.offset:  # perhaps records went while they were read
            return END_TIME_MS
        return self._beginning.whole_from_ms

    def _pairs(self) -> Iterator[tuple[str, Side, Side]]:
        """A ledger's key, the ledger, and what the log comes to."""
        for key in self._seen:
            if key in self._unreadable or org_and_session(key)[1] in self._unreadable:
                continue
            ledger = self._ledger.get(key)
            if ledger is not None and ledger.models:
                wanted, held = side(ledger, sums_of(ledger)), self._held.pop(key, ABSENT)
                # As it was written before former topics' offsets were part of it.
                if held.last_offset == wanted.last_offset - self._offset_base:
                    held = held._replace(last_offset=wanted.last_offset)
                yield key, held, wanted
        for key, held in self._held.items():
            yield key, held, ABSENT

    def _retired_before_ms(self, rollups: Mapping[Agent, Sums] | None) -> int | None:
        if rollups is not None and not rollups:
            return None
        # Event time moves on with the clock at most, and clocks differ by no more than the skew.
        return self._cut.taken_at_ms + self._judging.max_clock_skew_ms - (self._idle_ms or 0)

    def _has_own_rate(self, model: str) -> bool:
        if self.other_catalogues:
            return True
        names = self._prices.names_of(model) | {self._policy.book.resolve(None, model, 0).model.lower()}
        rated = self._judging.rated_models
        return not rated.isdisjoint(names) or any("*" in each and concerns(each, names) for each in rated)

    def _rollups(self) -> Mapping[Agent, Sums] | None:
        if self._cut.rollups is None:
            return None
        try:
            return rollup_sums(self._cut.rollups)
        except ValueError as error:
            self._found(Outcome.UNREADABLE, "a closed rollup", str(error))
            return None

    def _found(self, outcome: Outcome, subject: str, detail: str) -> None:
        self._findings.add(Row(outcome, self._cut.partition, subject, detail=detail))
