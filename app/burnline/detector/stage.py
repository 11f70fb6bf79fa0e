"""The learned rules over the records of `usage`, from bytes to notices, with all their state as bytes. Pure.

A record is decoded, priced and judged like any worker does it: refused ones, repeated ones and those that the log took
more than a day after their time are passed over.
"""

from collections.abc import Iterable, Sequence
from itertools import groupby

import msgspec

from burnline.detection.anomaly import Anomaly, ResolvedBy, State
from burnline.detection.baseline import Baselines
from burnline.detection.learned.calendar import Planned
from burnline.detection.learned.engine import Engine
from burnline.detection.learned.notice import Incident, Place
from burnline.detection.learned.patience import in_vain
from burnline.detection.learned.policy import Policies
from burnline.detection.learned.rules import RULES
from burnline.detection.learned.watch import Batch, Watch, WatchState
from burnline.detection.notes import AnomalyNote
from burnline.detection.policy_record import PolicyUse, uses_of
from burnline.detection.rule import BurnRule
from burnline.detector.admission import Admission, Counts
from burnline.detector.folding import Folding, FoldingState, Where
from burnline.detector.merging import Logged
from burnline.detector.notices import as_anomaly
from burnline.detector.priced import Pricer, PricerState
from burnline.detector.scopes import Scopes, ScopesState
from burnline.detector.spenders import MINUTE_MS
from burnline.detector.spread import SpreadSessions, SpreadState
from burnline.detector.tiers import AgentTiers, TiersState
from burnline.events.usage import Usage
from burnline.ledger.duplicates import RecentIds
from burnline.pricing.book import RateBook

VERSION = 1


class StageState(msgspec.Struct, frozen=True):
    """All that a stage holds.

    Attributes:
        version: Of this form.
        offsets: By partition, the offset that is next.
        newest_ms: Newest event time.
        told: Ids of incidents whose opening was told, and whose end was not.
        known: Hashes of the newest events, the older half and the newer one.
        pricer, watch: Theirs.
        spread, tiers: Sessions and the partitions that they lie on; agents whose policy says what they may burn.
        logged_ms: When the log took the newest event.
        scopes, folding: What teams, projects, organisations and trees spend, and their incidents.
    """

    version: int
    offsets: dict[int, int]
    newest_ms: int
    told: list[str]
    known: tuple[bytes, bytes]
    pricer: PricerState
    watch: WatchState
    spread: SpreadState | None = None
    logged_ms: int = 0
    tiers: TiersState | None = None
    scopes: ScopesState | None = None
    folding: FoldingState | None = None


class Stage:
    """One log's learned rules of all scopes, and the burn rule over sessions that lie on several partitions."""

    def __init__(
        self,
        engine: Engine,
        book: RateBook,
        baselines: Baselines,
        *,
        topic: str,
        max_clock_skew_ms: int,
        rule: BurnRule,
        kept_slices: int,
        by_event_time: bool = False,
        suggests: bool = False,
        planned: Iterable[Planned] = (),
        policies: Policies | None = None,
    ) -> None:
        """Begin with nothing known.

        Args:
            engine: Fresh meters for `RULES`.
            book: Prices.
            baselines: Agents with a baseline of their own are learned from, and not told of: they have a line.
            topic: Full name of the usage topic.
            max_clock_skew_ms: How far ahead of the log's time an event's may be.
            rule: The workers' burn rule.
            kept_slices: How many slices of a session's windows they keep.
            by_event_time: No event is late: the log is a replay.
            suggests: Notices are shown to whoever looks, and sent to nobody.
            planned: Announced spikes.
            policies: What is asked of the learned rules, by agent; None: nothing.
        """
        self.offsets: dict[int, int] = {}
        self.newest_ms = 0
        self._logged_ms = 0
        self._baselines = baselines
        self._spread = SpreadSessions(topic, rule, baselines, kept_slices)
        self._policies = policies or Policies()
        self._tiers = AgentTiers(topic, rule, self._policies)
        self._topic = topic
        self._admission = Admission(max_clock_skew_ms=max_clock_skew_ms, by_event_time=by_event_time)
        self._suggests = suggests
        self._watch = Watch(engine, RULES, planned, policies)
        self._pricer = Pricer(book, self._watch)
        self._scopes = Scopes(self._watch.is_announced)
        self._folding = Folding(topic, suggests=suggests)
        self._told: set[str] = set()

    @property
    def open_incidents(self) -> int:
        """Incidents that are open now, told or not."""
        return self._watch.open_incidents + len(self._spread) + len(self._tiers) + len(self._folding)

    def agents_by_policy(self) -> dict[str, int]:
        """How many of the agents that were met each policy holds for."""
        return self._watch.agents_by_policy()

    def set_policies(self, policies: Policies) -> None:
        """Judge by these from the next event on."""
        self._policies = policies
        self._watch.set_policies(policies)
        self._tiers.set_policies(policies)

    def set_notes(self, notes: Iterable[AnomalyNote]) -> None:
        """What people say of notices: those that were in vain make the rules for their agents less sensitive."""
        self._watch.set_in_vain(in_vain(notes))

    def policies_in_use(self) -> list[PolicyUse]:
        """Where each policy has counted."""
        return uses_of(self._policies, self._scopes.last_at_work())

    @property
    def baselines(self) -> Baselines:
        """Agents with a baseline of their own are left to it."""
        return self._baselines

    @baselines.setter
    def baselines(self, baselines: Baselines) -> None:
        self._baselines = baselines
        self._spread.set_baselines(baselines)

    def set_book(self, book: RateBook) -> None:
        """Price by another list from now on."""
        self._pricer.set_book(book)

    def apply(self, records: Sequence[Logged]) -> tuple[list[Anomaly], Counts]:
        """Take records in, in the order of the log: what is to be told, and what became of them."""
        notices: list[Anomaly] = []
        counts = Counts()
        for _, some in groupby(records, lambda record: record.logged_ms // MINUTE_MS):
            told, counted = self._apply(list(some))
            notices += told
            counts = Counts(*map(sum, zip(counts, counted, strict=True)))
        return notices, counts

    def _apply(self, records: Sequence[Logged]) -> tuple[list[Anomaly], Counts]:
        """The same for records of one minute: wider scopes are judged between two of them, wherever batches end."""
        notices = self._judge_scopes(records[0].logged_ms)
        accepted, places, _, counts = self._admission.take(records)
        for record in records:
            self.offsets[record.partition] = record.offset + 1
        if accepted:
            self.newest_ms = max(self.newest_ms, max(usage.occurred_at for usage in accepted))
        calls, event_ids, _ = self._pricer.batch(accepted)
        if accepted:
            incidents = self._watch.apply(Batch(calls, event_ids, places))
            notices += self._tell(incidents, accepted, places)
        self._scopes.add(accepted, calls.session, calls.cost_pico_usd, places)
        self._spread.add(accepted, calls.cost_pico_usd, places)
        self._tiers.add(accepted, calls.cost_pico_usd, places)
        self._logged_ms = max((self._logged_ms, *(record.logged_ms for record in records)))
        notices += self._spread.take_notices() + self._tiers.take_notices()
        return notices, counts

    def _judge_scopes(self, log_ms: int) -> list[Anomaly]:
        """The minute before is whole: what wider scopes have done in it."""
        return [notice for found in self._scopes.move_on(log_ms) for notice in self._folding.find(found)]

    def settle(self, now_ms: int) -> list[Anomaly]:
        """Time has moved on to a moment (of events): what is over by then."""
        waited_ms = max(0, now_ms - self.newest_ms)
        by = ResolvedBy.CLOCK if waited_ms else ResolvedBy.EVENT_TIME
        self._spread.move_on(self._logged_ms + waited_ms, by)
        self._tiers.move_on(self._logged_ms + waited_ms, by)
        notices = self._judge_scopes(self._logged_ms + waited_ms) if self._logged_ms else []
        notices += self._tell(self._watch.end(now_ms), (), ())
        notices += self._folding.settle(now_ms)
        return notices + self._spread.take_notices() + self._tiers.take_notices()

    def _tell(self, incidents: Iterable[Incident], usages: Sequence[Usage], places: Sequence[Place]) -> list[Anomaly]:
        """The notices that are told: of agents without a line of their own, and the whole life of what was begun."""
        notices: list[Anomaly] = []
        for incident in incidents:
            if incident.anomaly_id not in self._told and self._has_line(incident):
                continue
            if incident.state is State.RESOLVED:
                self._told.discard(incident.anomaly_id)
            else:
                self._told.add(incident.anomaly_id)
            notice = as_anomaly(incident, self._topic, suggested=self._suggests)
            notices += self._folding.hear(notice, self._where(incident, usages, places))
        return notices

    def _where(self, incident: Incident, usages: Sequence[Usage], places: Sequence[Place]) -> Where | None:
        """For whom the event of an incident was, if it is one of these."""
        for usage, place in zip(usages, places, strict=True):
            if place == incident.evidence.place:
                root = self._scopes.root_of(usage.org_id, usage.session_id)
                return Where(usage.team_id, usage.project_code, root)
        return None

    def _has_line(self, incident: Incident) -> bool:
        baselines = self._baselines
        return baselines.lookup(incident.org_id, incident.agent_id) is not baselines.default

    def save(self) -> bytes:
        """All of it, between two batches."""
        state = StageState(
            VERSION,
            self.offsets,
            self.newest_ms,
            sorted(self._told),
            (_packed(self._admission.known.older), _packed(self._admission.known.newer)),
            self._pricer.save(),
            self._watch.save(),
            self._spread.save(),
            self._logged_ms,
            self._tiers.save(),
            self._scopes.save(),
            self._folding.save(),
        )
        return msgspec.msgpack.encode(state)

    def load(self, data: bytes) -> bool:
        """Go on where another stage was, instead of beginning anew.

        Returns:
            Whether the meters could be read, see `Watch.load`.

        Raises:
            ValueError: The bytes are no state of this version.
        """
        try:
            state = msgspec.msgpack.decode(data, type=StageState)
        except msgspec.DecodeError as error:
            raise ValueError(f"no state of the learned rules: {error}") from error
        if state.version != VERSION:
            raise ValueError(f"state of version {state.version}; this is version {VERSION}")
        self.offsets, self.newest_ms = state.offsets, state.newest_ms
        self._told = set(state.told)
        older, newer = state.known
        self._admission.known = RecentIds(newer=_unpacked(newer), older=_unpacked(older))
        self._pricer.load(state.pricer)
        self._logged_ms = state.logged_ms
        if state.spread is not None:
            self._spread.load(state.spread)
        if state.tiers is not None:
            self._tiers.load(state.tiers)
        if state.scopes is not None:
            self._scopes.load(state.scopes)
        if state.folding is not None:
            self._folding.load(state.folding)
        return self._watch.load(state.watch)


def _packed(hashes: set[int]) -> bytes:
    return b"".join(each.to_bytes(8, "little") for each in sorted(hashes))


def _unpacked(data: bytes) -> set[int]:
    return {int.from_bytes(data[place : place + 8], "little") for place in range(0, len(data), 8)}
