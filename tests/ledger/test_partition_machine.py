"""A partition's ledgers against an independent model: whatever the batches, flushes, crashes and replays."""

from collections import Counter
from copy import deepcopy
from decimal import Decimal
from typing import TYPE_CHECKING

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule

from burnline.detection.anomaly import Anomaly
from burnline.detection.baseline import Baseline
from burnline.events.meters import NAMES as METERS
from burnline.ledger.changes import Activity, Counts
from burnline.ledger.identity import ledger_key
from burnline.ledger.idle import HOUR_MS
from burnline.ledger.record import LedgerRecord, SessionLedger, parse
from burnline.ledger.rollup import SessionRollup
from burnline.ledger.session import SUM_FIELDS
from burnline.pricing.money import PICO_PER_USD
from burnline.windows.slices import SLICE_MS
from tests.ledger.examples import BOOK, RETENTION, RULE, T0, Topics, at_slice, baselines_of, ledger, policy, rate
from tests.ledger.logs import Entry, logs
from tests.ledger.model import Model, Session, Shown, shown

if TYPE_CHECKING:
    from burnline.ledger.partition import PartitionLedger

COUNTS = SUM_FIELDS[:7]
AMOUNTS = ("cost_usd", "cache_savings_usd", "embedding_cost_usd")


class LedgerMachine(RuleBasedStateMachine):
    """Publishes, applies, flushes, crashes, lets time pass, changes baselines and rates."""

    retention = RETENTION

    def __init__(self) -> None:
        super().__init__()
        self.policy = policy()
        self.partition: PartitionLedger = ledger(self.policy, self.retention)
        self.log: list[Entry] = []
        self.now_ms = T0
        self.model = Model(self.retention)
        self.committed_model = Model(self.retention)
        self.topics = Topics()
        self.counts: list[Counts] = []
        self.activity: list[Activity] = []

    @rule(data=st.data())
    def publish(self, data: st.DataObject) -> None:
        newest_ms = max((entry.logged_ms for entry in self.log), default=T0)
        after = self.log[-1].offset if self.log else -1
        self.log += data.draw(logs(after_offset=after, newest_ms=newest_ms, size=8))

    @precondition(lambda self: self.log)
    @rule(count=st.integers(-3, 8), replayed=st.integers(0, 5))
    def apply(self, count: int, replayed: int) -> None:
        """A batch that begins at or before where the ledgers are, and may end there too."""
        done = sum(entry.offset < self.partition.next_offset for entry in self.log)
        end = max(0, done + count)
        batch = self.log[max(0, done - replayed) : end]
        self.partition.apply(
            [entry.offset for entry in batch],
            [entry.event for entry in batch],
            logged_ms=[entry.logged_ms for entry in batch],
            now_ms=self.now_ms,
        )
        if batch:
            self.model.active(self.now_ms)
        for entry in self.log[done:end]:
            self.model.take(entry.offset, entry.event, entry.logged_ms)

    @rule(
        pass_ms=st.sampled_from([0, 1, SLICE_MS, 3 * SLICE_MS, 20 * SLICE_MS, 6 * HOUR_MS, 20 * HOUR_MS]),
        written=st.sampled_from([True, True, True, False]),
    )
    def flush(self, pass_ms: int, written: bool) -> None:  # noqa: FBT001  # Hypothesis calls it
        """Time passes, and what has changed is written; or another owner takes over before any of it is."""
        self.now_ms += pass_ms
        self.partition.tick(self.now_ms)
        changes = self.partition.take_changes(self.now_ms)
        if not written:
            self.crash()
            return
        self.model.tick(self.now_ms)
        for session_id in [key.decode() for key, value in changes.ledgers if value is None]:
            self.model.retire(session_id, self.now_ms)
        self.topics.commit(changes)
        self.activity += changes.activity
        self.counts.append(changes.counts)
        self.committed_model = deepcopy(self.model)
        check_ledgers(self.topics, self.model)
        check_rollups(self.topics, self.model)
        check_notices(self.topics.notices, self.model)
        check_counts(self.counts, self.activity, self.model)

    @rule()
    def crash(self) -> None:
        """Another owner takes over."""
        self.partition = self.topics.restored(self.policy, self.retention)
        rates = self.model.usd_per_hour, self.model.own_rates
        self.model = deepcopy(self.committed_model)
        self.model.usd_per_hour, self.model.own_rates = rates
        self.model.restart()

    @rule(usd_per_hour=st.sampled_from(["0", "0.5", "1", "3", "40"]))
    def baseline(self, usd_per_hour: str) -> None:
        entry = Baseline(org_id="*", agent_id="*", usd_per_hour=usd_per_hour)
        self.policy.set_baselines(baselines_of(entry))
        self.model.usd_per_hour = Decimal(usd_per_hour) * 5

    @rule(slices=st.integers(0, 20), usd=st.sampled_from(["0", "2", "0.000001"]))
    def change_rate(self, slices: int, usd: str) -> None:
        self.model.own_rates = {**self.model.own_rates, at_slice(slices): usd}
        self.policy.set_book(
            BOOK.with_overrides(rate(at_ms, price, "house-model") for at_ms, price in self.model.own_rates.items())
        )

    @rule()
    def inspect(self) -> None:
        """What is held in memory, windows included. A rule of its own: to look is to read what was restored."""
        assert len(self.partition) == len(self.model.sessions)
        assert self.partition.events_held() == self.partition.lineage.events + self.partition.counts.accepted
        assert self.partition.watermark_ms == self.model.watermark_ms
        assert self.partition.open_anomalies == sum(bool(one.alert) for one in self.model.sessions.values())
        for session in self.model.sessions.values():
            held = self.partition.get(ledger_key(session.org_id, session.session_id))
            assert held is not None
            for length, pico_usd in (
                (RULE.short_window_slices, held.short_pico_usd),
                (RULE.long_window_slices, held.long_pico_usd),
            ):
                assert pico_usd == session.window(session.newest, length) * PICO_PER_USD


class PartitionIdsMachine(LedgerMachine):
    """The same where the partition knows its events too, those of retired sessions among them."""

    retention = RETENTION._replace(partition_ids=10_000)


TestLedgerMachine = LedgerMachine.TestCase
TestPartitionIdsMachine = PartitionIdsMachine.TestCase
TestLedgerMachine.settings = TestPartitionIdsMachine.settings = settings(
    max_examples=100, stateful_step_count=40, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)


def check_ledgers(topics: Topics, model: Model) -> None:
    """What stands on the topic is what the model has."""
    assert topics.sessions.keys() == model.sessions.keys()
    for session_id, value in topics.sessions.items():
        SessionLedger.model_validate_json(value)
        check_record(parse(value), model.sessions[session_id])


def check_rollups(topics: Topics, model: Model) -> None:
    """Nothing that was retired is lost."""
    closed = {
        (rollup.org_id, rollup.agent_id): rollup
        for rollup in map(SessionRollup.model_validate_json, topics.rollups.values())
    }
    by_agent: dict[tuple[str, str], list[Session]] = {}
    for session in model.retired:
        by_agent.setdefault((session.org_id, session.agent_id), []).append(session)
    assert closed.keys() == by_agent.keys()
    for agent, sessions in by_agent.items():
        rollup = closed[agent]
        assert rollup.sessions == len(sessions)
        assert (rollup.runs, rollup.tool_calls) == (
            sum(session.runs for session in sessions),
            sum(session.tool_calls for session in sessions),
        )
        assert rollup.first_event_at == min(min(session.times) for session in sessions)
        assert rollup.last_event_at == max(max(session.times) for session in sessions)
        for what in METERS:
            assert (getattr(rollup, what) or 0) == sum(session.total(what) for session in sessions)
        for what in COUNTS + AMOUNTS:
            assert Decimal(getattr(rollup, what)) == sum(session.total(what) for session in sessions)


def check_record(record: LedgerRecord, session: Session) -> None:
    """One ledger, to the last digit."""
    assert (record.org_id, record.agent_id) == (session.org_id, session.agent_id)
    assert (record.first_event_at, record.last_event_at) == (min(session.times), max(session.times))
    assert record.last_offset == session.offsets[-1]
    assert (record.runs, record.tool_calls) == (session.runs, session.tool_calls)
    assert record.by_model.keys() == {model for model, _ in session.sums}
    for what in COUNTS:
        assert getattr(record, what) == session.total(what), what
        for model, sums in record.by_model.items():
            assert getattr(sums, what) == session.sums[model, what], (model, what)
    for what in METERS:
        assert (getattr(record, what) or 0) == session.total(what), what
        for model, sums in record.by_model.items():
            assert (getattr(sums, what) or 0) == session.sums[model, what], (model, what)
    for what in AMOUNTS:
        assert Decimal(getattr(record, what)) == session.total(what), what
        for model, sums in record.by_model.items():
            assert Decimal(getattr(sums, what)) == session.sums[model, what], (model, what)
    assert dict(record.slices) == {index: usd * PICO_PER_USD for index, usd in session.held(RETENTION.slices).items()}
    alert = session.alert
    assert (record.anomaly is None) == (alert is None)
    if record.anomaly is not None and alert is not None:
        assert (record.anomaly.revision, record.anomaly.severity == "critical") == (alert.revision, alert.critical)


def check_notices(notices: list[Anomaly], model: Model) -> None:
    """Each change of state once, per session in order; each anomaly from its beginning and without gaps."""
    found = shown(notices)
    assert sorted(found, key=_session) == sorted(model.notices, key=_session)
    lives: dict[str, list[Shown]] = {}
    for notice in found:
        lives.setdefault(notice.anomaly_id, []).append(notice)
    for life in lives.values():
        assert [notice.revision for notice in life] == list(range(1, len(life) + 1))
        assert [notice.state for notice in life] in (
            ["opened"],
            ["opened", "escalated"],
            ["opened", "resolved"],
            ["opened", "escalated", "resolved"],
        )


def _session(notice: Shown) -> tuple[str, str]:
    return notice.org_id, notice.session_id


def check_counts(counts: list[Counts], activity: list[Activity], model: Model) -> None:
    """What the metrics are told."""
    assert sum(each.accepted for each in counts) == model.accepted
    assert sum(each.duplicates for each in counts) == model.duplicates
    assert sum(each.late for each in counts) == model.late
    assert sum(each.other_agents for each in counts) == model.other_agents
    for name, kind in (("runs", "run"), ("tool_calls", "tool_call")):
        told: Counter[tuple[str, str]] = Counter()
        for each in counts:
            told.update(getattr(each, name))
        assert told == {call[:2]: number for call, number in model.calls.items() if call[2] == kind}
    for index, field in enumerate(SUM_FIELDS):
        what, scale = (field.replace("_pico", ""), PICO_PER_USD) if "_pico" in field else (field, 1)
        used: Counter[tuple[str, str, str]] = Counter()
        for line in activity:
            used[line.org_id, line.agent_id, line.model] += line.sums[index]
        spent: Counter[tuple[str, str, str]] = Counter()
        for (org_id, agent_id, of_model, name), amount in model.used.items():
            spent[org_id, agent_id, of_model] += int(amount * scale) if name == what else 0
        assert used == spent, field
