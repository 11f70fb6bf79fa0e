"""The recomputation remembers what the workers remember."""

from prometheus_client import CollectorRegistry

from app.audit.run import retention
from app.detection.baseline import Baselines, default_baseline
from app.detection.rule import BurnRule
from app.ledger.policy import Policy
from app.metrics import WorkerMetrics
from app.settings import load_settings
from app.stream.shards import Shards
from app.topics.catalogue import topics_for
from tests.audit.working import BOOK


def test_retention_is_that_of_the_workers() -> None:
    settings = load_settings(
        duplicate_ids_per_session=3, duplicate_ids_per_partition=5, window_retention_s=900, retire_after_s=7
    )
    policy = Policy(BurnRule.from_settings(settings), BOOK, Baselines(default_baseline(settings), {}))
    metrics = WorkerMetrics(CollectorRegistry(), label_limit=1)
    assert retention(settings) == Shards(settings, topics_for(settings), policy, metrics)._retention
    assert retention(settings) == (90, 3, 5, 7_000)
