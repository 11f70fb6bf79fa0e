"""Price what the log holds anew, partition by partition, and publish what differs from what was charged."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import NamedTuple, cast

from confluent_kafka import TIMESTAMP_LOG_APPEND_TIME, KafkaException, Message

from burnline.audit.cut import TIMEOUT_S, CutReader
from burnline.detection.baseline import Baselines, default_baseline
from burnline.detection.rule import BurnRule
from burnline.events.decode import decode_batch
from burnline.events.usage import END_TIME_MS
from burnline.kafka import client_config
from burnline.ledger.audit.usage_held import place_of
from burnline.ledger.partition import PartitionLedger, Retention
from burnline.ledger.policy import Policy
from burnline.ledger.usage_record import UsageRollupRecord, parse
from burnline.pricing.book import RateBook
from burnline.pricing.valuation import ValuationRate
from burnline.repricing.adjustment import Adjustment, AdjustmentError, PricedBy
from burnline.repricing.rows import LeftOut, Range, RowsOfNow, compared, price_version, records_to_write, rows_held
from burnline.settings import Settings
from burnline.topics.catalogue import topics_for
from burnline.topics.compacted import read_newest, write_together
from burnline.topics.envelopes import event_of
from burnline.topics.errors import TopicError, TopicMissing
from burnline.topics.reading import read_to_end
from burnline.topics.shelf import read_shelf

_DRAIN_EVERY = 500_000
"""Events between two removals of what a worker would have written."""
_MOST_RECORDS = 1_000_000


class Repricing(NamedTuple):
    """What a run has found, and what it has to write."""

    price_version: str
    rows: int
    """Rows of the range."""
    adjustments: list[Adjustment]
    left_out: list[LeftOut]
    records: Mapping[str, bytes | None]
    """What the topic does not say yet, by key; None deletes."""


def reprice(
    settings: Settings,
    within: Range,
    rates: Iterable[ValuationRate],
    *,
    now_ms: int,
    say: Callable[[str], None],
) -> Repricing:
    """Price all events of whole quarters of an hour anew; reads only.

    Each partition is read up to its committed progress, with the workers' own functions. Events that are counted
    meanwhile leave their rows out.

    Args:
        settings: The workers'.
        within: Which quarters.
        rates: The rates in force that were set.
        now_ms: The clock, epoch milliseconds.
        say: Is told how far it is.

    Raises:
        TopicError: Topics are missing or other than the settings say, or the brokers do not answer.
        ValueError: A catalogue, progress or rollup record cannot be read.
    """
    try:
        return _Run(settings, within, tuple(rates), now_ms).whole(say)
    except KafkaException as error:
        raise TopicError(f"The brokers refuse: {error.args[0].str()}") from error


def publish(settings: Settings, found: Repricing) -> None:
    """Write what the topic does not say yet, in one transaction.

    Raises:
        TopicError: The brokers refuse, or are silent; then nothing was written.
    """
    if found.records:
        write_together(
            {**client_config(settings), "queue.buffering.max.messages": _MOST_RECORDS},
            topics_for(settings).adjustments,
            found.records,
            transactional_id=f"{settings.app_id}-reprice",
            timeout_s=TIMEOUT_S,
        )


def read_adjustments(settings: Settings, refuse: Callable[[str], None]) -> dict[str, Adjustment]:
    """The adjustments that stand on the topic, by key; what is none is told and left out.

    Raises:
        TopicError: The brokers refuse, or are silent.
    """
    found: dict[str, Adjustment] = {}
    try:
        newest = read_newest(client_config(settings), topics_for(settings).adjustments, timeout_s=TIMEOUT_S)
    except TopicMissing:  # of before there were any
        return found
    for key, value in newest.items():
        try:
            found[key.decode(errors="replace")] = Adjustment.parse(key, value)
        except AdjustmentError as error:
            refuse(str(error))
    return found


class _Run:
    def __init__(self, settings: Settings, within: Range, rates: tuple[ValuationRate, ...], now_ms: int) -> None:
        self._settings, self._within = settings, within
        self._config, self._topics = client_config(settings), topics_for(settings)
        shelf = read_shelf(self._config, self._topics, timeout_s=TIMEOUT_S)
        book = RateBook.from_settings(settings).with_catalogue(shelf.current()).with_overrides(rates)
        self._by = PricedBy(price_version(book.catalogue_version, rates, settings.free_provider_names), now_ms)
        baselines = Baselines(default_baseline(settings), {})  # of anomalies nothing is said
        self._policy = Policy(BurnRule.from_settings(settings), book, baselines)
        self._retention = Retention.from_settings(settings)._replace(idle_ms=None)

    def whole(self, say: Callable[[str], None]) -> Repricing:
        standing = read_adjustments(self._settings, say)
        rows, adjustments, left_out = 0, [], []
        records: dict[str, bytes | None] = {}
        partitions = self._settings.partitions
        with CutReader(self._config, self._topics, lambda: self._by.at_ms) as reader:
            reader.refuse_other_partitions(partitions)
            for partition in range(partitions):
                progress = reader.progress(partition)
                held = rows_held(self._held(partition), self._within)
                rows += len(held)
                if not held or progress is None:
                    continue
                say(f"Partition {partition} ({partition + 1} of {partitions}): {len(held):,} rows")
                found = compared(partition, held, self._priced_anew(partition, progress.next_offset).rows(), self._by)
                adjustments += found.adjustments
                left_out += found.left_out
                records |= records_to_write(standing, found, partition)
        return Repricing(self._by.price_version, rows, adjustments, left_out, records)

    def _held(self, partition: int) -> Iterable[UsageRollupRecord]:
        newest: dict[bytes, bytes] = {}
        topic = self._topics.usage_rollups.name
        for batch in read_to_end(self._config, topic, [partition], timeout_s=TIMEOUT_S):
            for message in batch:
                key, value = message.key() or b"", message.value()
                place = place_of(key)
                if value is None:
                    newest.pop(key, None)
                elif place is not None and self._within.holds(place.quarter_start_ms):
                    newest[key] = value
        return map(parse, newest.values())

    def _priced_anew(self, partition: int, next_offset: int) -> RowsOfNow:
        ledger = PartitionLedger(self._topics.usage.name, partition, self._policy, self._retention)
        rows = ledger.usage_rollups = RowsOfNow(self._within)
        undrained = 0
        for batch in self._log(partition, next_offset):
            offsets = [cast("int", message.offset()) for message in batch]
            stamps = [message.timestamp() for message in batch]
            known = all(kind == TIMESTAMP_LOG_APPEND_TIME for kind, _ in stamps)
            logged_ms = [at_ms for _, at_ms in stamps] if known else None
            # Without the log's time it cannot be told what was ahead of it; what was refused then makes rows differ.
            events, _ = decode_batch(
                [event_of(message) for message in batch],
                now_ms=END_TIME_MS,
                max_clock_skew_ms=self._settings.max_clock_skew_ms if known else 0,
                logged_ms=logged_ms,
            )
            ledger.apply(offsets, events, now_ms=0)
            undrained += len(batch)
            if undrained >= _DRAIN_EVERY:
                ledger.take_changes(0)
                undrained = 0
        return rows

    def _log(self, partition: int, next_offset: int) -> Iterator[list[Message]]:
        for batch in read_to_end(self._config, self._topics.usage.name, [partition], timeout_s=TIMEOUT_S):
            wanted = [message for message in batch if cast("int", message.offset()) < next_offset]
            if wanted:
                yield wanted
            if len(wanted) < len(batch):
                return
