"""Usage events to Kafka from inside of an agent: each one validated, sent once and in order, and never in its way."""

import threading
import time
from collections.abc import Callable, Mapping
from functools import partial
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, Self

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from burnline.publisher import lifetime
from burnline.publisher.account import GIVEN_UP, Account
from burnline.publisher.client import MAX_BUFFER_BYTES, MAX_IN_FLIGHT, destination, let_go, producer_config
from burnline.publisher.encoding import Encoded, encode, event_id_of
from burnline.publisher.failures import Counts, Failure
from burnline.topics.client_log import client_log

if TYPE_CHECKING:
    from burnline.events.contract import UsageEvent
    from burnline.kafka import Config
    from burnline.settings import Settings

DELIVERY_TIMEOUT_S = 900.0
FAREWELL_S = 10.0
MAX_BLOCK_S = 1.0
_WAIT_S = 0.1  # the longest stay inside librdkafka, so that Ctrl-C is heard
_INTERRUPTED_S = 3.0
_PURGE_S = 1.0
_SERVE_EVERY = 64
_TEND_S = 0.05
_CLOSED = "the publisher is closed"


class UsagePublisher:
    """Publishes usage events. It never raises about delivery, and never blocks longer than it was told to.

        with UsagePublisher.from_settings() as publisher:
            publisher.publish({"event_id": "…", "occurred_at": 1763000000000, …})

    The producer is idempotent (a retry never doubles or reorders an event), waits for all in-sync replicas,
    compresses with lz4, and takes the session id as the key, so that a session's events stay in one partition and
    in order. It partitions as Kafka's Java client does (murmur2), so both agree about a session's partition.

    `publish` puts an event into a bounded buffer and comes back. When the buffer is full it waits for room, up to
    `max_block_s`; once that was in vain, events are dropped at once until the brokers take some again. What did not
    arrive is counted (`counts`), told to `on_failure`, and logged as a warning at most every ten seconds; `check`
    raises it for those who want that.

    Leaving the context, the end of the process and SIGTERM (where the program has no handler of its own) give the
    brokers `farewell_s` to take what is left. A fork is safe: the child begins with an empty buffer and a connection
    of its own, the parent goes on. All methods may be called from several threads. The topic must exist (`burnline
    topics ensure`): a broker that creates it on the way would choose its own number of partitions.

    Args:
        config: Brokers and security, as `burnline.kafka.client_config` gives them.
        topic: Full name of the usage topic.
        max_in_flight: Events sent and not yet acknowledged, at most.
        max_buffer_bytes: Their size together, at most.
        max_block_s: How long `publish` may wait for room; 0 never waits.
        delivery_timeout_s: An event not acknowledged for so long has failed.
        farewell_s: How long leaving may take while events are not acknowledged.
        on_invalid: What `publish` does with an event that breaks the contract: "raise" tells the caller, as a mistake
            in a program should be told; "count" counts it as lost, for where nothing may reach the agent.
        on_failure: Called with each event that is lost, from any thread. What it raises is logged, and goes no further.
        flush_on_sigterm: Whether to say farewell at SIGTERM where nobody else handles it.

    Raises:
        confluent_kafka.KafkaException: The configuration makes no sense to librdkafka.
    """

    _broken: bool
    _unserved: int
    _rounds: int
    _in_vain_at: int
    _tender: threading.Thread | None

    def __init__(
        self,
        config: "Config",
        topic: str,
        *,
        max_in_flight: int = MAX_IN_FLIGHT,
        max_buffer_bytes: int = MAX_BUFFER_BYTES,
        max_block_s: float = MAX_BLOCK_S,
        delivery_timeout_s: float = DELIVERY_TIMEOUT_S,
        farewell_s: float = FAREWELL_S,
        on_invalid: Literal["raise", "count"] = "raise",
        on_failure: Callable[[Failure], object] | None = None,
        flush_on_sigterm: bool = True,
    ) -> None:
        if on_invalid not in ("raise", "count"):
            raise ValueError(f"on_invalid={on_invalid!r}: it is 'raise' or 'count'")
        self.farewell_s = farewell_s
        self._topic = topic
        self._max_block_s = max_block_s
        self._raises = on_invalid == "raise"
        self._new_account = partial(Account, topic, on_failure)
        self._config = producer_config(
            config,
            max_in_flight=max_in_flight,
            max_buffer_bytes=max_buffer_bytes,
            delivery_timeout_s=delivery_timeout_s,
        )
        self._closed = False
        self._start_over()
        self._producer: Producer | None = self._new_producer()
        lifetime.register(self, sigterm=flush_on_sigterm)

    @classmethod
    def from_settings(cls, settings: "Settings | None" = None, **options: Any) -> Self:
        """A publisher for the usage topic that the settings name; without any, those of the environment.

        Raises:
            burnline.settings.SettingsError: The environment's settings are wrong.
        """
        return cls(*destination(settings), **options)

    @property
    def counts(self) -> Counts:
        """What became of the events so far, in this process."""
        return self._account.counts

    @property
    def acknowledged(self) -> int:
        """How many events the brokers have acknowledged so far."""
        return self._account.acknowledged

    @property
    def in_flight(self) -> int:
        """How many events are in the buffer or on their way."""
        return self._account.in_flight

    def publish(self, event: "UsageEvent | Mapping[str, Any]") -> bool:
        """Validate an event and send it on its way.

        Returns:
            Whether it was taken into the buffer.

        Raises:
            pydantic.ValidationError: The event breaks the contract (a ValueError), unless `on_invalid` is "count".
        """
        encoded = self.encoded(event)
        return encoded is not None and self.publish_raw(encoded.value, key=encoded.key, event_id=encoded.event_id)

    def encoded(self, event: "UsageEvent | Mapping[str, Any]") -> Encoded | None:
        """An event's record; None if it breaks the contract and that is only to be counted. Raises as `publish`."""
        try:
            return encode(event)
        except Exception as error:
            if self._raises:
                raise
            self._account.lose("invalid", event_id_of(event), f"breaks the contract: {error}")
            return None

    def publish_raw(self, value: bytes, *, key: bytes | None, event_id: str) -> bool:
        """Send bytes as they are, unchecked; `event_id` is how a failure will name them. Returns as `publish` does."""
        if self.offer(value, key=key, event_id=event_id):
            return True
        deadline_s = time.monotonic() + self.patience_s
        while (rest_s := deadline_s - time.monotonic()) > 0:
            self._serve(min(_WAIT_S, rest_s))
            if self.offer(value, key=key, event_id=event_id):
                return True
        self.drop(event_id)
        return False

    def offer(self, value: bytes, *, key: bytes | None, event_id: str) -> bool:
        """Send bytes if there is room for them, without waiting; False, and nothing is counted, if there is none."""
        producer = self._producer
        if producer is None or self._broken:
            producer = self._connect()
            if producer is None:
                return False
        account = self._account
        account.take()
        try:
            producer.produce(self._topic, value, key, on_delivery=partial(self._report, event_id))
        except BufferError:
            account.take(-1)
            self._serve(0)
            return False
        except KafkaException as error:
            if _is_fatal(error.args[0]) and not self._broken:
                account.take(-1)
                self._broken = True
                return self.offer(value, key=key, event_id=event_id)
            self._fail(event_id, error.args[0])
        if self._tender is None:
            self._tend()
        self._unserved += 1
        if self._unserved >= _SERVE_EVERY:
            self._serve(0)
        return True

    @property
    def patience_s(self) -> float:
        """How long waiting for room is worth while: not at all when it was in vain and nothing has moved since."""
        return 0.0 if self._closed or self._in_vain_at == self._account.settled else self._max_block_s

    def drop(self, event_id: str) -> None:
        """Count an event as lost for want of room."""
        self._in_vain_at = self._account.settled
        self._account.lose("dropped", event_id, "the publisher is closed" if self._closed else "the buffer is full")

    def flush(self, timeout_s: float | None = None) -> int:
        """Wait until every event is acknowledged or has failed, or the time is over; None waits as long as it takes.

        Returns:
            How many events are still in flight.
        """
        deadline_s = float("inf") if timeout_s is None else time.monotonic() + timeout_s
        while (producer := self._producer) is not None and self.in_flight:
            rest_s = deadline_s - time.monotonic()
            if rest_s <= 0:
                break
            with lifetime.inside_client():
                producer.flush(min(_WAIT_S, rest_s))
        return self.in_flight

    def check(self) -> None:
        """Raise what was lost since the last check.

        Raises:
            DeliveryError: Naming the events, at most the newest thousand.
        """
        self._account.check()

    def close(self, timeout_s: float | None = None) -> None:
        """Flush for at most `timeout_s` (None: `farewell_s`), then drop what is left, and say so. Once is enough."""
        if self._closed:
            return
        try:
            self.flush(self.farewell_s if timeout_s is None else timeout_s)
        finally:  # also when Ctrl-C ends the wait
            self._closed = True
            self._account.hold_back()
            producer, self._producer = self._producer, None
            if producer is not None:
                self._part_with(producer)
            self._account.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close. An error on its way out is never replaced, and learns what was lost; Ctrl-C waits 3 s at most."""
        lost = self.counts.lost
        self.close(min(self.farewell_s, _INTERRUPTED_S) if isinstance(error, KeyboardInterrupt) else None)
        if error is not None and (since := self.counts.lost - lost):
            error.add_note(f"{since:,} usage events did not arrive")

    def begin_anew(self) -> None:
        """Forget what belongs to the parent process: only for the child of a fork, which has none of its threads."""
        if self._producer is not None:
            let_go(self._producer)
            self._producer = None
        self._start_over()

    def _start_over(self) -> None:
        self._lock = threading.RLock()
        self._account = self._new_account()
        self._broken = False
        self._unserved = 0
        self._rounds = 0
        self._in_vain_at = -1
        self._tender = None

    def _new_producer(self) -> Producer:
        return Producer(self._config, logger=client_log)

    def _connect(self) -> Producer | None:
        """The producer of this process: another one after a fork, or after an error that no producer survives."""
        with self._lock:
            if self._broken and self._producer is not None:
                self._part_with(self._producer)
                self._producer = None
            self._broken = False
            if self._producer is None and not self._closed:
                self._producer = self._new_producer()
                lifetime.at_end_of_child()
            return self._producer

    def _part_with(self, producer: Producer) -> None:
        """Drop what it holds, hear what it says of that, and leave it."""
        if self.in_flight:
            producer.purge(blocking=False)
            with lifetime.inside_client():
                producer.flush(_PURGE_S)
            let_go(producer)

    def _tend(self) -> None:
        # Reports must come in also while nobody publishes: a thread of its own for as long as some are awaited.
        with self._lock:
            if self._tender is not None:
                return
            tender = threading.Thread(target=self._wait_for_reports, name="burnline publisher", daemon=True)
            try:
                tender.start()
            except RuntimeError:  # the interpreter is on its way out, and the farewell does it
                return
            self._tender = tender

    def _wait_for_reports(self) -> None:
        rounds = -1
        while True:
            time.sleep(_TEND_S)
            if self._rounds == rounds:  # else whoever publishes takes the reports, and two would be in each other's way
                self._serve(0)
            rounds = self._rounds
            with self._lock:
                if self._producer is None or not self.in_flight:
                    self._tender = None
                    return

    def _serve(self, timeout_s: float) -> None:
        """Take reports in, waiting for the first one at most so long."""
        producer = self._producer
        self._unserved = 0
        self._rounds += 1
        if producer is not None:
            with lifetime.inside_client():
                producer.poll(timeout_s)

    def _report(self, event_id: str, error: KafkaError | None, _message: Message | None = None) -> None:
        if error is None:
            self._account.acknowledge()
        else:
            self._fail(event_id, error)

    def _fail(self, event_id: str, error: KafkaError) -> None:
        self._broken = self._broken or _is_fatal(error)
        given_up = error.code() in (KafkaError._PURGE_QUEUE, KafkaError._PURGE_INFLIGHT)
        self._account.lose("failed", event_id, GIVEN_UP if given_up else error.str())


def _is_fatal(error: KafkaError) -> bool:
    """Whether no producer survives it, so that the next event needs another one."""
    return error.fatal() or error.code() == KafkaError._FATAL
