"""The worker's Prometheus metrics. Names are contracts; label values are capped, and never a session id."""

from collections.abc import Iterable, Mapping, Sequence

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Summary

from burnline.events.meters import METERS
from burnline.events.rejection import Reason
from burnline.events.text import printable
from burnline.ledger.changes import Activity, Changes
from burnline.ledger.partition import PartitionLedger
from burnline.ledger.session import COMMON_FIELDS, SUM_FIELDS
from burnline.pricing.money import PICO_PER_USD
from burnline.topics.refusal import Refusal

OTHER = "other"
LATENCY_BUCKETS_S = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 3600.0)
FLUSH_BUCKETS_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)


class LabelCap:
    """Lets the first `limit` distinct values of a label through; every later one is `other`.

    Publishers choose these values: a typing mistake in each event must not mint a series each.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._known: dict[str, str] = {}

    def __call__(self, value: str) -> str:
        """The value to use as the label."""
        known = self._known.get(value)
        if known is not None:
            return known
        if len(self._known) >= self._limit:
            return OTHER
        return self._known.setdefault(value, printable(value))  # a scrape is read by lines


class WorkerMetrics:
    """Everything a worker counts. Amounts grow only after the flush that wrote them was committed."""

    def __init__(self, registry: CollectorRegistry, *, label_limit: int) -> None:
        def counter(name: str, help_text: str, *labels: str) -> Counter:
            return Counter(name, help_text, labels, registry=registry)

        def gauge(name: str, help_text: str, *labels: str) -> Gauge:
            return Gauge(name, help_text, labels, registry=registry)

        self._org, self._agent, self._model = LabelCap(label_limit), LabelCap(label_limit), LabelCap(label_limit)
        self._provider = LabelCap(label_limit)
        self._owned: set[int] = set()
        self._refusals: list[Refusal] = []
        self._obstacles: list[Refusal] = []

        self.runs = counter("agent_runs", "Agent runs started.", "org", "agent")
        self.tool_calls = counter("agent_tool_calls", "Tool calls made by agents.", "org", "agent")
        self.cache_savings = counter(
            "finops_cache_savings_usd",
            "USD saved by caches: prompt, what cached input would have cost more as fresh input; semantic, what calls "
            "would have cost that an answer out of a cache stood in for.",
            "org",
            "agent",
            "cache",
        )
        self.errors = counter("agent_errors", "Events of agents that say that they failed.", "org", "agent")
        self.reported_cost = counter(
            "burnline_reported_cost_usd", "USD counted as publishers reported them, for want of a rate.", "model"
        )
        self.compared_cost = counter(
            "burnline_compared_cost_usd",
            "USD of events that say themselves what they cost: by what they say, and by the rates.",
            "provider", "model", "by",
        )  # fmt: skip
        self.fees = counter("burnline_metered_units", "Units that are no tokens, by meter.", "meter")
        self.embedding_cost = Summary(
            "finops_embedding_cost_usd", "USD spent on embeddings, an observation per flush and model.", ["model"],
            registry=registry,
        )  # fmt: skip
        self.events = counter("burnline_events", "Usage events by what became of them.", "outcome")
        self.cost = counter("burnline_cost_usd", "USD spent.", "org", "agent", "model")
        self.tokens = counter("burnline_tokens", "Tokens by kind; cached and cache_write are part of input.", "kind")
        self.sessions_opened = counter(
            "burnline_sessions_opened",
            "Sessions seen for the first time, by the partitioner that put them there; publishers should all use one.",
            "partitioner",
        )
        self.split_sessions = counter(
            "burnline_split_sessions",
            "Sessions opened on a second partition of this worker, where each half is judged on its own.",
            "org",
        )
        self.unpriced = counter("burnline_unpriced_tokens", "Tokens of models without a rate.", "model")
        self.dead_letters = counter("burnline_dead_letters", "Events that could not be used.", "reason")
        self.anomalies = counter("burnline_anomalies", "Anomaly notices.", "severity", "state")
        self.other_agents = counter(
            "burnline_other_agent_events",
            "Events that name another agent than the first event of their session: several agents share it.",
        )
        self.reference_errors = counter(
            "burnline_reference_errors",
            "Records of baselines, valuation-rates or catalogues that cannot be used.",
            "topic",
        )
        self._catalogue = gauge(
            "burnline_catalogue_info", "1 for the catalogue that prices are taken from.", "version", "source"
        )
        self._catalogue_as_of = gauge(
            "burnline_catalogue_as_of_timestamp_seconds",
            "A day, epoch seconds, than which the catalogue in force is no older.",
        )
        self.catalogue_refreshes = counter(
            "burnline_catalogue_refreshes",
            "Daily renewals of the catalogue by what came of them: same, changed, refused, failed.",
            "outcome",
        )
        self.clock_faults = counter(
            "burnline_event_clock_faults",
            "Events whose time is off the log's, by the agent that they name: ahead of it by more than 10 s, "
            "delayed by more than a short window, late (too old for the windows).",
            "org", "agent", "fault",
        )  # fmt: skip
        self.without_append_time = counter(
            "burnline_events_without_append_time",
            "Events of a topic that does not say when it took them: judged by the worker's clock.",
        )
        self.anomalies_open = gauge("burnline_anomalies_open", "Sessions with an open anomaly on this worker.")
        self.ledgers = gauge("burnline_ledgers_held", "Session ledgers held by this worker.")
        self.partitions = gauge("burnline_partitions_owned", "Source partitions owned by this worker.")
        self.partitions_refused = gauge(
            "burnline_partitions_refused",
            "Assigned partitions that stand still until somebody mends something; burnline_refused says what.",
        )
        self.refused = gauge(
            "burnline_refused",
            "Partitions, or whole workers, that stand still, by what is the matter with what.",
            "cause",
            "resource",
        )
        self.lag = gauge("burnline_lag_events", "Events on the source partition not yet applied.", "partition")
        self.watermark = gauge("burnline_watermark_seconds", "Newest event time seen, Unix epoch.", "partition")
        self.ready = gauge("burnline_ready", "1 while the worker applies events, 0 while it starts or rebalances.")
        self.brokers_away = gauge(
            "burnline_brokers_away_seconds", "How long no broker was reached, or the present flush was not taken."
        )
        self.duplicates = counter(
            "burnline_duplicates",
            "Events whose id was counted before: with the same counts, with other ones (streamed partials: the first "
            "counts), or with what is not remembered.",
            "content",
        )
        self.lost_events = counter(
            "burnline_lost_events",
            "Offsets that retention removed from the source partition before they were read: events at most.",
            "partition",
        )
        self.latency = Histogram(
            "burnline_event_to_ledger_seconds",
            "From an event's append to the usage topic to its ledger's commit; one observation per batch, its oldest.",
            buckets=LATENCY_BUCKETS_S,
            registry=registry,
        )
        self.flush_seconds = Histogram(
            "burnline_flush_seconds",
            "Time that the flush of a partition takes.",
            buckets=FLUSH_BUCKETS_S,
            registry=registry,
        )
        for outcome in ("accepted", "duplicate", "late", "dead_letter"):
            self.events.labels(outcome)
        for content in ("same", "other", "unknown"):
            self.duplicates.labels(content)

    def priced_by(self, version: str, source: str, as_of_ms: int) -> None:
        """Show which catalogue is in force, and a day than which it is no older, epoch milliseconds."""
        self._catalogue.clear()
        self._catalogue.labels(version, printable(source)).set(1)
        self._catalogue_as_of.set(as_of_ms / 1000)

    def refusing(self, refusals: Iterable[Refusal]) -> None:
        """Show what is refused now, one for each partition."""
        self._refusals = list(refusals)
        self.partitions_refused.set(len(self._refusals))
        self._show_refused()

    def obstructing(self, refusals: Iterable[Refusal]) -> None:
        """Show what the whole worker waits for."""
        self._obstacles = list(refusals)
        self._show_refused()

    def _show_refused(self) -> None:
        self.refused.clear()
        for refusal in (*self._refusals, *self._obstacles):
            self.refused.labels(refusal.cause, refusal.resource).inc()

    def flushed(
        self,
        changes: Changes,
        *,
        rejected: Sequence[Reason],
        partitioners: Iterable[str],
        latencies_s: Iterable[float],
    ) -> None:
        """Count what a committed flush of one partition held.

        Args:
            changes: What the ledgers changed.
            rejected: Why each dead letter of it is one.
            partitioners: The likely partitioner of each session that was opened.
            latencies_s: From the append of each batch's first record until now.
        """
        counts = changes.counts
        for partitioner in partitioners:
            self.sessions_opened.labels(partitioner).inc()
        self.events.labels("accepted").inc(counts.accepted)
        self.events.labels("duplicate").inc(counts.duplicates)
        self.duplicates.labels("other").inc(counts.other_content)
        self.duplicates.labels("unknown").inc(counts.unknown_content)
        self.duplicates.labels("same").inc(counts.duplicates - counts.other_content - counts.unknown_content)
        self.events.labels("late").inc(counts.late)
        self.events.labels("dead_letter").inc(len(rejected))
        self.other_agents.inc(counts.other_agents)
        self.lost_events.labels(str(changes.progress.source_partition)).inc(counts.lost)
        for reason in rejected:
            self.dead_letters.labels(reason).inc()
        for (org, agent), count in counts.runs.items():
            self.runs.labels(self._org(org), self._agent(agent)).inc(count)
        for (org, agent), count in counts.tool_calls.items():
            self.tool_calls.labels(self._org(org), self._agent(agent)).inc(count)
        for (org, agent, fault), count in counts.clocks.items():
            self.clock_faults.labels(self._org(org), self._agent(agent), fault).inc(count)
        for notice in changes.notices:
            self.anomalies.labels(notice.severity, notice.state).inc()
        for activity in changes.activity:
            self._spent(activity)
        for latency_s in latencies_s:
            self.latency.observe(latency_s)

    def split(self, org_id: str) -> None:
        """A session of this organisation was opened on a second partition."""
        self.split_sessions.labels(self._org(org_id)).inc()

    def holding(self, ledgers: Mapping[int, PartitionLedger], end_offsets: Mapping[int, int]) -> None:
        """Show what the worker holds now, by partition, and how far the source partitions' ends are away."""
        self.ledgers.set(sum(map(len, ledgers.values())))
        self.anomalies_open.set(sum(ledger.open_anomalies for ledger in ledgers.values()))
        self.partitions.set(len(ledgers))
        for partition in self._owned - ledgers.keys():
            self.watermark.remove(str(partition))
            self.lag.remove(str(partition))
        for partition, ledger in ledgers.items():
            self.watermark.labels(str(partition)).set(ledger.watermark_ms / 1000)
            end = end_offsets.get(partition, ledger.next_offset)
            self.lag.labels(str(partition)).set(max(0, end - ledger.next_offset))
        self._owned = set(ledgers)

    def _spent(self, activity: Activity) -> None:
        sums = dict(zip(SUM_FIELDS, activity.sums, strict=True))
        org, agent, model = self._org(activity.org_id), self._agent(activity.agent_id), self._model(activity.model)
        self.cost.labels(org, agent, model).inc(sums["cost_pico_usd"] / PICO_PER_USD)
        for kind in ("input", "output", "cached_input", "cache_write", "reasoning"):
            self.tokens.labels(kind).inc(sums[f"{kind}_tokens"])
        if sums["unpriced_tokens"]:
            self.unpriced.labels(model).inc(sums["unpriced_tokens"])
        if sums["cache_savings_pico_usd"]:
            self.cache_savings.labels(org, agent, "prompt").inc(sums["cache_savings_pico_usd"] / PICO_PER_USD)
        if any(activity.sums[len(COMMON_FIELDS) :]):
            self._rare(sums, org, agent, model)
            self._compared(sums, self._provider(activity.provider), model)
        if sums["embedding_cost_pico_usd"]:
            self.embedding_cost.labels(model).observe(sums["embedding_cost_pico_usd"] / PICO_PER_USD)

    def _rare(self, sums: dict[str, int], org: str, agent: str, model: str) -> None:
        for meter in METERS:
            if units := sums[meter.name]:
                (self.tokens.labels(meter.stem) if meter.is_tokens else self.fees.labels(meter.name)).inc(units)
        if sums["errors"]:
            self.errors.labels(org, agent).inc(sums["errors"])
        if saved := sums["semantic_savings_pico_usd"]:
            self.cache_savings.labels(org, agent, "semantic").inc(saved / PICO_PER_USD)
        if reported := sums["reported_pico_usd"]:
            self.reported_cost.labels(model).inc(reported / PICO_PER_USD)

    def _compared(self, sums: dict[str, int], provider: str, model: str) -> None:
        if sums["compared_pico_usd"] or sums["compared_reported_pico_usd"]:
            self.compared_cost.labels(provider, model, "rates").inc(sums["compared_pico_usd"] / PICO_PER_USD)
            reported = sums["compared_reported_pico_usd"] / PICO_PER_USD
            self.compared_cost.labels(provider, model, "reported").inc(reported)
