"""The projector as a process, on a real broker and a real Valkey: Redis says what the topics say, whatever happens."""

import json
import signal
import threading
import time
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from random import Random

import pytest
import redis

from burnline.readmodel.batch import Role
from burnline.readmodel.keys import Control, Keys
from burnline.readmodel.projector import unfit
from burnline.settings import Settings
from burnline.topics.ensure import ensure_topics
from tests.brokers import MakeSettings
from tests.readmodel import examples
from tests.readmodel.examples import DAY
from tests.readmodel.load import Load
from tests.readmodel.picture import agrees
from tests.readmodel.processes import ProjectorProcess
from tests.redis_servers import RedisServer, redis_server

CONTROL = Control("t:")
STATIC = [f"static-{number}" for number in range(1_500)]


@pytest.fixture
def server() -> Iterator[RedisServer]:
    """A Redis that the test may kill."""
    one = redis_server()
    one.start()
    yield one
    one.kill()


@pytest.fixture
def own(make_settings: MakeSettings, server: RedisServer) -> Settings:
    settings = make_settings(redis_url=server.url, redis_prefix="t:", partitions=2)
    ensure_topics(settings)
    return settings


@pytest.fixture
def client(server: RedisServer) -> Iterator["redis.Redis"]:
    with redis.Redis.from_url(server.url, decode_responses=True) as one:
        yield one


@pytest.fixture
def projector(own: Settings, tmp_path: Path) -> Iterator[ProjectorProcess]:
    with ProjectorProcess(own, tmp_path) as one:
        yield one


def until(condition: Callable[[], object], within_s: float = 30.0) -> None:
    deadline = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline, "it did not come to pass"
        time.sleep(0.02)


class Reader:
    """Reads all the time, as the API does: the generation, and with it how many of the static sessions are there."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._stop = threading.Event()
        self.seen: set[int] = set()
        self.generations: list[str] = []
        self.missing = 0
        self._thread = threading.Thread(target=self._read)

    def __enter__(self) -> "Reader":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _read(self) -> None:
        with redis.Redis.from_url(self._url, decode_responses=True) as client:
            while not self._stop.is_set():
                try:
                    self._once(client)
                except redis.RedisError:
                    self.missing += 1
                time.sleep(0.002)

    def _once(self, client: "redis.Redis") -> None:
        before = client.get(CONTROL.generation)
        if before is None:
            self.missing += 1
            return
        keys = CONTROL.keys(str(before))
        with client.pipeline(transaction=True) as pipe:
            pipe.get(CONTROL.generation)
            pipe.zrange(keys.sessions, 0, -1)
            generation, names = pipe.execute()
        if generation == before:
            self.seen.add(sum(name.startswith("static-") for name in names))
            if generation not in self.generations[-1:]:
                self.generations.append(generation)


def test_killed_at_any_moment_under_load(own: Settings, client: "redis.Redis", projector: ProjectorProcess) -> None:
    chance, load = Random(6), Load(own, 6)  # noqa: S311
    for _ in range(7):
        projector.start()
        load.write(1_500)
        until(lambda: projector.ask("/healthz")[0])
        for _ in range(chance.randrange(4)):
            load.write(chance.randrange(1_500))
        time.sleep(chance.random() * 0.8)
        projector.kill()
        client.delete(CONTROL.lease)  # as if its time were over
    projector.start()
    assert agrees(client, own)


def test_two_at_once_that_both_believe_to_be_at_work(
    own: Settings, client: "redis.Redis", projector: ProjectorProcess, tmp_path: Path
) -> None:
    load = Load(own, 7)
    with ProjectorProcess(own, tmp_path, "other") as other:
        projector.start()
        other.start()
        until(lambda: client.get(CONTROL.generation))
        for _ in range(12):
            load.write(1_000)
            client.delete(CONTROL.lease)
            time.sleep(0.2)
        assert agrees(client, own)
        told = projector.log() + other.log()
        assert told.count("at work") > 2
        assert projector.exit_code is other.exit_code is None


def test_one_takes_over_at_once_from_another_that_is_stopped(
    own: Settings, client: "redis.Redis", projector: ProjectorProcess, tmp_path: Path
) -> None:
    with ProjectorProcess(own, tmp_path, "other") as other:
        projector.start()
        until(lambda: client.get(CONTROL.generation))
        other.start()
        until(lambda: other.ask("/readyz") == (200, json.dumps({"ok": True, "detail": STANDING_BY}) + "\n"))
        began_s = time.monotonic()
        assert projector.stop() == 0
        until(lambda: "keeping" in other.ask("/readyz")[1])
        assert time.monotonic() - began_s < 4  # a lease lasts 5
        Load(own, 8).write(500)
        assert agrees(client, own)


STANDING_BY = "standing by: another projector is at work"


def test_redis_killed_and_started_again_empty_under_load(
    own: Settings, server: RedisServer, client: "redis.Redis", projector: ProjectorProcess
) -> None:
    load = Load(own, 9)
    load.sessions(STATIC)
    with Reader(server.url) as reader:
        projector.start()
        until(lambda: client.get(CONTROL.generation))
        for number in (1, 2, 3):
            until(lambda: len(reader.generations) == number)  # noqa: B023  # it is over when the next one begins
            load.write(500)
            server.kill()
            load.write(500)
            until(lambda: projector.ask("/readyz")[0] == 503)
            server.start()
            until(lambda: client.get(CONTROL.generation))
        until(lambda: len(reader.generations) == 4)
        assert agrees(client, own)
    assert reader.seen == {len(STATIC)}, "a part was taken for the whole"
    assert len(reader.generations) == len(set(reader.generations)) == 4
    # A Redis that has just begun may keep a busy machine's projector waiting once more.
    assert projector.log().count("Redis cannot be used") == projector.log().count("Redis can be used again") >= 3
    assert projector.stop() == 0


@pytest.mark.parametrize("under_load", [False, True], ids=["quiet", "under load"])
def test_a_rebuild_while_reading(
    own: Settings, server: RedisServer, client: "redis.Redis", projector: ProjectorProcess, *, under_load: bool
) -> None:
    load = Load(own, 10)
    load.sessions(STATIC)
    client.set(CONTROL.tokens, "mine")
    client.set("t:elsewhere", "mine")
    projector.start()
    until(lambda: client.get(CONTROL.generation))
    first = str(client.get(CONTROL.generation))
    with Reader(server.url) as reader:
        projector.stop()
        projector.start("--rebuild")
        while client.get(CONTROL.generation) == first:  # the test's timeout is the limit
            load.write(200 * under_load)
            time.sleep(0.1)
        assert agrees(client, own)
        until(lambda: not client.exists(CONTROL.retired) and not client.keys(f"t:{first}:*"))
    assert reader.missing == 0
    assert reader.seen == {len(STATIC)}
    assert len(reader.generations) == 2
    assert client.mget(CONTROL.tokens, "t:elsewhere") == ["mine", "mine"]


def test_a_rebuild_that_is_killed_goes_on(own: Settings, client: "redis.Redis", projector: ProjectorProcess) -> None:
    load = Load(own, 11)
    load.write(4_000)
    projector.start()
    until(lambda: client.get(CONTROL.generation))
    first = str(client.get(CONTROL.generation))
    projector.stop()
    projector.start("--rebuild")
    until(lambda: client.get(CONTROL.building))
    projector.kill()
    client.delete(CONTROL.lease)
    load.write(500)
    projector.start()
    until(lambda: client.get(CONTROL.generation) != first)
    assert agrees(client, own)
    until(lambda: not client.keys(f"t:{first}:*"))


def test_records_that_cannot_be_read(own: Settings, client: "redis.Redis", projector: ProjectorProcess) -> None:
    load = Load(own, 12)
    load.put(Role.SESSIONS, "s-1", examples.ledger("s-1"))
    load.put(Role.SESSIONS, "s-1", b"{}")
    load.put(Role.BASELINES, "acme/agent-7", b"nonsense")
    load.put(Role.SESSIONS, "s-2", examples.ledger("s-2"))
    projector.start()
    until(lambda: client.get(CONTROL.generation))
    keys = CONTROL.keys(str(client.get(CONTROL.generation)))
    assert client.zrange(keys.sessions, 0, -1) == ["s-1", "s-2"]
    shown = {name: json.loads(value)["count"] for name, value in client.hgetall(keys.unreadable).items()}
    assert shown == {f"{own.topic_prefix}sessions/0": 1, f"{own.topic_prefix}baselines/0": 1}
    metrics = projector.ask("/metrics")[1]
    assert 'burnline_projector_unreadable_total{topic="sessions"} 1.0' in metrics
    assert "2 records could not be read" in projector.ask("/readyz")[1]
    assert projector.log().count("cannot be read and is passed over") == 2


def test_a_generation_that_nobody_kept_for_long_is_filled_anew(
    own: Settings, client: "redis.Redis", projector: ProjectorProcess
) -> None:
    Load(own, 13).write(200)
    projector.start()
    until(lambda: client.get(CONTROL.generation))
    assert projector.stop() == 0
    first = str(client.get(CONTROL.generation))
    keys = CONTROL.keys(first)
    client.set(keys.seen_at_ms, int(str(client.get(keys.seen_at_ms))) - 12 * 3_600_000)
    client.zadd(keys.sessions, {"deleted long ago": 1})
    projector.start()
    until(lambda: client.get(CONTROL.generation) != first)
    assert agrees(client, own)


LOSSES: dict[str, Callable[["redis.Redis", Keys], object]] = {
    "a day": lambda client, keys: client.delete(keys.rollups(DAY)),
    "a row of a day": lambda client, keys: client.hdel(keys.rollups(DAY), str(client.hkeys(keys.rollups(DAY))[0])),
    "the days' revisions": lambda client, keys: client.delete(keys.rollup_revisions),
    "a session": lambda client, keys: client.delete(keys.session(STATIC[0])),
    "the sessions' index": lambda client, keys: client.delete(keys.sessions),
    "an anomaly": lambda client, keys: client.delete(keys.anomaly(str(client.zrange(keys.anomalies, 0, 0)[0]))),
    "progress": lambda client, keys: client.delete(keys.progress),
    "the feed": lambda client, keys: client.delete(keys.feed),
    "the counts": lambda client, keys: client.delete(keys.counts),
    "what is given to readers": lambda client, _: client.delete(CONTROL.generation),
}


@pytest.mark.parametrize("loss", LOSSES)
def test_a_key_that_is_lost_is_noticed_and_all_filled_anew(
    own: Settings, client: "redis.Redis", projector: ProjectorProcess, loss: str
) -> None:
    load = Load(own, 15)
    load.sessions(STATIC[:50])
    load.write(400)
    projector.start()
    assert agrees(client, own)
    first = str(client.get(CONTROL.generation))
    LOSSES[loss](client, CONTROL.keys(first))
    until(lambda: client.get(CONTROL.generation) not in (None, first))
    assert agrees(client, own)
    until(lambda: not client.keys(f"t:{first}:*"))


def test_a_redis_that_drops_any_key_is_refused_until_it_does_not(
    own: Settings, client: "redis.Redis", projector: ProjectorProcess
) -> None:
    Load(own, 16).write(200)
    projector.start()
    assert agrees(client, own)
    client.config_set("maxmemory", "1gb")
    client.config_set("maxmemory-policy", "allkeys-lru")
    until(lambda: "allkeys-lru" in str(client.get(CONTROL.unfit)))
    until(lambda: projector.ask("/readyz")[0] == 503)
    assert "has to be noeviction" in projector.ask("/readyz")[1]
    assert projector.log().count("readers get 503") == 1
    client.config_set("maxmemory-policy", "volatile-lru")
    until(lambda: client.get(CONTROL.unfit) is None)
    assert agrees(client, own)


@pytest.mark.parametrize(
    ("limit", "policy", "fits"),
    [
        (0, "allkeys-lru", True),
        (1, "noeviction", True),
        (1, "volatile-lru", True),
        (1, "volatile-ttl", True),
        (1, "allkeys-lru", False),
        (1, "allkeys-lfu", False),
        (1, "allkeys-random", False),
    ],
)
def test_what_a_redis_may_do_when_its_memory_is_full(limit: int, policy: str, *, fits: bool) -> None:
    assert (unfit(limit, policy) is None) == fits


def test_full_and_told_to_drop_keys_by_their_time_it_drops_none_of_ours(
    own: Settings, client: "redis.Redis", projector: ProjectorProcess
) -> None:
    load = Load(own, 17)
    load.write(600)
    projector.start()
    assert agrees(client, own)
    client.config_set("maxmemory-policy", "volatile-lru")
    client.config_set("maxmemory", str(client.info("memory")["used_memory"]))
    for number in count():
        try:
            client.set(f"others:{number}", "x" * 1_000)
        except redis.exceptions.OutOfMemoryError:
            break
    load.write(600)  # or else it has nothing to write, and does not learn of it
    until(lambda: "Redis cannot be used" in projector.ask("/readyz")[1])
    client.config_set("maxmemory", "0")
    assert agrees(client, own)


@pytest.mark.needs("aborted-transactions")
def test_a_topic_that_was_made_anew(own: Settings, client: "redis.Redis", projector: ProjectorProcess) -> None:
    # The embedded broker says nothing to who asks for what lies behind the end.
    load = Load(own, 14)
    load.sessions(STATIC)
    projector.start()
    until(lambda: client.get(CONTROL.generation))
    keys = CONTROL.keys(str(client.get(CONTROL.generation)))
    projector.stop()
    field = f"{own.topic_prefix}sessions/0"
    client.hset(keys.offsets, field, int(str(client.hget(keys.offsets, field))) + 100)
    projector.start()
    until(lambda: "is given up" in projector.log())
    assert agrees(client, own)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=["SIGTERM", "SIGINT"])
def test_it_stops_in_order(own: Settings, client: "redis.Redis", projector: ProjectorProcess, number: int) -> None:
    projector.start()
    until(lambda: projector.ask("/readyz")[0] == 200)
    assert client.exists(CONTROL.lease) == 1
    assert projector.stop(number) == 0
    assert client.exists(CONTROL.lease) == 0


def test_without_redis_it_waits_says_so_once_and_stops_when_asked(
    own: Settings, server: RedisServer, projector: ProjectorProcess
) -> None:
    server.kill()
    projector.start()
    until(lambda: "Redis cannot be used" in projector.ask("/readyz")[1])
    assert projector.ask("/healthz")[0] == 200
    until(lambda: "burnline_projector_redis_away_seconds 0.0" not in projector.ask("/metrics")[1])
    time.sleep(2)
    assert projector.log().count("Redis cannot be used") == 1
    assert projector.stop() == 0


def test_topics_that_cannot_be_used_end_it_with_1(
    own: Settings, make_settings: MakeSettings, tmp_path: Path, server: RedisServer
) -> None:
    other = make_settings(redis_url=server.url, redis_prefix="t:", partitions=3)
    with ProjectorProcess(other, tmp_path) as projector:
        projector.start()
        assert projector.wait() == 1
        assert "has 2 partitions, wanted are 3" in projector.log()
