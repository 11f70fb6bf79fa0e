"""Baselines and valuation rates as the worker follows them: a bad record is loud and changes nothing."""

import logging
from collections.abc import Callable
from typing import Generic, TypeVar

from prometheus_client import Counter

from burnline.detection.baseline import Baseline, Baselines
from burnline.ledger.policy import Policy
from burnline.metrics import WorkerMetrics
from burnline.pricing.valuation import ValuationRate

_log = logging.getLogger(__name__)

Entry = TypeVar("Entry")


class ReferenceData(Generic[Entry]):
    """The newest valid entry of each key of one topic; tells whoever needs them when they change."""

    def __init__(
        self,
        topic: str,
        parse: Callable[[bytes, bytes], Entry],
        changed: Callable[[dict[str, Entry]], None],
        errors: Counter,
    ) -> None:
        """Follow a topic.

        Args:
            topic: Its name, for the log and the metric.
            parse: Reads a record's key and value; raises ValueError for one that cannot be used.
            changed: Is given all entries after each change.
            errors: Counts records that cannot be used, by topic.
        """
        self._topic = topic
        self._parse = parse
        self._changed = changed
        self._errors = errors.labels(topic)
        self._entries: dict[str, Entry] = {}

    def replace(self, records: dict[bytes, bytes]) -> None:
        """Start from the newest record of each key."""
        self._entries = {}
        for key, value in records.items():
            self._take(key, value)
        self._changed(self._entries)
        _log.info("%s: %d entries in force", self._topic, len(self._entries))

    def change(self, key: bytes | None, value: bytes | None) -> None:
        """Follow one new record; a null value deletes its key."""
        self._take(key or b"", value)
        self._changed(self._entries)

    def _take(self, key: bytes, value: bytes | None) -> None:
        name = key.decode(errors="replace")
        if value is None:
            self._entries.pop(name, None)
            _log.info("%s: %r is deleted", self._topic, name)
            return
        try:
            self._entries[name] = self._parse(key, value)
        except ValueError as error:
            # What the key held before stays in force: a typing mistake must not take a limit away.
            self._errors.inc()
            _log.error("%s: record %r cannot be used: %s", self._topic, name, error)


def follow_baselines(topic: str, policy: Policy, metrics: WorkerMetrics) -> ReferenceData[Baseline]:
    """Baselines of the topic into the policy, over its default."""
    default = policy.baselines.default
    return ReferenceData(
        topic,
        Baseline.parse,
        lambda entries: policy.set_baselines(Baselines(default, entries)),
        metrics.reference_errors,
    )


def follow_rates(topic: str, policy: Policy, metrics: WorkerMetrics) -> ReferenceData[ValuationRate]:
    """Valuation rates of the topic into the policy, over the bundled catalogue."""
    bundled = policy.book
    return ReferenceData(
        topic,
        ValuationRate.parse,
        lambda entries: policy.set_book(bundled.with_overrides(entries.values())),
        metrics.reference_errors,
    )
