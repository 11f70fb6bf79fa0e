"""Budgets over the topic `usage-rollups`: what is spent, held against what may be, by one process at a time.

It costs per flush and not per event. At the start it reads what was told and what was spent since the earliest period
of a budget began, and speaks once it has all of it. Notices and the progress that speaks for them are one transaction
(`burnline.detector.keeper`); what was told stands on the topic of the notices itself, so none is told twice.
"""

import logging
import threading
import time
from collections.abc import Iterable
from typing import cast

from confluent_kafka import KafkaError, KafkaException, Message, TopicPartition
from pydantic import ValidationError

from burnline.budgeting.metrics import BudgetMetrics
from burnline.budgets.budget import Budget, Budgets
from burnline.budgets.crossings import LATE_MS, Crossings
from burnline.budgets.notice import BudgetNotice, cloudevent_headers, notice_key
from burnline.budgets.spending import Changed, Spending
from burnline.budgets.standing import first_needed_ms, standings
from burnline.controls.control import MAX_REASON, Control, ControlScope
from burnline.detection.anomaly import Severity
from burnline.detector.keeper import TIMEOUT_S, Keeper
from burnline.kafka import client_config
from burnline.ledger.usage_record import next_offset_of
from burnline.settings import Settings
from burnline.stream.reference import ReferenceData
from burnline.stream.written import Outgoing
from burnline.topics.catalogue import TopicSpec, topics_for
from burnline.topics.clients import reader
from burnline.topics.compacted import read_newest
from burnline.topics.ends import as_topic_error, level_of, passing, spans
from burnline.topics.ensure import ensure_topics
from burnline.topics.reading import read_to_end

WAIT_S = 0.1
AT_ONCE = 10_000
SHOWN_EVERY_S = 10.0
AHEAD_MS = 86_400_000
"""Records written so long before a period began may hold usage of it: clocks of publishers run ahead."""

_log = logging.getLogger(__name__)


def clock_ms() -> int:
    """Now, epoch milliseconds."""
    return time.time_ns() // 1_000_000


class BudgetWatch:
    """The process' parts. `run` blocks until `stop` is set."""

    def __init__(self, settings: Settings, metrics: BudgetMetrics) -> None:
        """Build everything; connects to nothing yet."""
        self._settings = settings
        self._config = client_config(settings)
        self._topics = topics_for(settings)
        self._metrics = metrics
        self._keeper = Keeper(settings, self._topics.budget_progress, "budgets")
        self._crossings = Crossings()
        self._budgets = ReferenceData(
            self._topics.budgets.name, Budget.parse, self._set_budgets, metrics.reference_errors
        )
        self._consumer = reader(self._config)
        self._unread: set[int] = set()
        self._held_from_ms = 0
        self._changed = False
        self.ready = "starting"
        """Why it is not at work yet; empty once it is."""

    def run(self, stop: threading.Event) -> None:
        """Follow budgets and what is spent.

        Raises:
            Fenced: Another such process has begun.
            TopicError: The brokers refuse.
        """
        ensure_topics(self._settings)
        self._keeper.begin()
        for notice in self._told():
            self._crossings.note_told(notice)
        follow = self._place_after(self._topics.budgets)
        self._budgets.replace(read_newest(self._config, self._topics.budgets, timeout_s=TIMEOUT_S))
        self._begin(follow)
        shown_at_s = 0.0
        while not stop.is_set():
            changed, at_ms = self._take()
            if self._changed and first_needed_ms(self._crossings.budgets, clock_ms() - LATE_MS) < self._held_from_ms:
                self._begin(self._consumer.position([TopicPartition(self._topics.budgets.name, 0)]))
                continue
            self._tell(changed, at_ms)
            if time.monotonic() - shown_at_s > SHOWN_EVERY_S and not self._unread:
                shown_at_s = time.monotonic()
                self._show()

    def close(self) -> None:
        """Hang up."""
        self._consumer.close()

    def _set_budgets(self, entries: dict[str, Budget]) -> None:
        self._crossings.budgets = Budgets(entries.values())
        self._metrics.budgets.set(len(entries))
        self._changed = True

    def _begin(self, budgets: list[TopicPartition]) -> None:
        """Read what was spent, as far back as the budgets need it; and budgets from there on."""
        self._held_from_ms = first_needed_ms(self._crossings.budgets, clock_ms() - LATE_MS)
        self._crossings.spending = Spending()
        self._crossings.spending.forget_before(self._held_from_ms)
        topic = self._topics.usage_rollups
        wanted = [TopicPartition(topic.name, each, self._held_from_ms - AHEAD_MS) for each in range(topic.partitions)]
        try:
            places = self._consumer.offsets_for_times(wanted, TIMEOUT_S)
        except KafkaException as error:
            raise as_topic_error(error.args[0], topic.name) from error
        self._consumer.assign(places + budgets)
        self._unread = set(range(topic.partitions))
        self.ready = "reading what was spent"

    def _place_after(self, topic: TopicSpec) -> list[TopicPartition]:
        ends = spans(self._consumer, topic.name, range(topic.partitions), TIMEOUT_S)
        return [TopicPartition(topic.name, partition, span.stable) for partition, span in ends.items()]

    def _told(self) -> Iterable[BudgetNotice]:
        topic = self._topics.budget_notices
        for batch in read_to_end(self._config, topic.name, range(topic.partitions), timeout_s=TIMEOUT_S):
            for message in batch:
                try:
                    yield BudgetNotice.model_validate_json(message.value() or b"")
                except ValidationError as error:
                    _log.error("%s %s is no budget notice: %s", topic.name, message.offset(), error)

    def _take(self) -> tuple[set[Changed], int]:
        """What has changed, and when the log had the newest of it."""
        batch = self._consumer.consume(1, WAIT_S)
        if batch:
            batch += self._consumer.consume(AT_ONCE - 1, 0)
        changed: set[Changed] = set()
        at_ms = 0
        for message in batch:
            error = message.error()
            if error is not None:
                changed |= self._note(error, message)
            elif message.topic() == self._topics.budgets.name:
                self._budgets.change(message.key(), message.value())
            else:
                changed |= self._spent(message)
                at_ms = max(at_ms, message.timestamp()[1])
        return changed, at_ms or clock_ms()

    def _spent(self, message: Message) -> set[Changed]:
        try:
            next_offset = next_offset_of(message.headers())
            return self._crossings.spending.take(message.key() or b"", message.value(), next_offset)
        except ValueError as error:
            self._metrics.unreadable.inc()
            _log.error("%s %s/%s: %s", message.topic(), message.partition(), message.offset(), error)
            return set()

    def _note(self, error: KafkaError, message: Message) -> set[Changed]:
        if error.code() == KafkaError._PARTITION_EOF:  # librdkafka names its codes so
            if message.topic() != self._topics.usage_rollups.name:
                return set()
            partition = cast("int", message.partition())
            self._unread.discard(partition)
            return self._crossings.spending.end(partition)
        if not passing(error):
            raise as_topic_error(error, cast("str", message.topic()), message.partition())
        _log.log(level_of(error), "reading goes on after: %s", error.str())
        time.sleep(WAIT_S)
        return set()

    def _tell(self, changed: set[Changed], at_ms: int) -> None:
        """Say what is reached, once all that was spent before is known."""
        if self._unread:
            return
        if self.ready:
            self.ready, self._changed = "", True
        notices = self._crossings.reached_by(changed, at_ms)
        if self._changed:
            self._changed = False
            notices += self._crossings.reached_now(clock_ms())
        if not notices:
            return
        records = [
            Outgoing(
                self._topics.budget_notices.name,
                notice_key(one),
                one.model_dump_json().encode(),
                cloudevent_headers(one),
            )
            for one in notices
        ]
        records += self._asked(notices)
        self._keeper.write(records, self._crossings.spending.offsets, at_ms, None)
        self._metrics.written(notices)
        for one in notices:
            _log.info("told: %s", one.summary)

    def _asked(self, notices: Iterable[BudgetNotice]) -> Iterable[Outgoing]:
        """What runtimes are asked to do where a budget that says so is used up: of the same sums, written with them."""
        for notice in notices:
            budget = self._crossings.budgets.entries[notice.budget]
            if budget.action is None or notice.severity is not Severity.CRITICAL:
                continue
            control = Control(
                scope=ControlScope(notice.scope.value),
                org_id=notice.org_id,
                name=notice.name,
                action=budget.action,
                mode=budget.mode,
                reason=notice.summary[:MAX_REASON],
                expires_at=notice.period_end,
                source=f"budget {notice.budget}",
                updated_at=notice.reached_at,
            )
            value = control.model_dump_json(exclude_none=True).encode()
            yield Outgoing(self._topics.controls.name, control.key().encode(), value, ())

    def _show(self) -> None:
        crossings, now_ms = self._crossings, clock_ms()
        crossings.forget(now_ms)
        self._held_from_ms = max(self._held_from_ms, first_needed_ms(crossings.budgets, now_ms - LATE_MS))
        spent = crossings.spending.spent_pico
        self._metrics.show(standings(crossings.budgets, crossings.spending.subjects(), spent, now_ms))
