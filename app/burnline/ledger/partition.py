"""The ledgers of one source partition, and the one place where events change them.

A `PartitionLedger` is a pure state machine: records in by `apply`, time in by `tick`, what has to be written out by
`take_changes`, and back in by `restore`. It skips every offset that it has applied before, so reading again, after
whatever fault, changes nothing.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate, chain, islice
from typing import TYPE_CHECKING, NamedTuple, Self

from burnline.detection.anomaly import ResolvedBy
from burnline.events.decode import decode_batch
from burnline.events.rejection import Rejection
from burnline.events.usage import Usage, meters_of
from burnline.ledger import record, usage_record
from burnline.ledger.anomalies import PartitionAnomalies
from burnline.ledger.bounds import MAX_MODELS, counted_as
from burnline.ledger.changes import MAX_UNPRICED_TOLD, Changes, ClockFault, Counts
from burnline.ledger.duplicates import UNKNOWN, PartitionIds, content_mark, fingerprint, fingerprint_in_org
from burnline.ledger.identity import OldNames, key_of, org_and_session, record_name
from burnline.ledger.idle import HOUR_MS, IdleIndex, is_due
from burnline.ledger.lineage import Lineage
from burnline.ledger.metered import counted_rare
from burnline.ledger.policy import Policy
from burnline.ledger.progress import VERSION, CatalogueSince, Progress, going_on_by
from burnline.ledger.rare import LEDGER_NAMES, NOTHING_RARE
from burnline.ledger.rollup import ClosedRollups
from burnline.ledger.session import Ledger, ModelSums
from burnline.ledger.usage_rollups import UsageRollups, activity_of
from burnline.pricing.card import RateCard, charge_fields, unpriced_fees
from burnline.windows.slices import SLICE_MS, prune, slice_index

if TYPE_CHECKING:
    from burnline.settings import Settings

OLD_IDS_LOOKED_FOR = 1_000_000
"""So many offsets after ids were told apart by organisation, events are looked for as they were known before, too."""
MAX_RETIRED_AT_ONCE = 2_000
"""Sessions retired in one flush, so that a quiet night does not hold up the first event of the day."""


class Retention(NamedTuple):
    """How much a ledger remembers beside its totals."""

    slices: int
    duplicate_ids: int
    """Newest events known as duplicates, per session."""
    partition_ids: int = 0
    """Newest events known as duplicates, of all sessions of the partition."""
    idle_ms: int | None = None
    """A session idle for so long is retired: its sums go to a closed rollup. None keeps every session."""
    ids_per_org: bool = False
    """Whether an event id is unique in its organisation, and not only in its session."""

    @classmethod
    def from_settings(cls, settings: "Settings") -> Self:
        """What the settings ask for."""
        return cls(
            slices=settings.window_retention_s * 1000 // SLICE_MS,
            duplicate_ids=settings.duplicate_ids_per_session,
            partition_ids=settings.duplicate_ids_per_partition,
            idle_ms=settings.retire_after_s * 1000 or None,
            ids_per_org=settings.event_id_scope == "org",
        )


class PartitionLedger:
    """All sessions of one partition of the usage topic."""

    def __init__(self, topic: str, partition: int, policy: Policy, retention: Retention) -> None:
        self.topic = topic
        self.partition = partition
        self.policy = policy
        self.retention = retention
        self.next_offset = 0
        self.watermark_ms = 0
        """Greatest event time, none ahead of when the log took its event."""
        self.logged_ms = 0
        """When the log took the newest record."""
        self.counts = Counts()
        self.catalogues: tuple[CatalogueSince, ...] = ()
        """Which prices were in force from which offset on."""
        self.lineage = Lineage()
        """Which topics the counts belong to; its events are those of the last flush."""
        self._hot: dict[str, Ledger] = {}
        self._cold: dict[str, bytes] = {}
        self._cold_and_open: set[str] = set()
        """Sessions of `_cold` with an open anomaly, until `restore` has read them."""
        self._anomalies = PartitionAnomalies(topic, partition, policy)
        self._dirty: list[Ledger] = []
        self._active_at_ms: int | None = None
        self._ticked_slice = 0
        self._ids = PartitionIds(retention.partition_ids)
        self._old_ids_until = 0
        self._old_names = OldNames()
        self._idle = IdleIndex()
        self._retired: list[str] = []
        self._closed = ClosedRollups(partition)
        self.usage_rollups = UsageRollups()

    def __len__(self) -> int:
        """Ledgers held."""
        return len(self._hot) + len(self._cold)

    @property
    def changed(self) -> int:
        """Ledgers that the next flush has to write."""
        return len(self._dirty)

    @property
    def open_anomalies(self) -> int:
        """Sessions with an open anomaly."""
        return len(self._anomalies)

    def restore_session(self, name: str, value: bytes | None) -> None:
        """Take over a session's record, in place of one that was taken over before; None forgets the session.

        A record that stands under the session id alone, as all did before, is moved to its new name with the first
        flush that writes it.

        A value is looked through, and kept as it is until its session is touched. Call `restore` once after them.

        Raises:
            UnreadableRecord: It cannot be read, and is not taken over; to count on from zero would lose what it holds.
        """
        if value is None:
            key = self._old_names.forget(name) or key_of(name)
            if key is not None:
                self._drop(key)
            return
        value = record.upgraded(value)
        key = key_of(name)
        if key is None:
            key = record.decode(value).key
            if org_and_session(key)[1] != name:
                raise record.UnreadableRecord(f"session ledger {name!r} says that it is {org_and_session(key)[1]!r}")
            self._old_names.add(key, name)
        else:
            self._old_names.moved(key)
        self._keep(key, value)

    def restore(
        self,
        progress: Progress | None,
        records: Iterable[tuple[str, bytes]] = (),
        rollups: Iterable[bytes] = (),
        event_ids: Iterable[tuple[bytes, bytes]] = (),
    ) -> None:
        """Take over what was written: the progress, sessions' records, closed rollups, and event ids.

        Sessions with an open anomaly are read at once.

        Raises:
            UnreadableRecord: A record cannot be read.
        """
        if progress is not None:
            if progress.source_partition != self.partition:
                told = f"says that it is of partition {progress.source_partition}"
                raise record.UnreadableRecord(f"the progress record of partition {self.partition} {told}")
            self.next_offset = progress.next_offset
            self.watermark_ms = progress.watermark_ms
            self.logged_ms = progress.appended_at_ms or progress.watermark_ms
            self._ticked_slice = slice_index(self.logged_ms)
            if progress.lineage is not None:
                self.belong_to(progress.lineage)
            until = progress.old_ids_until_offset
            self._old_ids_until = progress.next_offset + OLD_IDS_LOOKED_FOR if until is None else until
            self.catalogues = progress.catalogues
        for name, value in records:
            self.restore_session(name, value)
        self._closed.restore(rollups)
        self._ids.restore(event_ids)
        open_, self._cold_and_open = self._cold_and_open, set()
        for key in sorted(open_):
            ledger = self._ledger(key)
            if ledger is not None and ledger.anomaly is not None:
                self._anomalies.restore(ledger)

    def belong_to(self, lineage: Lineage) -> None:
        """Count as this lineage says from now on."""
        self.lineage = lineage

    def progress(self, now_ms: int) -> Progress:
        """How far it is now, with the events of the last flush."""
        place = (self.topic, self.partition, self.next_offset, self.watermark_ms)
        return Progress(VERSION, *place, now_ms, self.logged_ms, self.lineage, self._old_ids_until, self.catalogues)

    def events_held(self) -> int:
        """Events in all ledgers and closed rollups."""
        cold = sum(record.events(value) for value in self._cold.values())
        hot = sum(sums.events for ledger in self._hot.values() for sums in ledger.models.values())
        return cold + hot + self._closed.events

    def skip_to(self, offset: int) -> int:
        """Go on at a later offset, since what lies before it is gone from the log; says how many offsets that loses."""
        lost = max(0, offset - self.next_offset)
        self.next_offset += lost
        self.counts.lost += lost
        return lost

    def _note_catalogue(self) -> None:
        """Say from which offset on events are charged by the catalogue of now: prices change between batches alone."""
        version = self.policy.book.catalogue_version
        self.catalogues = going_on_by(self.catalogues, version, self.next_offset, self.logged_ms)

    def _drop(self, key: str) -> None:
        self._cold.pop(key, None)
        self._cold_and_open.discard(key)

    def _keep(self, key: str, value: bytes) -> None:
        """Keep a record until its session is touched; refuse one that could not be read then."""
        ledger = record.check(value, key, self.partition)
        self._cold[key] = value
        self._cold_and_open.discard(key)
        if ledger.anomaly is not None:
            self._cold_and_open.add(key)
        if self.retention.idle_ms is not None:
            self._idle.note(key, ledger.last_event_at)

    def get(self, key: str) -> Ledger | None:
        """The ledger of this key (`ledger_key`), or None if there is none here."""
        return self._hot.get(key) or self._ledger(key)

    def apply_records(
        self,
        offsets: Sequence[int],
        values: Sequence[bytes | None],
        *,
        logged_ms: Sequence[int],
        now_ms: int,
        max_clock_skew_ms: int,
    ) -> list[Rejection]:
        """Decode records and count their events.

        Args:
            offsets: Ascending offsets of the records.
            values: Their values.
            logged_ms: When the log took each record.
            now_ms: A clock that nobody sets, from which idle time is counted, as `tick` is given it.
            max_clock_skew_ms: How far ahead of the log's time an event may be.

        Returns:
            What was refused, in order; nothing of what was applied before.
        """
        events, rejections = decode_batch(
            values, now_ms=now_ms, max_clock_skew_ms=max_clock_skew_ms, logged_ms=logged_ms
        )
        fresh = [rejection for rejection in rejections if offsets[rejection.index] >= self.next_offset]
        by_log = None if self.policy.by_event_time else logged_ms
        self.apply(offsets, events, logged_ms=by_log, now_ms=now_ms)
        return fresh

    def apply(
        self,
        offsets: Sequence[int],
        events: Sequence[Usage | None],
        *,
        logged_ms: Sequence[int] | None = None,
        now_ms: int,
    ) -> None:
        """Count events; those that were applied before are skipped.

        Args:
            offsets: Ascending offsets of the records.
            events: The event of each record, or None where the record was refused.
            logged_ms: When the log took each record. None: as it happened, or when a newer one before it did, so that
                no event is ahead of the log.
            now_ms: A clock that nobody sets, from which idle time is counted, as `tick` is given it.
        """
        self._note_catalogue()
        if logged_ms is None:
            logged_ms = self._as_they_happened(offsets, events)
        policy = self.policy
        cards = policy.cards
        rated_orgs = policy.rated_orgs
        hot = self._hot
        dirty = self._dirty
        duplicate_ids, ids_per_org = self.retention.duplicate_ids, self.retention.ids_per_org
        mark_of, remember = self._ids.mark_of, self._ids.remember
        roll_up = self.usage_rollups.add
        unpriced = self.counts.unpriced
        next_offset = self.next_offset
        version = policy.version
        watermark_ms = self.watermark_ms
        old_ids_until = self._old_ids_until
        kept_slices = self.retention.slices
        offset_base = self.lineage.offset_base
        delayed_after_ms = policy.rule.short_window_s * 1000
        log_slice = slice_index(self.logged_ms)
        slice_start_ms, slice_end_ms = log_slice * SLICE_MS, (log_slice + 1) * SLICE_MS
        stale_slice = log_slice - kept_slices
        accepted = 0
        for offset, event, log_ms in zip(offsets, events, logged_ms, strict=True):
            if offset < next_offset:
                continue
            if not slice_start_ms <= log_ms < slice_end_ms:
                # Before the event is added, and at once: what resolves must follow from the log alone, not from where
                # a batch happens to end.
                log_slice = slice_index(log_ms)
                slice_start_ms, slice_end_ms = log_slice * SLICE_MS, (log_slice + 1) * SLICE_MS
                stale_slice = log_slice - kept_slices
                self._resolve_quiet(log_slice, ResolvedBy.EVENT_TIME)
            if event is None:
                continue
            key = f"{event.org_id}\n{event.session_id}"  # ledger_key, without a call
            at_ms = event.occurred_at
            event_id = event.event_id
            hashed = fingerprint_in_org(event.org_id, event_id) if ids_per_org else fingerprint(key, event_id)
            old = fingerprint(event.session_id, event_id) if offset < old_ids_until else hashed
            known = mark_of(hashed)
            if known is None and old != hashed:
                known = mark_of(old)
            if known is not None:  # before its ledger is looked for: it opens none
                self._count_duplicate(event, known)
                continue
            ledger = hot.get(key)
            if ledger is None:
                ledger = self._ledger(key) or self._open_ledger(event, key)
            if duplicate_ids and (
                (old != hashed and ledger.recent.known(old)) or not ledger.recent.add(hashed, duplicate_ids)
            ):
                self._count_duplicate(event, UNKNOWN)
                continue
            remember(hashed, content_mark(event))
            accepted += 1
            delay_ms = log_ms - at_ms
            if not -SLICE_MS <= delay_ms <= delayed_after_ms:
                self._count_clock(event, delay_ms)
            seen_ms = at_ms
            if delay_ms < 0:  # no window ends later than the log: an event from ahead counts in it as of now
                seen_ms, delay_ms = log_ms, 0
            if seen_ms > watermark_ms:
                watermark_ms = seen_ms

            model = event.model
            card = cards.get((event.provider, model))
            if event.service_tier or event.region or (rated_orgs and event.org_id in rated_orgs):
                card = policy.served_card(
                    event.provider, model, event.service_tier or "", event.region or "", event.org_id, at_ms
                )
            elif card is None or not card.valid_from_ms <= at_ms < card.valid_until_ms:
                card = policy.card(event.provider, model, at_ms)
            charged = charge_fields(
                card,
                event.input_tokens,
                event.output_tokens,
                event.cached_input_tokens,
                event.cache_write_tokens,
                event.reasoning_tokens,
            )
            rare = NOTHING_RARE
            if type(event) is not Usage:
                ledger.grow_from(event.parent_session_id)
                event, charged, rare = counted_rare(event, card, charged)
            cost = charged[0]
            models = ledger.models
            sums = models.get(model)
            if sums is None:
                model = counted_as(model, len(models), MAX_MODELS)
                sums = models.setdefault(model, ModelSums())
            provider = event.provider or card.named_provider
            roll_up(offset, event, provider, model, charged, rare)

            sums.events += 1
            sums.input_tokens += event.input_tokens
            sums.output_tokens += event.output_tokens
            sums.cost_pico_usd += cost
            if event.cached_input_tokens:
                sums.cached_input_tokens += event.cached_input_tokens
                sums.cache_savings_pico_usd += charged[1]
            if event.cache_write_tokens:
                sums.cache_write_tokens += event.cache_write_tokens
            if event.reasoning_tokens:
                sums.reasoning_tokens += event.reasoning_tokens
            if charged[2]:
                sums.unpriced_tokens += charged[2]
                if event.model not in unpriced and len(unpriced) < MAX_UNPRICED_TOLD:
                    unpriced[event.model] = card.rule or policy.why_unpriced(event.provider, event.model, at_ms)
            if rare:
                sums.add_rare({name: rare[name] for name in LEDGER_NAMES if name in rare})
                if "reported_pico_usd" not in rare:
                    self._count_unpriced_fees(event, card)
            if event.kind != "llm":
                self._count_kind(ledger, sums, event, cost)
            if event.agent_id != ledger.agent_id:
                self.counts.other_agents += 1

            if at_ms > ledger.last_event_at:
                ledger.last_event_at = at_ms
            elif at_ms < ledger.first_event_at:
                ledger.first_event_at = at_ms
            ledger.last_offset = offset_base + offset
            if not ledger.dirty:
                ledger.dirty = True
                dirty.append(ledger)

            index = seen_ms // SLICE_MS
            if index <= stale_slice:
                self._count_late(event)
                continue
            if index == ledger.newest_slice:
                ledger.slices[index] += cost
                ledger.short_pico_usd += cost
                ledger.long_pico_usd += cost
                if delay_ms < ledger.delay_ms:
                    ledger.delay_ms = delay_ms
            elif not self._add_to_other_slice(ledger, index, cost, delay_ms):
                self._count_late(event)
                continue
            if ledger.limits_version != version:
                self._anomalies.watch(ledger)
            if (
                ledger.short_pico_usd > ledger.watch_short_pico_usd
                and ledger.long_pico_usd > ledger.watch_long_pico_usd
            ):
                self._anomalies.judge(ledger, event, offset, log_ms)
        self.counts.accepted += accepted
        self.watermark_ms = watermark_ms
        if offsets:
            self._active_at_ms = now_ms
            if offsets[-1] >= next_offset:
                self.next_offset = offsets[-1] + 1
                self.logged_ms = logged_ms[-1]
            self._ticked_slice = slice_index(self.logged_ms)

    def tick(self, now_ms: int) -> None:
        """Let time pass: while no record comes, the log's time and event time move on with the clock of `apply`."""
        if self._active_at_ms is None:
            self._active_at_ms = now_ms
        idle_ms = max(0, now_ms - self._active_at_ms)
        index = slice_index(self.logged_ms + idle_ms)
        if index > self._ticked_slice:
            self._ticked_slice = index
            self._resolve_quiet(index, ResolvedBy.CLOCK)
        if self.retention.idle_ms is not None:
            self._retire(self.watermark_ms + idle_ms - self.retention.idle_ms)

    def take_changes(self, now_ms: int) -> Changes:
        """All that has changed since the last call, as records to write. The caller writes them, all or none."""
        ledgers: list[tuple[bytes, bytes | None]] = [
            (self._old_names.moved(key) or record_name(key), None) for key in self._retired
        ]
        for ledger in self._dirty:
            ledger.dirty = False
            prune(ledger.slices, ledger.newest_slice, self.retention.slices)
            ledgers.append((record_name(ledger.key), record.encode(ledger)))
            if self._old_names and (old_name := self._old_names.moved(ledger.key)) is not None:
                ledgers.append((old_name, None))
            if self.retention.idle_ms is not None:
                self._idle.note(ledger.key, ledger.last_event_at)
        self.lineage = self.lineage.with_events(self.counts.accepted, self.counts.lost)
        rows = self.usage_rollups.take_changes(self.watermark_ms)
        changes = Changes(
            ledgers=ledgers,
            rollups=self._closed.take_changes(),
            usage_rollups=[usage_record.encode(row, self.partition, self.lineage.offset_base) for row in rows],
            event_ids=self._ids.take_changes(),
            notices=self._anomalies.take_notices(),
            progress=self.progress(now_ms),
            activity=activity_of(rows),
            counts=self.counts,
        )
        self._dirty = []
        self._retired = []
        self.counts = Counts()
        return changes

    def _retire(self, horizon_ms: int) -> None:
        """Fold sessions into closed rollups that have seen nothing since the horizon and have no open anomaly."""
        for key in islice(self._idle_sessions(horizon_ms), MAX_RETIRED_AT_ONCE):
            ledger = self.get(key)
            if ledger is None or ledger.dirty or not is_due(ledger.last_event_at, horizon_ms):
                continue  # retired already, or about to be noted again, or noted under a later hour too
            if ledger.anomaly is not None:
                self._idle.note(key, horizon_ms + HOUR_MS)
                continue
            self._closed.take_in(ledger)
            self._forget(key)
            self._retired.append(key)

    def _idle_sessions(self, horizon_ms: int) -> Iterator[str]:
        """Keys of sessions that may be idle since the horizon."""
        return self._idle.due(horizon_ms)

    def _forget(self, key: str) -> None:
        del self._hot[key]

    def _ledger(self, key: str) -> Ledger | None:
        value = self._cold.pop(key, None)
        if value is None:
            return None
        ledger = self._hot[key] = record.decode(value)
        rule = self.policy.rule
        ledger.settle_windows(rule.short_window_slices, rule.long_window_slices)
        return ledger

    def _open_ledger(self, event: Usage, key: str) -> Ledger:
        ledger = Ledger(event.session_id, event.org_id, event.agent_id, self.partition, event.occurred_at)
        self._hot[key] = ledger
        self.counts.opened.append(key)
        return ledger

    def _count_unpriced_fees(self, event: Usage, card: RateCard) -> None:
        for fee in unpriced_fees(card, meters_of(event)):
            if len(self.counts.unpriced) < MAX_UNPRICED_TOLD:
                why = card.rule or self.policy.why_unpriced(event.provider, event.model, event.occurred_at)
                self.counts.unpriced[event.model] = f"{fee} have no rate in its card ({why})"

    def _count_duplicate(self, event: Usage, known: int) -> None:
        counts = self.counts
        counts.duplicates += 1
        if known == UNKNOWN:
            counts.unknown_content += 1
        elif known != content_mark(event):
            counts.other_content += 1

    def _count_kind(self, ledger: Ledger, sums: ModelSums, event: Usage, cost: int) -> None:
        agent = (event.org_id, event.agent_id)
        if event.kind == "embedding":
            sums.embedding_cost_pico_usd += cost
        elif event.kind == "run":
            ledger.runs += 1
            self.counts.runs[agent] = self.counts.runs.get(agent, 0) + 1
        elif event.kind == "tool_call":
            ledger.tool_calls += 1
            self.counts.tool_calls[agent] = self.counts.tool_calls.get(agent, 0) + 1

    def _count_clock(self, event: Usage, delay_ms: int) -> None:
        fault = ClockFault.AHEAD if delay_ms < 0 else ClockFault.DELAYED
        self._add_clock_fault(event, fault)

    def _count_late(self, event: Usage) -> None:
        self.counts.late += 1
        self._add_clock_fault(event, ClockFault.LATE)

    def _add_clock_fault(self, event: Usage, fault: ClockFault) -> None:
        key = (event.org_id, event.agent_id, fault)
        self.counts.clocks[key] = self.counts.clocks.get(key, 0) + 1

    def _add_to_other_slice(self, ledger: Ledger, index: int, cost: int, delay_ms: int) -> bool:
        """Add to a slice that is not the newest so far; False if it is too old to be held."""
        rule = self.policy.rule
        if index > ledger.newest_slice:
            ledger.advance(index, rule.short_window_slices, rule.long_window_slices)
            ledger.delay_ms = delay_ms
            if len(ledger.slices) > 2 * self.retention.slices:
                prune(ledger.slices, index, self.retention.slices)
        behind = ledger.newest_slice - index
        if behind >= self.retention.slices:
            return False
        ledger.slices[index] = ledger.slices.get(index, 0) + cost
        if behind < rule.short_window_slices:
            ledger.short_pico_usd += cost
        if behind < rule.long_window_slices:
            ledger.long_pico_usd += cost
        return True

    def _resolve_quiet(self, index: int, by: ResolvedBy) -> None:
        for ledger in self._anomalies.resolve_quiet(index, by):
            if not ledger.dirty:
                ledger.dirty = True
                self._dirty.append(ledger)

    def _as_they_happened(self, offsets: Sequence[int], events: Sequence[Usage | None]) -> list[int]:
        """Times at which a log may have taken events: each as it happened, or when a newer one before it did."""
        since_ms, next_offset = self.logged_ms, self.next_offset
        times = (
            event.occurred_at if event is not None and offset >= next_offset else since_ms
            for offset, event in zip(offsets, events, strict=True)
        )
        return list(accumulate(chain((since_ms,), times), max))[1:]
