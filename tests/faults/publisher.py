"""Publishes a load at a steady rate, round after round, and repeats or poisons it on demand."""

import queue
import threading
import time
from collections.abc import Callable, Iterable
from typing import NamedTuple

from confluent_kafka import KafkaError, Message, Producer

from burnline.kafka import Config
from burnline.topics.client_log import client_log
from tests.faults.load import Load, Record

CHUNK = 500
"""Records between two looks at the clock."""
FLUSH_TIMEOUT_S = 120.0

PRODUCER_CONFIG: Config = {
    "enable.idempotence": True,  # a record that is sent again on a broken connection is stored once, and in order
    "delivery.timeout.ms": 600_000,
    "linger.ms": 20,
    "compression.type": "lz4",
    "queue.buffering.max.messages": 200_000,
}


class Published(NamedTuple):
    """What has been published in all."""

    rounds: int
    good: int
    repeated: int
    bad: list[bytes]


class Publisher:
    """Publishes whole rounds from a thread of its own until it is told to finish.

    Attributes:
        sent: Good events handed to the client so far; repeats and bad ones are not counted.
        rounds: Whole rounds handed over so far.
    """

    def __init__(self, config: Config, topic: str, load: Load, *, events_per_s: float) -> None:
        """Prepare; `start` begins to publish. A rate of 0 publishes as fast as it goes."""
        self.load = load
        self.sent = 0
        self.rounds = 0
        self._topic = topic
        self._rate = events_per_s
        self._repeated = 0
        self._bad: list[bytes] = []
        self._poisoned = 0
        self._half_poison_rounds = 0
        self._orders: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._wanted_rounds: int | None = None
        self._held_at: frozenset[int] = frozenset()
        self._may_go_on = threading.Event()
        self._may_go_on.set()
        self._rests = threading.Event()
        self._failures: list[str] = []
        self._config = config
        self._producer = self._connected()
        self._thread = threading.Thread(target=self._run, name="publisher", daemon=True)

    def _connected(self) -> Producer:
        own = {**self._config, **PRODUCER_CONFIG, "delivery.report.only.error": True}
        return Producer(own, logger=client_log)

    def start(self, rounds: int | None = None, *, held_at: Iterable[int] = ()) -> None:
        """Begin.

        Args:
            rounds: After so many it stops by itself.
            held_at: After each of these numbers of rounds it pauses by itself, until `go_on`.
        """
        self._wanted_rounds = rounds
        self._held_at = frozenset(held_at)
        self._thread.start()

    def wait_sent(self, events: int, *, timeout_s: float) -> None:
        """Return when so many good events are on their way, or when all are.

        Raises:
            TimeoutError: The brokers have taken none for `timeout_s`.
        """
        seen, since = self.sent, time.monotonic()
        while self.sent < events and self._thread.is_alive():
            if self.sent > seen:
                seen, since = self.sent, time.monotonic()
            elif time.monotonic() - since > timeout_s:
                raise TimeoutError(f"{seen} of {events} events are published, and no more for {timeout_s:g} s")
            time.sleep(0.01)

    def pause(self) -> int:
        """Complete the round under way and wait for all acknowledgements; says how many rounds are published."""
        self._may_go_on.clear()
        while self._thread.is_alive() and not self._rests.wait(0.1):
            pass  # it may end meanwhile
        self._flush()
        return self.rounds

    def connect_anew(self) -> None:
        """While it is paused: the topic is another one, whose brokers know nothing of what this client has sent."""
        self._producer = self._connected()

    def go_on(self) -> None:
        """Publish again."""
        self._may_go_on.set()

    def finish(self) -> Published:
        """Complete the round under way, wait for all acknowledgements, and say what was published.

        Raises:
            AssertionError: The brokers did not take all of it.
        """
        if self._wanted_rounds is None:
            self._wanted_rounds = 0
        self._thread.join()
        while not self._orders.empty():
            self._orders.get()()
        self._flush()
        return Published(self.rounds, self.sent, self._repeated, self._bad)

    def repeat_now(self) -> None:
        """Publish the events of the round before the present one again, while their ids must still be known."""
        self._orders.put(lambda: self._repeat(self.load.again(self.rounds - 1) if self.rounds else []))

    def repeat_an_hour_later(self) -> None:
        """Publish events again that are an hour of stream time old."""
        self._orders.put(lambda: self._repeat(self.load.an_hour_later(self.rounds - 1)))

    def poison(self, count: int, partition: int) -> None:
        """Publish whole batches of bad events."""

        def publish() -> None:
            records = self.load.poison(range(self._poisoned, self._poisoned + count), partition)
            self._poisoned += count
            self._bad += [record.value for record in records]
            self._publish(records)

        self._orders.put(publish)

    def half_poison(self, rounds: int) -> None:
        """Publish a bad event beside each good one, in the next rounds."""

        def begin() -> None:
            self._half_poison_rounds += rounds

        self._orders.put(begin)

    def _flush(self) -> None:
        left = self._producer.flush(FLUSH_TIMEOUT_S)
        assert not left, f"{left} records are not acknowledged"
        assert not self._failures, f"{len(self._failures)} records failed: {self._failures[:3]}"

    def _run(self) -> None:
        started, paced = time.monotonic(), 0
        while self._wanted_rounds is None or self.rounds < self._wanted_rounds:
            for index, (record, good) in enumerate(
                self.load.records(self.rounds, half_poison=self._half_poison_rounds > 0)
            ):
                self._produce(record)
                if good:
                    self.sent += 1
                else:
                    self._bad.append(record.value)
                if index % CHUNK == CHUNK - 1:
                    paced += CHUNK
                    self._rest(started, paced)
            self.rounds += 1
            self._half_poison_rounds = max(0, self._half_poison_rounds - 1)
            while not self._orders.empty():
                self._orders.get()()
            if self.rounds in self._held_at:
                self._may_go_on.clear()
            if not self._may_go_on.is_set():
                self._rests.set()
                self._may_go_on.wait()
                self._rests.clear()
                started, paced = time.monotonic(), 0

    def _rest(self, started: float, paced: int) -> None:
        self._producer.poll(0)
        if self._rate:
            time.sleep(max(0.0, started + paced / self._rate - time.monotonic()))

    def _repeat(self, records: list[Record]) -> None:
        self._repeated += len(records)
        self._publish(records)

    def _publish(self, records: Iterable[Record]) -> None:
        for record in records:
            self._produce(record)

    def _produce(self, record: Record) -> None:
        while True:
            try:
                self._producer.produce(
                    self._topic, record.value, record.key, record.partition, on_delivery=self._delivered
                )
            except BufferError:  # the brokers are away, or slower than we are
                self._producer.poll(0.1)
            else:
                return

    def _delivered(self, error: KafkaError | None, message: Message) -> None:
        if error is not None:
            self._failures.append(f"{message.key()!r}: {error.str()}")
