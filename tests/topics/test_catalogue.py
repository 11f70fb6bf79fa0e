"""What the catalogue promises to those who read it."""

from typing import Any

import pytest

from burnline.settings import load_settings
from burnline.topics.catalogue import Topics, topics_for

DAY_MS = 86_400_000


def _topics(**overrides: Any) -> Topics:
    return topics_for(load_settings(topic_prefix="p.", partitions=6, **overrides))


DOCUMENTED: list[tuple[str, str, int, int | None]] = [
    ("usage", "p.usage", 6, 7 * DAY_MS),
    ("sessions", "p.sessions", 6, None),
    ("anomalies", "p.anomalies", 6, 90 * DAY_MS),
    ("baselines", "p.baselines", 1, None),
    ("valuation_rates", "p.valuation-rates", 1, None),
    ("catalogues", "p.catalogues", 1, None),
    ("dead_letters", "p.dead-letters", 6, 30 * DAY_MS),
    ("progress", "p.progress", 6, None),
    ("rollups", "p.rollups", 6, None),
    ("event_ids", "p.event-ids", 6, None),
    ("usage_rollups", "p.usage-rollups", 6, 400 * DAY_MS),
    ("parked_notices", "p.parked-notices", 1, 30 * DAY_MS),
    ("detection", "p.detection", 1, None),
    ("budgets", "p.budgets", 1, None),
    ("anomaly_notes", "p.anomaly-notes", 1, 400 * DAY_MS),
    ("budget_notices", "p.budget-notices", 1, 90 * DAY_MS),
    ("budget_progress", "p.budget-progress", 1, None),
    ("notice_places", "p.notice-places", 1, 90 * DAY_MS),
    ("controls", "p.controls", 1, None),
    ("adjustments", "p.adjustments", 1, 400 * DAY_MS),
    ("policies", "p.policies", 1, None),
]
"""Role, name, partitions, and retention in milliseconds (None: compacted, and kept for good)."""


@pytest.mark.parametrize(("role", "name", "partitions", "retention_ms"), DOCUMENTED, ids=str)
def test_each_topic_is_as_documented(role: str, name: str, partitions: int, retention_ms: int | None) -> None:
    spec = getattr(_topics(), role)
    assert (spec.name, spec.partitions) == (name, partitions)
    assert spec.compacted is (retention_ms is None)
    assert spec.config.get("retention.ms") == (None if retention_ms is None else str(retention_ms))
    assert spec.purpose


def test_the_list_above_is_whole() -> None:
    assert {role for role, *_ in DOCUMENTED} == set(Topics._fields)


def test_a_refused_event_fits_on_the_topic_of_refused_events() -> None:
    topics = _topics()
    assert int(topics.dead_letters.config["max.message.bytes"]) > int(topics.usage.config["max.message.bytes"])


def test_least_replicas_come_from_the_settings() -> None:
    topics = _topics(replication_factor=3, min_insync_replicas=2)
    assert {spec.config["min.insync.replicas"] for spec in topics} == {"2"}
