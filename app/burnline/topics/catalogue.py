"""The list of topics: names, partitions, retention and purpose. Nothing else in Burnline names a topic's setup."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from burnline.ledger.bounds import RECORD_MAX_BYTES
from burnline.settings import Settings

DAY_MS = 86_400_000
HOUR_MS = 3_600_000
MIB = 1_048_576

USAGE_MAX_BYTES = 8 * MIB
"""Largest record batch on `usage`: room for what is far too large, so that it can be refused by name."""
DEAD_LETTER_MAX_BYTES = USAGE_MAX_BYTES + MIB
"""Largest record batch on `dead-letters`: as much of the refused bytes as `usage` takes, and headers that say why."""
STATE_MAX_BYTES = 4 * MIB
"""Largest record batch on every other topic: a ledger has a kilobyte or two, and what it may hold is bounded."""
MOST_BYTES = DEAD_LETTER_MAX_BYTES
"""Largest record that is ever written."""


TIMESTAMP_TYPE = "message.timestamp.type"
"""Whose time stands in records. On `usage` it must be the log's: events are judged by when the log took them, and kept
from then on, whatever publishers write."""


SIZE, UNBOUNDED = "retention.bytes", "-1"
"""What is kept for a time is not cut by size before that, whatever the brokers' default is."""


@dataclass(frozen=True, slots=True)
class TopicSpec:
    """How one topic is to be.

    Attributes:
        name: Full name, prefix included.
        partitions: Exact number of partitions.
        config: Topic-level configuration, as Kafka spells it.
        purpose: A sentence for operators.
    """

    name: str
    partitions: int
    config: Mapping[str, str] = field(hash=False)
    purpose: str

    @property
    def compacted(self) -> bool:
        """Whether the newest record of each key is kept for ever."""
        return self.config["cleanup.policy"] == "compact"


class Topics(NamedTuple):
    """All topics, by role."""

    usage: TopicSpec
    sessions: TopicSpec
    anomalies: TopicSpec
    baselines: TopicSpec
    valuation_rates: TopicSpec
    catalogues: TopicSpec
    dead_letters: TopicSpec
    progress: TopicSpec
    rollups: TopicSpec
    event_ids: TopicSpec
    usage_rollups: TopicSpec
    parked_notices: TopicSpec
    detection: TopicSpec
    budgets: TopicSpec
    anomaly_notes: TopicSpec
    budget_notices: TopicSpec
    budget_progress: TopicSpec
    notice_places: TopicSpec
    controls: TopicSpec
    adjustments: TopicSpec
    policies: TopicSpec


def _kept(days: int, **config: int) -> dict[str, str]:
    return {"cleanup.policy": "delete", "retention.ms": str(days * DAY_MS), SIZE: UNBOUNDED, **_spelled(config)}


def _compacted(**config: int) -> dict[str, str]:
    return {"cleanup.policy": "compact", **_spelled(config)}


def _compacted_and_kept(days: int, **config: int) -> dict[str, str]:
    return {**_kept(days, **config), "cleanup.policy": "compact,delete"}


def _spelled(config: Mapping[str, int]) -> dict[str, str]:
    return {name.replace("_", "."): str(value) for name, value in config.items()}


def topics_for(settings: Settings) -> Topics:
    """All topics under these settings.

    `sessions`, `progress` and `usage-rollups` take a record per changed key and flush. Kafka compacts only segments
    that are closed, so theirs are small: what a reader has to read stays near one record per key, instead of a gigabyte
    of old ones.
    """

    def spec(name: str, partitions: int, config: Mapping[str, str], purpose: str) -> TopicSpec:
        common = {
            "max.message.bytes": str(STATE_MAX_BYTES),  # the brokers' default may be anything
            "min.insync.replicas": str(settings.min_insync_replicas),
        }
        return TopicSpec(settings.topic_prefix + name, partitions, {**common, **config}, purpose)

    many = settings.partitions
    usage = spec(
        "usage",
        many,
        {**_kept(7, max_message_bytes=USAGE_MAX_BYTES), TIMESTAMP_TYPE: "LogAppendTime"},
        "Usage events, by session.",
    )
    return Topics(
        usage=usage if settings.usage_topic is None else replace(usage, name=settings.usage_topic),
        sessions=spec(
            "sessions",
            many,
            _compacted(segment_bytes=64 * MIB, segment_ms=HOUR_MS, max_message_bytes=RECORD_MAX_BYTES),
            "The ledger of every session; also what workers restore from.",
        ),
        anomalies=spec("anomalies", many, _kept(90), "Anomalies: opened, escalated, resolved."),
        baselines=spec("baselines", 1, _compacted(), "Baselines in force, by org and agent."),
        valuation_rates=spec(
            "valuation-rates",
            1,
            _compacted(min_compaction_lag_ms=settings.rollup_retention_days * DAY_MS),
            "Prices that go before the catalogue; also those that were replaced, as long as usage is kept.",
        ),
        catalogues=spec("catalogues", 1, _compacted(), "Catalogues of prices by their hash, and which is in force."),
        dead_letters=spec(
            "dead-letters",
            many,
            _kept(30, max_message_bytes=DEAD_LETTER_MAX_BYTES),
            "Events that could not be used, byte for byte, each with its reason.",
        ),
        progress=spec(
            "progress",
            many,
            _compacted(segment_bytes=16 * MIB, segment_ms=HOUR_MS, max_message_bytes=RECORD_MAX_BYTES),
            "The last source offset applied, per partition.",
        ),
        rollups=spec(
            "rollups",
            many,
            _compacted(segment_ms=HOUR_MS, max_message_bytes=RECORD_MAX_BYTES),
            "Sums of retired sessions, by org and agent.",
        ),
        event_ids=spec(
            "event-ids",
            many,
            _compacted(segment_bytes=16 * MIB, segment_ms=HOUR_MS, max_message_bytes=RECORD_MAX_BYTES),
            "Hashes of each partition's newest events, to know duplicates.",
        ),
        usage_rollups=spec(
            "usage-rollups",
            many,
            _compacted_and_kept(
                settings.rollup_retention_days,
                segment_bytes=64 * MIB,
                segment_ms=HOUR_MS,
                max_message_bytes=RECORD_MAX_BYTES,
            ),
            "What was used in each quarter of an hour, by team, project and model.",
        ),
        parked_notices=spec("parked-notices", 1, _kept(30), "Notices that a sink has not taken, each with its reason."),
        detection=spec(
            "detection",
            1,
            _compacted(segment_bytes=64 * MIB, segment_ms=HOUR_MS),
            "What `burnline detect` has learned, and how far it is.",
        ),
        budgets=spec("budgets", 1, _compacted(), "What organisations, teams, projects and agents may spend."),
        anomaly_notes=spec(
            "anomaly-notes",
            1,
            _compacted_and_kept(settings.rollup_retention_days),
            "What people say of anomalies: acknowledged, silenced, feedback.",
        ),
        budget_notices=spec("budget-notices", 1, _kept(90), "Thresholds of budgets that were reached, each once."),
        budget_progress=spec("budget-progress", 1, _compacted(), "How far `burnline budgets run` is."),
        notice_places=spec(
            "notice-places", 1, _compacted_and_kept(90), "Where the message of an anomaly stands, such as in Slack."
        ),
        controls=spec("controls", 1, _compacted(), "What runtimes are asked to do: warn, slow down, pause, stop."),
        adjustments=spec(
            "adjustments",
            1,
            _compacted_and_kept(settings.rollup_retention_days),
            "What was charged and costs something else at later prices.",
        ),
        policies=spec("policies", 1, _compacted(), "What is asked of the learned rules, by agent."),
    )


class OtelTopics(NamedTuple):
    """The topics of `burnline otel`, which no worker reads or writes."""

    spans: TopicSpec
    logs: TopicSpec
    dead_letters: TopicSpec


def otel_topics_for(settings: Settings) -> OtelTopics:
    """What the Collector's Kafka exporter writes, under its own names, and what of that was no OTLP."""
    common = {
        **_kept(3, max_message_bytes=USAGE_MAX_BYTES),
        "min.insync.replicas": str(settings.min_insync_replicas),
    }

    def spec(name: str, purpose: str) -> TopicSpec:
        return TopicSpec(name, settings.partitions, common, purpose)

    refused = {**common, **_kept(30, max_message_bytes=DEAD_LETTER_MAX_BYTES)}
    return OtelTopics(
        spans=spec(settings.otel_spans_topic, "Spans in OTLP, as the OpenTelemetry Collector writes them."),
        logs=spec(settings.otel_logs_topic, "Log records in OTLP, likewise."),
        dead_letters=TopicSpec(
            f"{settings.topic_prefix}otlp-dead-letters", settings.partitions, refused, "Records that were no OTLP."
        ),
    )


def framed_topic_for(settings: Settings) -> TopicSpec:
    """What publishers with a schema registry write, and `burnline registry` reads."""
    config = {
        **_kept(3, max_message_bytes=USAGE_MAX_BYTES),
        "min.insync.replicas": str(settings.min_insync_replicas),
    }
    purpose = "Usage events in Confluent's wire format, by schemas of a registry."
    return TopicSpec(settings.framed_topic, settings.partitions, config, purpose)


def redriven_topic_for(settings: Settings) -> TopicSpec:
    """Which dead letters were sent back, by where their records came from; made with the first one."""
    common = {"max.message.bytes": str(STATE_MAX_BYTES), "min.insync.replicas": str(settings.min_insync_replicas)}
    purpose = "Dead letters that were mended and sent back, by their origin."
    return TopicSpec(f"{settings.topic_prefix}redriven", 1, {**common, **_compacted()}, purpose)
