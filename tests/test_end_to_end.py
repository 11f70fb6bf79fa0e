"""From a file to ledgers, by the commands that people use: real broker and workers, sums made with Decimal alone."""

import json
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any, Protocol

import pytest
from confluent_kafka import Message, Producer

from burnline.detection.anomaly import Anomaly
from burnline.events.dead_letters import DeadLetterHeaders
from burnline.kafka import client_config
from burnline.ledger.progress import Progress
from burnline.settings import Settings
from burnline.topics.catalogue import TopicSpec, topics_for
from burnline.topics.ensure import ensure_topics
from burnline.topics.reading import read_to_end
from tests.cli.reach import objects, reach, run
from tests.faults.workers import WorkerSlot

pytestmark = pytest.mark.broker

MILLION = Decimal(1_000_000)
USD_PER_MILLION = {"gpt-4o": (Decimal("2.5"), Decimal("1.25"), Decimal(10)), "no-such-model": (Decimal(0),) * 3}
WAIT_S = 60.0
BAD_LINES = [
    b'{"event_id": broken',
    b"[1, 2, 3]",
    b'{"event_id":"x","occurred_at":1760000000}',
    "ungültig".encode("latin-1"),
    b'{"a":' * 500,
    b'"' + b"x" * 2_000_000 + b'"',
]


@pytest.fixture
def reached(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """The command line reaches the broker; its topics exist."""
    reach(settings, monkeypatch)
    ensure_topics(settings)
    return settings


class StartWorker(Protocol):
    """Starts a worker on the test's topics; keyword arguments replace single settings."""

    def __call__(self, name: str, **settings: object) -> WorkerSlot: ...


@pytest.fixture
def start_worker(reached: Settings, tmp_path: Path) -> Iterator[StartWorker]:
    """Starts workers, and ends them."""
    slots: list[WorkerSlot] = []

    def start(name: str, **settings: object) -> WorkerSlot:
        own = ("kafka_bootstrap_servers", "topic_prefix", "app_id", "partitions")
        usual = {field: getattr(reached, field) for field in own} | {
            "flush_interval_ms": 100,
            "session_timeout_ms": 6000,
        }
        slot = WorkerSlot(name, usual | settings, tmp_path)
        slots.append(slot)
        slot.start()
        return slot

    yield start
    for slot in slots:
        slot.kill()


def event(number: int, *, session: str, at_ms: int, model: str = "gpt-4o", tokens: int = 1_000) -> dict[str, Any]:
    """An event of `tokens` input, of which a quarter is cached, and half as much output."""
    return {
        "event_id": f"e-{number}",
        "occurred_at": at_ms,
        "org_id": "acme",
        "agent_id": "agent-1",
        "session_id": session,
        "model": model,
        "input_tokens": tokens,
        "output_tokens": tokens // 2,
        "cached_input_tokens": tokens // 4,
    }


def usd(one: dict[str, Any]) -> Decimal:
    """What an event costs, by the provider's published rates."""
    fresh, cached, output = USD_PER_MILLION[one["model"]]
    from_cache = one["cached_input_tokens"]
    cost: Decimal = (
        (one["input_tokens"] - from_cache) * fresh + from_cache * cached + one["output_tokens"] * output
    ) / MILLION
    return cost


def read(settings: Settings, topic: TopicSpec) -> list[Message]:
    partitions = range(topic.partitions)
    return [
        one for batch in read_to_end(client_config(settings), topic.name, partitions, timeout_s=20) for one in batch
    ]


def publish(lines: list[bytes], path: Path) -> None:
    path.write_bytes(b"\n".join(lines) + b"\n")
    run("publish", str(path), "--as-is")


def until(condition: Callable[[], bool], what: str) -> None:
    """Wait for a condition; no timing is asserted."""
    deadline = time.monotonic() + WAIT_S
    while not condition():
        assert time.monotonic() < deadline, f"waited {WAIT_S:g} s for {what}"
        time.sleep(0.1)


def owned(worker: WorkerSlot) -> float:
    return worker.metrics()["burnline_partitions_owned"]


def counted() -> int:
    return sum(one["events"] for one in objects("sessions"))


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def test_a_published_file_is_in_the_ledgers_to_the_last_digit(
    reached: Settings, start_worker: StartWorker, tmp_path: Path
) -> None:
    base_ms = now_ms() - 600_000
    events = [
        event(
            number,
            session=f"s-{number % 40}",
            at_ms=base_ms + number * 100,
            model="no-such-model" if number % 17 == 0 else "gpt-4o",
            tokens=1 + number * 7,
        )
        for number in range(2_000)
    ]
    lines = [json.dumps(one).encode() for one in events]
    for place, bad in enumerate(BAD_LINES * 3):
        lines.insert(place * 97, bad)
    publish([*lines, *lines[:50]], tmp_path / "events.jsonl")  # the first fifty lines came twice
    repeated_bad = sum(line in BAD_LINES for line in lines[:50])
    worker = start_worker("first")
    topics = topics_for(reached)
    until(lambda: len(read(reached, topics.dead_letters)) >= len(BAD_LINES) * 3 + repeated_bad, "the dead letters")
    until(lambda: counted() == len(events), "all events")

    expected: dict[str, Decimal] = defaultdict(Decimal)
    for one in events:
        expected[one["session_id"]] += usd(one)
    sessions = objects("sessions")
    assert {one["session_id"]: Decimal(one["cost_usd"]) for one in sessions} == expected
    assert sum(Decimal(one["cost_usd"]) for one in sessions) == sum(map(usd, events))
    unpriced = [one for one in events if one["model"] == "no-such-model"]
    assert sum(one["unpriced_tokens"] for one in sessions) == sum(
        one["input_tokens"] + one["output_tokens"] for one in unpriced
    )

    letters = read(reached, topics.dead_letters)
    assert sorted(letter.value() or b"" for letter in letters) == sorted(
        [line for line in lines if line in BAD_LINES] + [line for line in lines[:50] if line in BAD_LINES]
    )
    places = {(headers.partition, headers.offset) for headers in map(_why, letters)}
    assert len(places) == len(letters)
    for letter in letters[:5]:
        headers = _why(letter)
        assert (
            objects("explain", str(headers.partition), str(headers.offset))[0]["dead_letter"]["reason"]
            == headers.reason
        )

    for one in sessions[:5]:
        shown = objects("explain", str(one["source_partition"]), str(one["last_offset"]))[0]
        assert (shown["applied"], shown["session_cost_usd"]) == (True, one["cost_usd"])
        assert Decimal(shown["cost_usd"]) == usd(shown["event"])

    assert worker.terminate().exit_code == 0
    assert counted() == len(events)


def _why(letter: Message) -> DeadLetterHeaders:
    return DeadLetterHeaders.from_kafka(letter.headers())  # type: ignore[arg-type]  # ours are bytes


def test_a_killed_worker_leaves_the_same_totals(reached: Settings, start_worker: StartWorker, tmp_path: Path) -> None:
    base_ms = now_ms() - 400_000
    events = [event(number, session=f"s-{number % 200}", at_ms=base_ms + number * 10) for number in range(30_000)]
    lines = [json.dumps(one).encode() if number % 100 else b"no event" for number, one in enumerate(events)]
    publish(lines, tmp_path / "events.jsonl")
    first = start_worker("first")
    until(lambda: counted() > 0, "the first flush")
    first.kill()
    start_worker("second")
    good = [one for number, one in enumerate(events) if number % 100]
    until(lambda: counted() == len(good), "all events")
    assert sum(Decimal(one["cost_usd"]) for one in objects("sessions")) == sum(map(usd, good))
    until(lambda: len(read(reached, topics_for(reached).dead_letters)) >= 300, "the dead letters")
    letters = [_why(letter) for letter in read(reached, topics_for(reached).dead_letters)]
    assert len({(letter.partition, letter.offset) for letter in letters}) == len(letters) == 300
    notices = [Anomaly.model_validate_json(one.value() or b"") for one in read(reached, topics_for(reached).anomalies)]
    assert len({(notice.anomaly_id, notice.revision) for notice in notices}) == len(notices)
    opened = sorted(notice.session_id for notice in notices if notice.revision == 1)
    assert opened == sorted({one["session_id"] for one in good}), "each session burns 13 USD/h, and is told of once"


def test_a_worker_that_is_asked_to_end_writes_what_it_has(
    reached: Settings, start_worker: StartWorker, tmp_path: Path
) -> None:
    """Nothing else would: its next flush is a minute away."""
    base_ms = now_ms() - 600_000
    events = [event(number, session=f"s-{number % 50}", at_ms=base_ms + number) for number in range(5_000)]
    publish([json.dumps(one).encode() for one in events], tmp_path / "events.jsonl")
    for seconds in (1.0, 5.0, 25.0):  # a busy machine may need longer to read anything at all
        worker = start_worker(f"for-{seconds:g}-s", flush_interval_ms=60_000)
        worker.wait_ready()
        time.sleep(seconds)
        assert worker.terminate().exit_code == 0
        if counted():
            break
    progress = [json.loads(one.value() or b"") for one in read(reached, topics_for(reached).progress)]
    applied = {one["source_partition"]: one["next_offset"] for one in progress}
    assert counted() == sum(applied.values()) > 0
    start_worker("last")
    until(lambda: counted() == len(events), "all events")
    assert sum(Decimal(one["cost_usd"]) for one in objects("sessions")) == sum(map(usd, events))


def test_a_baseline_and_a_rate_take_effect_on_the_next_event_on_every_worker(
    reached: Settings, start_worker: StartWorker, tmp_path: Path
) -> None:
    workers = [start_worker(name) for name in ("first", "second")]
    for worker in workers:
        worker.wait_ready()
    until(lambda: [owned(worker) for worker in workers] == [2, 2], "a half of the partitions each")
    sessions = [f"s-{number}" for number in range(16)]  # enough for every partition of either worker to have one

    def spend(number: int) -> None:
        at_ms = now_ms()
        publish(
            [json.dumps(event(number + place, session=name, at_ms=at_ms, tokens=20_000)).encode()
             for place, name in enumerate(sessions)],
            tmp_path / "spend.jsonl",
        )  # fmt: skip
        until(lambda: counted() == number + len(sessions), "the events")

    spend(0)
    assert objects("anomalies") == []
    run("baselines", "set", "acme", "*", "0.01")
    rate = ("--input", "1000", "--cached-input", "1000", "--output", "0")
    run("rates", "set", "*", "gpt-4o", *rate, "--effective-from", "2020-01-01T00:00:00Z")
    time.sleep(2.0)  # what the requirement allows: a change reaches every worker within 2 s
    spend(len(sessions))
    until(lambda: len(objects("anomalies")) == len(sessions), "an anomaly of every session")
    for shown in objects("anomalies"):
        notice = Anomaly.model_validate(shown)
        assert (notice.state, notice.baseline_source) == ("opened", "acme/*")
    # Cached input at the input rate: 20,000 tokens at 1,000 USD per million, beside what was charged before.
    before = usd(event(0, session="s", at_ms=0, tokens=20_000))
    assert {Decimal(one["cost_usd"]) for one in objects("sessions")} == {before + 20}


def test_a_catalogue_in_force_outlives_its_workers_and_old_charges_are_explained_by_the_old_one(
    reached: Settings, start_worker: StartWorker, tmp_path: Path
) -> None:
    worker = start_worker("first")
    worker.wait_ready()
    sent: list[dict[str, Any]] = []

    def spend() -> None:
        """An event on each partition, or nearly."""
        lines = [event(len(sent) + place, session=f"s-{place}", at_ms=now_ms()) for place in range(16)]
        sent.extend(lines)
        publish([json.dumps(line).encode() for line in lines], tmp_path / "spend.jsonl")
        until(lambda: counted() == len(sent), "the events")

    spend()
    (bundled,) = objects("rates", "catalogue")
    listed = [{"id": "openai", "models": [{"id": "gpt-4o", "match": {"equals": "gpt-4o"},
               "prices": {"input_mtok": 40, "output_mtok": 0}}]}]  # fmt: skip
    (tmp_path / "data.json").write_text(json.dumps(listed))
    run("rates", "import", str(tmp_path / "data.json"), "--as-catalogue", "--far", "--yes")
    (now,) = objects("rates", "catalogue")
    assert now["version"] != bundled["version"]
    in_force = f'version="{now["version"]}"'
    until(lambda: any(in_force in name for name in worker.metrics()), "the worker to follow")
    spend()
    worker.kill()
    other = start_worker("second")  # with the bundled catalogue installed, as the first
    other.wait_ready()
    spend()
    cost = usd(sent[0]) + 2 * Decimal("0.04")
    assert {Decimal(one["cost_usd"]) for one in objects("sessions")} == {cost}
    offsets = {one.key(): (one.partition(), one.offset()) for one in read(reached, topics_for(reached).usage)}
    known = [Progress.decode(one.value() or b"").catalogues for one in read(reached, topics_for(reached).progress)]
    assert {each.version for one in known for each in one} == {bundled["version"], now["version"]}
    partition, offset = next(iter(offsets.values()))  # the newest event of a session
    (newest,) = objects("explain", str(partition), str(offset))
    (oldest,) = objects("explain", str(partition), "0")
    assert (newest["catalogue_version"], Decimal(newest["cost_usd"])) == (now["version"], Decimal("0.04"))
    assert (oldest["catalogue_version"], Decimal(oldest["cost_usd"])) == (bundled["version"], usd(sent[0]))
    run("verify")  # exit code 0: to the last digit, by both catalogues


@pytest.mark.parametrize(
    ("neighbour_s", "own_s"),
    [
        pytest.param(200, 0, id="a-fast-clock-beside-it"),
        pytest.param(0, -200, id="late-beside-a-punctual-one"),
    ],
)
def test_a_session_is_judged_by_its_own_time(
    reached: Settings, start_worker: StartWorker, tmp_path: Path, neighbour_s: int, own_s: int
) -> None:
    """Its neighbour's clock has a say in nothing, though it is on the same partition and its event came first."""
    worker = start_worker("first")
    worker.wait_ready()
    sessions = [f"s-{number}" for number in range(16)]  # enough for every partition to have some
    at_ms = now_ms()
    neighbours = [event(number, session=f"n-{number}", at_ms=at_ms + neighbour_s * 1000) for number in range(16)]
    burning = [
        event(number, session=name, at_ms=at_ms + own_s * 1000, tokens=10_000)
        for name in sessions
        for number in range(30)
    ]
    publish([json.dumps(one).encode() for one in [*neighbours, *burning]], tmp_path / "events.jsonl")
    until(lambda: counted() == len(neighbours) + len(burning), "all events")
    until(lambda: len(objects("anomalies")) >= len(sessions), "the anomalies")
    notices = [Anomaly.model_validate(shown) for shown in objects("anomalies")]
    assert {notice.session_id for notice in notices} == set(sessions)
    if own_s:
        assert min(notice.detected_after_s for notice in notices) >= -own_s


def test_a_ledger_that_cannot_be_read_stops_its_partition_alone(
    reached: Settings, start_worker: Callable[[str], WorkerSlot], tmp_path: Path
) -> None:
    topics = topics_for(reached)
    producer = Producer(client_config(reached))
    producer.produce(topics.sessions.name, b'{"version":99,"session_id":"s-from-the-future"}', "s-from-the-future", 0)
    assert producer.flush(20) == 0
    base_ms = now_ms() - 600_000
    publish(
        [json.dumps(event(number, session=f"s-{number}", at_ms=base_ms + number)).encode() for number in range(40)],
        tmp_path / "events.jsonl",
    )
    elsewhere = sum(message.partition() != 0 for message in read(reached, topics.usage))
    assert 0 < elsewhere < 40
    worker = start_worker("first")

    def applied() -> float:
        return worker.metrics().get('burnline_events_total{outcome="accepted"}', 0)

    until(lambda: "partition 0: no session ledger" in worker.readiness()[1], "the refusal")
    until(lambda: applied() == elsewhere, "the events of the other partitions")
    ready, detail = worker.readiness()
    assert not ready
    assert "99" in detail
    assert worker.metrics()["burnline_partitions_refused"] == 1
    assert worker.terminate().exit_code == 0
