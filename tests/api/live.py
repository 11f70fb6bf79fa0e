"""What the tests of the live routes build on: a projection written as a projector would, and an API over it.

The rows come out of a real partition's ledgers, so what the API says of them can be held against what the worker says.
"""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final
from unittest.mock import patch

import redis
from starlette.testclient import TestClient

from burnline.api.access.principal import Principal, Role, principal
from burnline.api.application import build_api
from burnline.budgets.budget import Budget
from burnline.detection.anomaly import Anomaly, notice_value
from burnline.detection.baseline import Baseline
from burnline.detection.notes import AnomalyNote
from burnline.events.usage import Usage
from burnline.ledger.changes import Changes
from burnline.ledger.identity import key_of, org_and_session
from burnline.ledger.lineage import Lineage
from burnline.ledger.partition import PartitionLedger
from burnline.ledger.progress import Progress
from burnline.readmodel.keys import FEED_LENGTH, Control, offset_field, session_field
from burnline.readmodel.rows import encode_progress, session_row
from burnline.settings import load_settings
from tests.ledger.examples import RETENTION, T0, TOPIC, feed, policy
from tests.readmodel.counting import count

if TYPE_CHECKING:
    from burnline.api.view.hub import Hub

API: Final = "/api/v1/finops"
WITHIN_S: Final = 30.0
LOCAL: Final = ("127.0.0.1", 50_000)
"""Where calls come from: without tokens nobody else is let in."""

FAST: Final = {"short_window_s": 20, "long_window_s": 40, "resolve_after_s": 20, "window_retention_s": 70}
"""The settings of `tests.ledger.examples.RULE`."""


class Clock:
    """The wall clock of the API."""

    def __init__(self, now_ms: int = T0) -> None:
        self.now_ms = now_ms

    def __call__(self) -> int:
        return self.now_ms


class Projection:
    """One generation in a Redis, written by key as `burnline.readmodel.keys` says."""

    def __init__(self, url: str, generation: str = "1") -> None:
        self.redis = redis.Redis.from_url(url)
        self.control = Control("burnline:")
        self.keys = self.control.keys(generation)
        self.generation = generation
        self._partitions: dict[int, PartitionLedger] = {}
        self._appended_ms = T0

    def switch(self) -> None:
        """Let readers use this generation, which is whole from its first moment."""
        with self.redis.pipeline() as pipe:
            pipe.set(self.control.generation, self.generation)
            pipe.setnx(self.keys.seen_at_ms, T0)
            count(pipe, self.keys)
            pipe.execute()

    def close(self) -> None:
        self.redis.close()

    def feed(self, *events: Usage, partition: int = 2, now_ms: int = T0) -> None:
        """Let a worker apply events, and project what it flushes."""
        ledger = self._partitions.get(partition)
        if ledger is None:
            ledger = self._partitions[partition] = PartitionLedger(TOPIC, partition, policy(), RETENTION)
        feed(ledger, *events, now_ms=now_ms)
        self.commit(ledger.take_changes(now_ms))

    def adopt(self, partition: int = 2) -> None:
        """Go on at the start of another usage topic."""
        ledger = self._partitions[partition]
        ledger.belong_to(Lineage(offset_base=ledger.lineage.offset_base + ledger.next_offset))
        ledger.next_offset = 0
        self.commit(ledger.take_changes(T0))

    def tick(self, now_ms: int, partition: int = 2) -> None:
        """Let a worker's clock go on, and project what it flushes."""
        ledger = self._partitions[partition]
        ledger.tick(now_ms)
        self.commit(ledger.take_changes(now_ms))

    def commit(self, changes: Changes) -> None:
        """Project a flush."""
        for key, value in changes.ledgers:
            if value is None:
                self.retire(org_and_session(key_of(key) or "")[1])
            else:
                self.put(session_row(value)[1])
        for notice in changes.notices:
            self.notice(notice)
        self.progress(changes.progress)

    def put(self, value: bytes) -> None:
        """Project a ledger."""
        row = json.loads(value)
        session_id = row["session_id"]
        with self.redis.pipeline() as pipe:
            pipe.hset(self.keys.session(session_id), session_field(row["source_partition"], row["org_id"]), value)
            pipe.zadd(self.keys.sessions, {session_id: row["last_event_at"]}, gt=True)
            self._change(pipe, session_id)
            pipe.execute()

    def retire(self, session_id: str) -> None:
        """Project the deletion of all ledgers of a session, which are kept without their slices."""
        ledgers: Any = self.redis.hgetall(self.keys.session(session_id))
        rows = {name.decode(): json.loads(value) for name, value in ledgers.items()}
        with self.redis.pipeline() as pipe:
            pipe.delete(self.keys.session(session_id))
            pipe.zrem(self.keys.sessions, session_id)
            for name, row in rows.items():
                kept = json.dumps(row | {"slices": []})
                pipe.hset(self.keys.closed_session(session_id), f"{name}@{row['last_offset']}", kept)
                pipe.zadd(self.keys.closed_sessions, {session_id: row["last_event_at"]}, gt=True)
            count(pipe, self.keys, self.keys.closed_sessions)
            self._change(pipe, session_id)
            pipe.execute()

    def _change(self, pipe: "redis.client.Pipeline", session_id: str) -> None:
        number = int(self.redis.get(self.keys.change_seq) or 0) + 1
        pipe.set(self.keys.change_seq, number)
        pipe.zadd(self.keys.changes, {session_id: number})
        count(pipe, self.keys, self.keys.sessions, self.keys.change_seq, self.keys.changes)

    def progress(self, progress: Progress, end: int | None = None) -> None:
        """Project how far a partition is; all of it, unless it ends elsewhere."""
        partition = str(progress.source_partition)
        with self.redis.pipeline() as pipe:
            pipe.hset(self.keys.progress, partition, encode_progress(progress))
            pipe.hset(self.keys.ends, partition, str(progress.next_offset if end is None else end))
            pipe.set(self.keys.seen_at_ms, progress.written_at_ms)
            count(pipe, self.keys, self.keys.progress, self.keys.ends)
            pipe.execute()

    def notice(self, notice: Anomaly, appended_ms: int | None = None) -> str:
        """Project a notice; its place in the feed."""
        self._appended_ms = appended_ms or self._appended_ms + 1
        with self.redis.pipeline() as pipe:
            pipe.hset(self.keys.anomaly(notice.anomaly_id), str(notice.revision), notice_value(notice))
            pipe.zadd(self.keys.anomalies, {notice.anomaly_id: notice.updated_at})
            pipe.xadd(
                self.keys.feed,
                {"type": "anomaly", "data": notice_value(notice)},
                id=f"{self._appended_ms}-0",
                maxlen=FEED_LENGTH,
            )
            count(pipe, self.keys, self.keys.anomalies, self.keys.feed)
            *_, place, _counted = pipe.execute()
        return str(place.decode())

    def budget(self, budget: Budget) -> None:
        self.redis.hset(self.keys.budgets, budget.key(), budget.model_dump_json(exclude_none=True))
        count(self.redis, self.keys, self.keys.budgets)

    def baseline(self, baseline: Baseline) -> None:
        """Project a baseline."""
        with self.redis.pipeline() as pipe:
            pipe.hset(self.keys.baselines, baseline.key(), baseline.model_dump_json())
            pipe.hincrby(self.keys.offsets, offset_field("finops.baselines", 0), 1)
            count(pipe, self.keys, self.keys.baselines, self.keys.offsets)
            pipe.execute()

    def note(self, note: AnomalyNote) -> None:
        """Project what somebody says of an anomaly."""
        with self.redis.pipeline() as pipe:
            pipe.hset(self.keys.anomaly_notes, note.key(), note.model_dump_json())
            pipe.hincrby(self.keys.offsets, offset_field("finops.anomaly-notes", 0), 1)
            count(pipe, self.keys, self.keys.anomaly_notes, self.keys.offsets)
            pipe.execute()


@contextmanager
def projection_in(url: str, generation: str = "1") -> Iterator[Projection]:
    """An empty generation that readers use."""
    projection = Projection(url, generation)
    projection.switch()
    yield projection
    projection.close()


class Caller:
    """Calls the live routes."""

    def __init__(self, client: TestClient) -> None:
        self.client = client

    def get(self, path: str, status: int = 200, **params: Any) -> dict[str, Any]:
        """The answer's JSON; the status has to be this one."""
        answer = self.client.get(API + path, params=params)
        assert answer.status_code == status, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def until(self, path: str, is_right: Callable[[dict[str, Any]], bool], **params: Any) -> dict[str, Any]:
        """Ask until the answer is right: the view follows the projection within a moment."""
        deadline = time.monotonic() + WITHIN_S
        while not is_right(found := self.get(path, **params)):
            assert time.monotonic() < deadline, f"still not right: {found}"
            time.sleep(0.01)
        return found

    def until_quiet(self) -> None:
        """Wait until what has changed so far was told: it is no news to who listens from now on."""
        hub: Hub = self.client.app.state.live.hub  # type: ignore[attr-defined]  # an ASGI app to its type
        ticks = hub.ticks + 2
        deadline = time.monotonic() + WITHIN_S
        while hub.ticks < ticks:
            assert time.monotonic() < deadline, "nothing ticks"
            time.sleep(0.01)

    def until_ready(self) -> None:
        """Ask until there is something to answer from."""
        deadline = time.monotonic() + WITHIN_S
        while (answer := self.client.get(API + "/anomalies/active")).status_code != 200:
            assert time.monotonic() < deadline, f"still {answer.status_code}: {answer.text}"
            time.sleep(0.01)

    def until_loaded(self) -> None:
        """Ask until the projection was read, or cannot be."""
        deadline = time.monotonic() + WITHIN_S
        while "view-loading" in (answer := self.client.get(API + "/anomalies/active")).text:
            assert time.monotonic() < deadline, f"still {answer.status_code}: {answer.text}"
            time.sleep(0.01)

    def until_problem(self, path: str, kind: str) -> None:
        """Ask until the answer is a 503 of a kind."""
        deadline = time.monotonic() + WITHIN_S
        while (answer := self.client.get(API + path)).json().get("type") != f"urn:burnline:problem:{kind}":
            assert time.monotonic() < deadline, f"still {answer.status_code}: {answer.text}"
            time.sleep(0.01)
        assert answer.status_code == 503
        assert answer.headers["retry-after"]

    def as_of_orgs(self, *orgs: str) -> None:
        """From now on, call with a token that is bound to these organisations."""
        bound = Principal("token:t", Role.VIEWER, frozenset(orgs))
        self.client.app.dependency_overrides[principal] = lambda: bound  # type: ignore[attr-defined]  # an ASGI app to its type


@contextmanager
def live_api(url: str, clock: Clock | None = None, *, ready: bool = True, **settings: Any) -> Iterator[Caller]:
    """An API that looks at its Redis twenty times as often as it usually does."""
    own = {"redis_url": url, **FAST, **settings}
    with (
        patch("burnline.api.view.live.REFRESH_S", 0.0125),
        patch("burnline.api.view.live.TICK_S", 0.05),
        TestClient(build_api(load_settings(**own), now_ms=clock or Clock()), client=LOCAL) as client,
    ):
        caller = Caller(client)
        if ready:
            caller.until_ready()
        yield caller
