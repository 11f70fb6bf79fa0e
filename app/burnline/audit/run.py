"""Audit all partitions, one after the other, so that no more than one is held in memory."""

import gc
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from itertools import dropwhile
from typing import Protocol, cast

from confluent_kafka import KafkaException, Message

from burnline.audit.cut import TIMEOUT_S, CutReader
from burnline.detection.baseline import Baselines, default_baseline
from burnline.detection.rule import BurnRule
from burnline.events.usage import END_TIME_MS
from burnline.kafka import Config, client_config
from burnline.ledger.audit.cut import Beginning, Cut, Judging, Scope
from burnline.ledger.audit.identities import Places
from burnline.ledger.audit.outcome import Outcome, Row
from burnline.ledger.audit.partition import PartitionAudit
from burnline.ledger.audit.prices import Books
from burnline.ledger.audit.report import AuditReport, Findings, PartitionReport
from burnline.ledger.partition import Retention
from burnline.ledger.policy import Policy
from burnline.pricing.book import RateBook
from burnline.pricing.listed import CatalogueError
from burnline.pricing.shelf import Shelf
from burnline.pricing.valuation import ValuationRate, parts_of_key
from burnline.settings import Settings
from burnline.topics.catalogue import topics_for
from burnline.topics.envelopes import event_of
from burnline.topics.errors import TopicError
from burnline.topics.reading import read_to_end
from burnline.topics.shelf import read_shelf

BOOKS_HELD = 4
"""Catalogues of before that are in memory at once, each some ten megabytes."""


class Watch(Protocol):
    """Who wants to know how far it is."""

    def planned(self, records: int) -> None:
        """So many offsets of the log are to be read, as far as is known."""

    def advanced(self, offsets: int) -> None:
        """So many more have been read."""

    def remarked(self, sentence: str) -> None:
        """Something that people should know."""


def audit(settings: Settings, scope: Scope, watch: Watch, *, most_rows: int) -> AuditReport:
    """Compare every partition's ledgers with its log.

    Raises:
        TopicError: Topics are missing or other than the settings say, or the brokers do not answer.
    """
    try:
        with _without_collections():
            return _Audit(settings, scope, watch, most_rows).report()
    except KafkaException as error:
        raise TopicError(f"The brokers refuse: {error.args[0].str()}") from error


@contextmanager
def _without_collections() -> Iterator[None]:
    """Ledgers and events hold no cycles; to look for some among millions of them costs a quarter of the time."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


class _Audit:
    def __init__(self, settings: Settings, scope: Scope, watch: Watch, most_rows: int) -> None:
        self._settings = settings
        self._watch = watch
        self._topics = topics_for(settings)
        self._config: Config = client_config(settings)
        self._most_rows = most_rows
        shelf = read_shelf(self._config, self._topics, timeout_s=TIMEOUT_S)
        self._policy, rated = _policy(settings, self._config, watch, shelf)
        self._books = _books(self._policy.book, shelf)
        self._judging = Judging(scope, rated, settings.max_clock_skew_ms, most_rows)
        self._retention = Retention.from_settings(settings)

    def report(self) -> AuditReport:
        """All partitions."""
        report = AuditReport(self._most_rows)
        partitions = range(self._settings.partitions)
        with CutReader(self._config, self._topics, _clock_ms) as reader:
            reader.refuse_other_partitions(self._settings.partitions)
            self._watch.planned(sum(self._left_to_read(reader, partition) for partition in partitions))
            for partition in partitions:
                try:
                    cut = reader.cut(partition)
                except ValueError as error:
                    report.add(_unreadable(partition, str(error), self._most_rows))
                else:
                    report.add(self._partition(reader, cut, report.places))
        return report

    def _left_to_read(self, reader: CutReader, partition: int) -> int:
        try:
            progress = reader.progress(partition)
        except ValueError:
            return 0
        return max(0, progress.next_offset - reader.log_span(partition).first) if progress else 0

    def _partition(self, reader: CutReader, cut: Cut, places: Places) -> PartitionReport:
        partition = PartitionAudit(
            self._topics.usage.name, cut, self._policy, self._retention, self._judging, places, self._books
        )
        first = max(reader.log_span(cut.partition).first, cut.begun.from_offset if cut.begun else 0)
        if partition.end_offset > first:
            self._read(partition, cut.partition, first)
        else:
            partition.begin(Beginning.of_log(first, None, self._judging.max_clock_skew_ms))
        if partition.other_catalogues:
            told = ", ".join(partition.other_catalogues)
            self._watch.remarked(
                f"Partition {cut.partition}: events were charged by catalogue {told}, which is not kept, and are "
                f"recounted by {self._policy.book.catalogue_version}: amounts that differ are told as charged at other "
                "rates."
            )
        span = reader.log_span(cut.partition)
        return partition.finish(first_offset=span.first, end_offset=span.stable)

    def _read(self, audit: PartitionAudit, partition: int, first: int) -> None:
        begun = skipped = False
        position = first
        for batch in read_to_end(self._config, self._topics.usage.name, [partition], timeout_s=TIMEOUT_S):
            wanted = batch
            if not begun:
                counted = list(dropwhile(lambda message: _offset(message) < first, batch))
                wanted = list(dropwhile(self._too_old, counted))
                skipped |= len(wanted) < len(counted)
                if wanted:
                    begun = True
                    audit.begin(self._beginning(wanted[0], first, skipped=skipped))
            if wanted:
                audit.take([_offset(message) for message in wanted], [event_of(message) for message in wanted])
            end = max(first, _offset(batch[-1]) + 1)
            self._watch.advanced(end - position)
            position = end
            if end >= audit.end_offset:
                break
        if not begun:
            audit.begin(Beginning(position, self._judging.scope.from_ms or END_TIME_MS))

    def _too_old(self, message: Message) -> bool:
        return self._judging.scope.skips(message.timestamp()[1], self._judging.max_clock_skew_ms)

    def _beginning(self, oldest: Message, first: int, *, skipped: bool) -> Beginning:
        from_ms = self._judging.scope.from_ms
        if skipped and from_ms is not None:
            return Beginning(_offset(oldest), from_ms)
        written_ms = oldest.timestamp()[1]
        return Beginning.of_log(first, written_ms if written_ms > 0 else None, self._judging.max_clock_skew_ms)


def _books(now: RateBook, shelf: Shelf) -> Books:
    """The rates in force over catalogues of before. A few are kept: partitions come to the same ones."""

    @lru_cache(maxsize=BOOKS_HELD)
    def book(version: str) -> RateBook | None:
        try:
            return now.with_catalogue(shelf.catalogue(version))
        except CatalogueError:  # told by the audit, as one that is not kept
            return None

    return book


def _policy(settings: Settings, config: Config, watch: Watch, shelf: Shelf) -> tuple[Policy, frozenset[str]]:
    """Rates in force, and the models for which a rate stands or stood on the topic."""
    newest: dict[bytes, bytes] = {}
    models = set()
    for batch in read_to_end(config, topics_for(settings).valuation_rates.name, [0], timeout_s=TIMEOUT_S):
        for message in batch:
            key, value = message.key() or b"", message.value()
            models.add(_rated_model(key))
            newest.pop(key, None)
            if value is not None:
                newest[key] = value
    rates = []
    for key, value in newest.items():
        try:
            rates.append(ValuationRate.parse(key, value))
        except ValueError as error:
            watch.remarked(f"Left out, as workers do: {error}")
    book = RateBook.from_settings(settings).with_catalogue(shelf.current()).with_overrides(rates)
    # Baselines decide about anomalies, which are not compared.
    return Policy(BurnRule.from_settings(settings), book, Baselines(default_baseline(settings), {})), frozenset(models)


def _rated_model(key: bytes) -> str:
    """The model or pattern of a rate's key; "" for a key that nothing of ours has written."""
    try:
        return parts_of_key(key.decode())[2].lower()
    except ValueError:
        return ""


def _unreadable(partition: int, why: str, most_rows: int) -> PartitionReport:
    findings = Findings(most_rows)
    findings.add(Row(Outcome.UNREADABLE, partition, "progress", detail=why))
    return PartitionReport(partition, findings)


def _clock_ms() -> int:
    return time.time_ns() // 1_000_000


def _offset(message: Message) -> int:
    return cast("int", message.offset())  # None only in a message that was made by hand
