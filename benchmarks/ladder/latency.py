"""From an event that makes a session an anomaly to the notice in a reader's hands, while 20,000 events/s go through.

The load is 2,000 sessions that spend little, and 50 new sessions a second of one event of 0.50 USD: that event opens
an anomaly. Measured from the call that produces it to the `read_committed` consumer that has its notice.
"""

import random
import threading
import time
from collections.abc import Mapping

import msgspec
from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition

from benchmarks.bench import Bench
from benchmarks.ledgers import LedgerReader
from benchmarks.load import PICO_PER_TOKEN, PRODUCER_CONFIG, Expected, produce
from benchmarks.topics import delete_all
from benchmarks.worker import WorkerProcess
from burnline.settings import Settings
from burnline.topics.catalogue import topics_for

EVENTS_PER_S = 20_000
RUNAWAYS_PER_S = 50
FLUSH_INTERVALS_MS = (100, 1_000)
WARM_UP_S = 3.0
TICK_S = 0.005
SESSIONS = 2_000
LINGER_MS = 2
_MODEL, _DEAR_MODEL = "gpt-4o-mini", "gpt-4o"
_DEAR_TOKENS = 50_000
_WAIT_S = 15.0


class _Notice(msgspec.Struct):
    session_id: str
    state: str


def run(bench: Bench) -> None:
    """Both flush intervals in turns."""
    for _ in range(bench.scale.rounds):
        for interval_ms in FLUSH_INTERVALS_MS:
            settings = bench.fresh(flush_interval_ms=interval_ms, baseline_usd_per_hour=1)
            with WorkerProcess(settings) as worker:
                worker.wait_until_ready()
                paced = _Paced(settings, bench.scale.latency_s, worker)
                arrived = _arrivals(settings, paced)
                peak_mib = worker.peak_mib()
            LedgerReader(settings).check(paced.expected)
            bench.record(
                "worker", {"flush_interval_ms": interval_ms}, **paced.figures(arrived), peak_mib=round(peak_mib)
            )
            delete_all(settings)


class _Paced(threading.Thread):
    """Publishes at a steady rate, a handful of events every 5 ms."""

    def __init__(self, settings: Settings, seconds: float, worker: WorkerProcess) -> None:
        super().__init__(name="paced load")
        self._worker = worker
        self._topic = topics_for(settings).usage.name
        self._producer = Producer(
            {"bootstrap.servers": settings.kafka_bootstrap_servers, **PRODUCER_CONFIG, "linger.ms": LINGER_MS}
        )
        self._seconds = seconds
        self._marks: list[tuple[float, float, int]] = []
        self.expected = Expected()
        self.sent: dict[str, int] = {}
        """When each runaway session's event was produced, epoch nanoseconds."""
        self._measured_from = 0
        self._flush_s = 0.0

    def run(self) -> None:
        draw = random.Random(7).random  # noqa: S311  # a reproducible load, no secret
        began = time.monotonic()
        warm_ticks = int(WARM_UP_S / TICK_S)
        for tick in range(1, warm_ticks + int(self._seconds / TICK_S) + 1):
            while self.expected.events < tick * TICK_S * EVENTS_PER_S - 1:
                self._send(f"sess-{int(SESSIONS * draw() ** 2)}", _MODEL, 50, 10)
            if len(self.sent) < int(tick * TICK_S * RUNAWAYS_PER_S):
                self._send_runaway()
            if tick == warm_ticks:
                self._measured_from = len(self.sent)
                self._mark()
            self._producer.poll(0)
            time.sleep(max(0.0, began + tick * TICK_S - time.monotonic()))
        self._mark()
        self._producer.flush()
        metrics = self._worker.metrics()
        self._flush_s = metrics["burnline_flush_seconds_sum"] / metrics["burnline_flush_seconds_count"]

    def figures(self, arrived: Mapping[str, int]) -> dict[str, float]:
        """What came of it, by when each session's notice arrived.

        Raises:
            AssertionError: A notice did not arrive.
        """
        measured = list(self.sent.items())[self._measured_from :]
        missing = [session for session in self.sent if session not in arrived]
        if missing:
            raise AssertionError(f"{len(missing)} of {len(self.sent)} anomalies did not arrive: {missing[:3]}")
        delays_ms = sorted((arrived[session] - sent) / 1e6 for session, sent in measured)
        (from_s, from_cpu, from_events), (to_s, to_cpu, to_events) = self._marks
        events = to_events - from_events
        return {
            "events": events,
            "anomalies": len(delays_ms),
            "p50_ms": round(_quantile(delays_ms, 0.5), 1),
            "p99_ms": round(_quantile(delays_ms, 0.99), 1),
            "most_ms": round(delays_ms[-1], 1),
            "events_per_s": round(events / (to_s - from_s)),
            "cpu_us_per_event": round((to_cpu - from_cpu) / events * 1e6, 3),
            "flush_ms": round(self._flush_s * 1e3, 1),
        }

    def _mark(self) -> None:
        self._marks.append((time.monotonic(), self._worker.cpu_seconds(), self.expected.events))

    def _send_runaway(self) -> None:
        session = f"runaway-{len(self.sent)}"
        self.sent[session] = time.time_ns()
        self._send(session, _DEAR_MODEL, 0, _DEAR_TOKENS)

    def _send(self, session: str, model: str, input_tokens: int, output_tokens: int) -> None:
        plain, _, answer = PICO_PER_TOKEN[model]
        self.expected.pico_by_session[session] += input_tokens * plain + output_tokens * answer
        value = (
            f'{{"event_id":"{self.expected.events:032x}","occurred_at":{time.time_ns() // 1_000_000},"org_id":"org-1",'
            f'"agent_id":"agent-1","session_id":"{session}","model":"{model}","input_tokens":{input_tokens},'
            f'"output_tokens":{output_tokens},"cached_input_tokens":0,"reasoning_tokens":0}}'
        )
        self.expected.events += 1
        produce(self._producer, self._topic, session, value.encode())


def _arrivals(settings: Settings, paced: _Paced) -> dict[str, int]:
    """Start the load; by session, when the notice that opens its anomaly was there, epoch nanoseconds."""
    decode = msgspec.json.Decoder(_Notice).decode
    consumer = Consumer(
        {
            "bootstrap.servers": settings.kafka_bootstrap_servers,
            "group.id": "bench-anomalies",
            "enable.auto.commit": False,
            "isolation.level": "read_committed",
            "auto.offset.reset": "earliest",
        }
    )
    topic = topics_for(settings).anomalies.name
    consumer.assign([TopicPartition(topic, partition, 0) for partition in range(settings.partitions)])
    consumer.poll(0.5)  # connected, and waiting at the broker, before the first event is sent
    paced.start()
    arrived: dict[str, int] = {}
    heard_at = time.monotonic()
    try:
        while paced.is_alive() or (len(arrived) < len(paced.sent) and time.monotonic() - heard_at < _WAIT_S):
            message = consumer.poll(0.1)
            if message is None:
                continue
            now_ns, heard_at = time.time_ns(), time.monotonic()
            error = message.error()
            if error is not None:
                raise KafkaException(error)
            notice = decode(message.value() or b"")
            if notice.state == "opened":
                arrived[notice.session_id] = now_ns
    finally:
        consumer.close()
        paced.join()
    return arrived


def _quantile(ascending: list[float], share: float) -> float:
    return ascending[min(len(ascending) - 1, int(share * len(ascending)))]
