"""`PartitionLedger` with the kernel in front: the same state machine, faster on the common event.

The kernel counts what is common by itself. A session that has to be decided about (its burn has crossed a line, its
anomaly may be over, an amount is too large for 64 bits, an event is unusual) is handed over as its record and lives in
Python, as everything does without the kernel, until a flush has written it and the kernel can have it back.
"""

from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple, Self, TypeVar

from burnline.detection.anomaly import ResolvedBy
from burnline.events.decode import decode_batch
from burnline.events.rejection import Rejection
from burnline.events.usage import Usage
from burnline.ledger import record
from burnline.ledger.changes import Activity, Changes, ClockFault
from burnline.ledger.duplicates import PartitionIds
from burnline.ledger.identity import ledger_key, record_name
from burnline.ledger.lineage import Lineage
from burnline.ledger.partition import MAX_RETIRED_AT_ONCE, PartitionLedger, Retention
from burnline.ledger.policy import Policy
from burnline.ledger.session import Ledger
from burnline.native.binding import CARD, DONE, JUDGE, LIMITS, QUIET, Position
from burnline.native.kernel import Kernel, why_not
from burnline.windows.slices import slice_index

_CALM = b',"anomaly":null}'
"""The end of a record as both write it, without an open anomaly."""
Key = TypeVar("Key")


class KernelChoice(NamedTuple):
    """Which kind of partition ledger to use, and why not the faster one."""

    ledger: Callable[[str, int, Policy, Retention], PartitionLedger]
    why_not_native: str | None

    @classmethod
    def of(cls, wish: str, retention: Retention) -> Self:
        """Choose.

        Args:
            wish: "auto" (the kernel if it can be), "native" or "python".
            retention: What the ledgers are to remember.

        Raises:
            ValueError: The kernel is demanded and cannot be.
        """
        why = "it is switched off (BURNLINE_KERNEL=python)" if wish == "python" else why_not(retention)
        if wish == "native" and why is not None:
            raise ValueError(f"BURNLINE_KERNEL=native: the kernel cannot be used: {why}")
        return cls(NativePartitionLedger if why is None else PartitionLedger, why)


class _KernelIds(PartitionIds):
    """The partition's newest events, whose hashes the kernel holds."""

    def __init__(self, limit: int, kernel: Kernel) -> None:
        super().__init__(limit)
        self._kernel = kernel

    def __len__(self) -> int:
        return self._kernel.ids_held

    def mark_of(self, hashed: int) -> int | None:
        return self._kernel.mark_of(hashed)

    def remember(self, hashed: int, mark: int) -> None:
        self._kernel.remember(hashed, mark)

    def take_changes(self) -> list[tuple[bytes, bytes | None]]:
        fresh, marks, turns = self._kernel.take_fresh_ids()
        for _ in range(turns):
            self._turn()
        return self._records_of(fresh, marks)

    def _restore(self, hashes: "array[int]", marks: bytes, *, newest: bool) -> None:
        self._kernel.restore_ids(hashes, marks, newest=newest)


class NativePartitionLedger(PartitionLedger):
    """All sessions of one partition, the common ones in the kernel."""

    def __init__(self, topic: str, partition: int, policy: Policy, retention: Retention) -> None:
        super().__init__(topic, partition, policy, retention)
        self._kernel = Kernel(partition, policy.rule, retention, policy.card_limit)
        self._ids = _KernelIds(retention.partition_ids, self._kernel)
        self._limits_version = policy.version
        self._rates_version = policy.rates_version

    def __len__(self) -> int:
        return super().__len__() + len(self._kernel)

    @property
    def changed(self) -> int:
        """Ledgers that the next flush has to write, those of the kernel too."""
        return super().changed + self._kernel.changed

    @property
    def open_anomalies(self) -> int:
        """Sessions with an open anomaly, here and there."""
        return super().open_anomalies + self._kernel.open_anomalies

    def belong_to(self, lineage: Lineage) -> None:
        """As `PartitionLedger.belong_to`."""
        super().belong_to(lineage)
        self._kernel.set_offset_base(lineage.offset_base)

    def events_held(self) -> int:
        """Events in all ledgers and closed rollups, here and there."""
        return super().events_held() + self._kernel.events_held()

    def apply_records(
        self,
        offsets: Sequence[int],
        values: Sequence[bytes | None],
        *,
        logged_ms: Sequence[int],
        now_ms: int,
        max_clock_skew_ms: int,
    ) -> list[Rejection]:
        """As `PartitionLedger.apply_records`."""
        if not offsets:
            return []
        self._note_catalogue()
        self._follow_policy()
        rejections: list[Rejection] = []
        if not isinstance(offsets, array):
            offsets = array("q", offsets)
        if not isinstance(logged_ms, array):
            logged_ms = array("q", logged_ms)
        position = Position(
            next_offset=self.next_offset,
            watermark_ms=self.watermark_ms,
            logged_ms=self.logged_ms,
            by_event_time=self.policy.by_event_time,
            old_ids_until=self._old_ids_until,
        )
        kernel = self._kernel
        kernel.parse(values, logged_ms, max_clock_skew_ms)
        asked = -1
        while True:
            position.open_anomalies = len(self._anomalies)
            answer = kernel.apply(offsets, position)
            if answer == DONE:
                break
            index = position.index
            if answer == LIMITS:
                self._tell_limits(position.owner)
                continue
            if answer == QUIET:
                self._resolve_quiet(slice_index(position.logged_ms), ResolvedBy.EVENT_TIME)
                continue
            if answer == CARD and asked != index:  # twice for one event: no card of the kernel's prices it
                asked = index
                self._set_card(position)
                continue
            events, refused = decode_batch(
                values[index : index + 1],
                now_ms=now_ms,
                max_clock_skew_ms=max_clock_skew_ms,
                logged_ms=logged_ms[index : index + 1],
            )
            event = events[0]
            self.watermark_ms, self.logged_ms = position.watermark_ms, position.logged_ms
            if answer == JUDGE and event is not None:
                self._judge(event, offsets[index])
            else:
                rejections += [rejection._replace(index=index) for rejection in refused]
                by_log = None if self.policy.by_event_time else logged_ms[index : index + 1]
                self.apply(offsets[index : index + 1], [event], logged_ms=by_log, now_ms=now_ms)
                position.watermark_ms, position.logged_ms = self.watermark_ms, self.logged_ms
            position.index += 1
        self._count(position)
        self.watermark_ms, self.logged_ms = position.watermark_ms, position.logged_ms
        self.next_offset = max(self.next_offset, offsets[-1] + 1)
        self._active_at_ms = now_ms
        self._ticked_slice = slice_index(self.logged_ms)
        return rejections

    def take_changes(self, now_ms: int) -> Changes:
        """As `PartitionLedger.take_changes`; sessions that were looked into go back to the kernel."""
        kernel = self._kernel
        rows = kernel.take_rows(self.watermark_ms)
        self.counts.opened += kernel.take_opened()
        for owner, found in kernel.take_owners():
            _add(self.counts.runs, owner, found.runs)
            _add(self.counts.tool_calls, owner, found.tool_calls)
            for fault, count in zip(ClockFault, (found.ahead, found.delayed, found.late), strict=True):
                _add(self.counts.clocks, (*owner, fault), count)
        for provider, model in kernel.take_unpriced():
            self.counts.unpriced[model] = self.policy.why_unpriced(provider, model, self.watermark_ms)
        changes = super().take_changes(now_ms)
        changes.usage_rollups.extend(rows)
        changes.activity.extend(Activity(*found) for found in kernel.take_activities())
        written = dict(changes.ledgers)
        for key, ledger in list(self._hot.items()):
            if key not in self._old_names:  # the kernel writes under new names alone
                self._give_back(ledger, written.get(record_name(key)) or record.encode(ledger))
        changes.ledgers.extend(kernel.take_sessions())
        kernel.forget_unused()
        return changes

    def _follow_policy(self) -> None:
        rates_changed = self._rates_version != self.policy.rates_version
        if self._limits_version != self.policy.version or rates_changed:
            self._limits_version = self.policy.version
            for owner in range(self._kernel.owners):
                self._tell_limits(owner)
        if rates_changed:
            self._rates_version = self.policy.rates_version
            self._kernel.forget_cards()

    def _set_card(self, position: Position) -> None:
        kernel, policy = self._kernel, self.policy
        provider, model = kernel.text(position.provider) or None, kernel.text(position.model)
        org_id = kernel.text(position.org) if policy.rated_orgs else ""
        of_org = org_id in policy.rated_orgs
        if of_org:
            card = policy.served_card(provider, model, "", "", org_id, position.at_ms)
        else:
            card = policy.card(provider, model, position.at_ms)
        kernel.set_card(position, card, of_org=of_org)

    def _tell_limits(self, owner: int) -> None:
        org_id, agent_id = self._kernel.owner(owner)
        limits, _ = self.policy.limits(org_id, agent_id)
        self._kernel.set_limits(owner, limits, rated=org_id in self.policy.rated_orgs)

    def _judge(self, event: Usage, offset: int) -> None:
        ledger = self.get(ledger_key(event.org_id, event.session_id))
        assert ledger is not None  # noqa: S101  # the kernel has just counted the event in it
        self._anomalies.judge(ledger, event, offset, self.logged_ms)
        self._give_back_at_once([ledger])

    def _count(self, position: Position) -> None:
        counts = self.counts
        counts.accepted += position.accepted
        counts.duplicates += position.duplicates
        counts.other_content += position.other_content
        counts.unknown_content += position.unknown_content
        counts.late += position.late
        counts.other_agents += position.other_agents

    def _keep(self, key: str, value: bytes) -> None:
        may_be_given = key not in self._old_names  # the kernel writes under new names alone
        calm = value.endswith(_CALM)
        if may_be_given and calm and self._kernel.take_in(key, value):
            super()._drop(key)
            return
        # Looks through what the kernel does not: the open anomaly, and all that is odd.
        super()._keep(key, value)
        if calm or not (may_be_given and self._kernel.take_in(key, value)):
            self._kernel.set_away(key)
        else:
            super()._drop(key)

    def _drop(self, key: str) -> None:
        super()._drop(key)
        self._kernel.remove(key)

    def _ledger(self, key: str) -> Ledger | None:
        handed_over = self._kernel.hand_over(key)
        if handed_over is None:
            return super()._ledger(key)
        value, dirty = handed_over
        self._cold[key] = value
        ledger = super()._ledger(key)
        assert ledger is not None  # noqa: S101  # its record stands there
        if dirty:
            ledger.dirty = True
            self._dirty.append(ledger)
        if ledger.anomaly is not None:
            self._anomalies.restore(ledger)
        return ledger

    def _open_ledger(self, event: Usage, key: str) -> Ledger:
        self._kernel.set_away(key)
        return super()._open_ledger(event, key)

    def _give_back(self, ledger: Ledger, value: bytes) -> bool:
        """Let the kernel have a ledger again, as its record, if it can hold it.

        Python may not have counted anything in it since a flush: what it has to report of that is in no record.
        """
        given = self._kernel.take_in(ledger.key, value)
        if given:
            self._anomalies.release(ledger.key)
            del self._hot[ledger.key]
        return given

    def _give_back_at_once(self, ledgers: Iterable[Ledger]) -> None:
        """Let the kernel have ledgers again that were looked into, and nothing counted in: more events are to come."""
        given = {ledger.key for ledger in ledgers if self._give_back(ledger, record.encode(ledger)) and ledger.dirty}
        if given:
            self._dirty[:] = [ledger for ledger in self._dirty if ledger.key not in given]
        for key in given:
            self._kernel.mark_dirty(key)

    def _resolve_quiet(self, index: int, by: ResolvedBy) -> None:
        self._follow_policy()
        looked_into = [ledger for key in self._kernel.take_quiet(index) if (ledger := self.get(key)) is not None]
        super()._resolve_quiet(index, by)
        self._give_back_at_once(looked_into)

    def _idle_sessions(self, horizon_ms: int) -> Iterator[str]:
        for key in self._idle.due(horizon_ms):
            if key in self._hot or key in self._cold:  # else the kernel has it
                yield key
        yield from self._kernel.take_idle(horizon_ms, MAX_RETIRED_AT_ONCE)

    def _forget(self, key: str) -> None:
        super()._forget(key)
        self._kernel.remove(key)


def _add(counts: dict[Key, int], key: Key, more: int) -> None:
    if more:
        counts[key] = counts.get(key, 0) + more
