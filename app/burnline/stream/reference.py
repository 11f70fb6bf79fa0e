"""Baselines, valuation rates and catalogues as the worker follows them: a bad record is loud and changes nothing."""

import logging
from collections.abc import Callable
from typing import Generic, TypeVar

from prometheus_client import Counter

from burnline.detection.baseline import Baseline, Baselines
from burnline.ledger.policy import Policy
from burnline.metrics import WorkerMetrics
from burnline.pricing.catalogue import Catalogue
from burnline.pricing.listed import CatalogueError
from burnline.pricing.shelf import IN_FORCE, InForce, Shelf
from burnline.pricing.succession import newest_price_ms
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
    """Valuation rates of the topic into the policy, over the catalogue in force."""
    return ReferenceData(
        topic,
        ValuationRate.parse,
        lambda entries: policy.set_book(policy.book.with_overrides(entries.values())),
        metrics.reference_errors,
    )


class FollowedCatalogue:
    """The catalogue in force: that of the topic if one is, else the bundled one."""

    def __init__(self, topic: str, policy: Policy, metrics: WorkerMetrics, clock_ms: Callable[[], int]) -> None:
        """Follow a topic.

        Args:
            topic: Its name, for the log and the metric.
            policy: Prices by the catalogue in force.
            metrics: Says which one that is, and counts records that cannot be used.
            clock_ms: Of the wall, epoch milliseconds.
        """
        self._topic = topic
        self._policy = policy
        self._metrics = metrics
        self._clock_ms = clock_ms
        self._newest: dict[bytes, bytes] = {}
        """The catalogue that was written last: it is written before the record that puts it in force."""

    def replace(self, records: dict[bytes, bytes]) -> None:
        """Price by what the topic says.

        Raises:
            CatalogueError: By what it says nobody can price here. To price by another catalogue would make workers
                disagree, so this one does not start.
        """
        self._newest = {}
        self._put_in_force(Shelf(records))

    def change(self, key: bytes | None, value: bytes | None) -> None:
        """Follow one new record; when the one is deleted that says what is in force, it is the bundled catalogue."""
        if key != IN_FORCE.encode():
            self._newest = {} if key is None or value is None else {key: value}
            return
        try:
            self._put_in_force(Shelf(self._newest if value is None else {**self._newest, key: value}))
        except CatalogueError as error:
            self._metrics.reference_errors.labels(self._topic).inc()
            version = self._policy.book.catalogue_version
            _log.error("%s: catalogue %s stays in force: %s", self._topic, version, error)

    def _put_in_force(self, shelf: Shelf) -> None:
        in_force, now = shelf.in_force, self._policy.book.catalogue
        if in_force is None or in_force.version != now.version:
            catalogue = shelf.current()
            if catalogue.version != now.version:
                self._policy.set_catalogue(catalogue)
        self._say(in_force)

    def _say(self, in_force: InForce | None) -> None:
        catalogue, installed = self._policy.book.catalogue, Catalogue.bundled().version
        as_of_ms = in_force.as_of_ms if in_force else newest_price_ms(catalogue, self._clock_ms())
        self._metrics.priced_by(catalogue.version, catalogue.source, as_of_ms)
        where = "of the topic" if in_force else "bundled; the topic holds none"
        _log.info("prices are those of catalogue %s (%s), %s", catalogue.version, catalogue.source, where)
        if in_force and catalogue.version != installed:
            _log.info("installed is catalogue %s: `burnline rates import catalogue` puts it in force", installed)
