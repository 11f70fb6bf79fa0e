"""What the scripts do to a real Redis: whole batches in their place, tombstones, the feed, the lease and the switch."""

import asyncio
import json
import time
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
import redis.asyncio

from burnline.readmodel.batch import Record, Role, Stretch, plan
from burnline.readmodel.keys import CHANGES_KEPT, CLOSED_TTL_MS, Control
from burnline.readmodel.rows import decode_session, decode_unreadable
from burnline.readmodel.store import _BOUNDS, AUDIT_START, Store
from tests.readmodel import examples
from tests.readmodel.examples import DAY, T0, record

CONTROL = Control("p:")
PLACE = "finops.sessions/0"
Redis = Any
"""The client: its annotations leave open whether answers are text."""


class Bench:
    """A store on a real Redis, and a generation in it that stands at offset 0."""

    def __init__(self, client: Redis, generation: str) -> None:
        self.redis = client
        self.store = Store(client, CONTROL.prefix, "me")
        self.generation = generation
        self.keys = CONTROL.keys(generation)
        self._at = 0

    async def take(self, *records: Record) -> None:
        """Apply records as one batch."""
        assert await self.store.apply(self.generation, self.batch(self._at, *records))
        self._at += 1

    async def lost(self) -> str:
        """What a whole audit finds to be lost."""
        place = await self.store.audit(self.generation, AUDIT_START)
        while place != AUDIT_START:
            place = await self.store.audit(self.generation, place)
        return (await self.store.lead()).lost

    def batch(self, start: int, *records: Record) -> Any:
        return plan(records, [Stretch("finops.sessions", 0, start, start + 1)], self.keys, rollup_ttl_ms=10**15)


Body = Callable[[Bench], Coroutine[Any, Any, None]]
Run = Callable[[Body], None]


@pytest.fixture
def run(redis_url: str) -> Run:
    """Runs a test's body on a generation that readers use."""

    async def on_bench(body: Body) -> None:
        async with redis.asyncio.from_url(redis_url) as client:
            store = Store(client, CONTROL.prefix, "me")
            await store.lead()
            generation = await store.begin({PLACE: 0})
            assert generation is not None
            assert await store.switch(generation)
            await body(Bench(client, generation))

    return lambda body: asyncio.run(on_bench(body))


def ledger(session_id: str, partition: int = 0, **changes: Any) -> Record:
    return record(Role.SESSIONS, session_id, examples.ledger(session_id, partition, **changes), partition=partition)


def gone(session_id: str, partition: int = 0) -> Record:
    return record(Role.SESSIONS, session_id, None, partition=partition)


def notice(anomaly_id: str, revision: int = 1, state: str = "opened", at_ms: int = examples.WRITTEN_MS) -> Record:
    return record(Role.ANOMALIES, "s-1", examples.notice(anomaly_id, revision, state), at_ms=at_ms)


class TestPlaceOfABatch:
    """A batch applies where the last one ended, and nowhere else."""

    @pytest.mark.parametrize("start", [0, 2], ids=["behind", "ahead"])
    def test_elsewhere_nothing_happens(self, run: Run, start: int) -> None:
        async def body(bench: Bench) -> None:
            await bench.take(ledger("s-1"))
            assert not await bench.store.apply(bench.generation, bench.batch(start, ledger("s-2")))
            assert await bench.redis.exists(bench.keys.session("s-2")) == 0
            assert await bench.store.offsets(bench.generation) == {PLACE: 1}

        run(body)

    def test_all_its_partitions_must_stand_there(self, run: Run) -> None:
        async def body(bench: Bench) -> None:
            batch = bench.batch(0, ledger("s-1"))
            batch.stretches.append(Stretch("finops.sessions", 9, 0, 1))
            assert not await bench.store.apply(bench.generation, batch)
            assert await bench.store.offsets(bench.generation) == {PLACE: 0}

        run(body)

    def test_a_generation_that_is_gone_stays_gone(self, run: Run) -> None:
        async def body(bench: Bench) -> None:
            await bench.redis.flushall()
            assert not await bench.store.apply(bench.generation, bench.batch(0, ledger("s-1")))
            assert await bench.redis.dbsize() == 0

        run(body)

    def test_of_two_at_once_one_wins(self, run: Run) -> None:
        async def body(bench: Bench) -> None:
            tries = [bench.store.apply(bench.generation, bench.batch(0, ledger(f"s-{n}"))) for n in range(8)]
            assert sum(await asyncio.gather(*tries)) == 1
            assert await bench.redis.zcard(bench.keys.sessions) == 1

        run(body)


class TestTombstones:
    """What is deleted from the topic is gone, and nothing else."""

    def test_the_last_partition_takes_the_session_with_it(self, run: Run) -> None:
        async def body(bench: Bench) -> None:
            await bench.take(ledger("s-1"), ledger("s-2"))
            await bench.take(gone("s-1"))
            assert await bench.redis.exists(bench.keys.session("s-1")) == 0
            assert await bench.redis.zrange(bench.keys.sessions, 0, -1) == [b"s-2"]
            assert await bench.redis.zrange(bench.keys.sessions_of("acme"), 0, -1) == [b"s-2"]
            assert await bench.redis.zrange(bench.keys.changes, 0, -1, withscores=True) == [(b"s-2", 1), (b"s-1", 2)]

        run(body)

    def test_the_rest_is_ranked_by_what_is_left(self, run: Run) -> None:
        async def body(bench: Bench) -> None:
            late = ledger("s-1", 1, last_event_at=900, org_id="late")
            await bench.take(ledger("s-1", 0, last_event_at=100), late)
            assert await bench.redis.zscore(bench.keys.sessions, "s-1") == 900
            await bench.take(gone("s-1", 1))
            assert await bench.redis.zscore(bench.keys.sessions, "s-1") == 100
            assert await bench.redis.zscore(bench.keys.sessions_of("acme"), "s-1") == 100
            assert await bench.redis.exists(bench.keys.sessions_of("late")) == 0

        run(body)

    def test_one_that_was_never_there(self, run: Run) -> None:
        async def body(bench: Bench) -> None:
            await bench.take(gone("s-9"))
            assert await bench.redis.zcard(bench.keys.sessions) == 0

        run(body)

    def test_the_last_row_of_a_day(self, run: Run) -> None:
        async def body(bench: Bench) -> None:
            key, value = examples.rollup()
            await bench.take(record(Role.USAGE_ROLLUPS, key, value))
            await bench.take(record(Role.USAGE_ROLLUPS, key, None))
            assert await bench.redis.hgetall(bench.keys.rollups(DAY)) == {}
            assert await bench.redis.hget(bench.keys.rollup_revisions, DAY) == b"2"
            assert await bench.lost() == ""  # a day without rows is not one whose rows are gone

        run(body)

    def test_a_day_goes_when_its_time_is_over(self, run: Run) -> None:
        async def body(bench: Bench) -> None:
            other = examples.rollup(quarter_start_ms=T0 + 86_400_000)
            await bench.take(record(Role.USAGE_ROLLUPS, *examples.rollup()), record(Role.USAGE_ROLLUPS, *other))
            await bench.redis.zadd(bench.keys.expires, {f"rollups:{DAY}": 1})
            await bench.store.tidy(bench.generation)
            assert await bench.redis.exists(bench.keys.rollups(DAY)) == 0
            assert await bench.redis.hkeys(bench.keys.rollup_revisions) == [b"2025-10-10"]
            assert await bench.redis.zrange(bench.keys.rollup_days, 0, -1) == [b"2025-10-10"]
            assert await bench.redis.zrange(bench.keys.expires, 0, -1) == [b"rollups:2025-10-10"]
            assert await bench.lost() == ""

        run(body)


def keyed(session_id: str, org_id: str = "acme") -> bytes:
    return json.dumps([org_id, session_id], separators=(",", ":")).encode()


def owned(session_id: str, partition: int = 0, **changes: Any) -> Record:
    """A ledger under the key that names its organisation."""
    value = examples.ledger(session_id, partition, **changes)
    org_id = str(changes.get("org_id", "acme"))
    return record(Role.SESSIONS, keyed(session_id, org_id), value, partition=partition)


def retired(session_id: str, partition: int = 0, org_id: str = "acme") -> Record:
    return record(Role.SESSIONS, keyed(session_id, org_id), None, partition=partition)


class TestClosedSessions:
    """What a session had spent stays for a while after its ledger has gone."""

    def test_a_retired_one_keeps_its_sums(self, run: Run) -> None:
        async def body(bench: Bench) -> None:
            await bench.take(owned("s-1"))
            await bench.take(retired("s-1"))
            kept = await bench.redis.hgetall(bench.keys.closed_session("s-1"))
            row = decode_session(kept[b"0/acme@7"])
            assert (row.cost_usd, row.events, list(row.by_model), row.slices) == ("0.41", 1, ["gpt-4o"], [])
            assert await bench.redis.zrange(bench.keys.closed_sessions, 0, -1, withscores=True) == [(b"s-1", T0 + 1)]
            assert await bench.lost() == ""

        run(body)

    @pytest.mark.parametrize(
        ("begins_at", "kept"),
        [
            pytest.param(T0 + 2, [b"0/acme@7"], id="behind its end: what it had is not in the new ledger"),
            pytest.param(T0 + 1, [], id="at its end: the log is counted anew"),
            pytest.param(T0, [], id="with it: the log is counted anew"),
        ],
    )
    def test_one_that_begins_anew(self, run: Run, begins_at: int, kept: list[bytes]) -> None:
        async def body(bench: Bench) -> None:
            await bench.take(owned("s-1"), owned("s-1", 1))
            await bench.take(retired("s-1"), retired("s-1", 1))
            await bench.take(owned("s-1", first_event_at=begins_at, last_event_at=begins_at + 9, last_offset=12))
            found = await bench.redis.hkeys(bench.keys.closed_session("s-1"))
            assert sorted(found) == sorted([*kept, b"1/acme@7"])  # the other partition counts on its own
            await bench.take(retired("s-1"))
            assert b"0/acme@12" in await bench.redis.hkeys(bench.keys.closed_session("s-1"))
            assert await bench.lost() == ""

        run(body)

    def test_the_last_part_takes_its_place_along(self, run: Run) -> None:
        async def body(bench: Bench) -> None:
            await bench.take(owned("s-1"))
            await bench.take(retired("s-1"))
            await bench.take(owned("s-1"))
            assert await bench.redis.zcard(bench.keys.closed_sessions) == 0
            assert await bench.lost() == ""

        run(body)

    def test_one_that_moves_under_its_present_name_is_not_closed(self, run: Run) -> None:
        async def body(bench: Bench) -> None:
            await bench.take(ledger("s-1"))
            await bench.take(owned("s-1"), gone("s-1"))
            assert await bench.redis.exists(bench.keys.closed_session("s-1"), bench.keys.closed_sessions) == 0

        run(body)

    def test_the_oldest_go_where_there_are_too_many(self, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(_BOUNDS, "CLOSED_KEPT", 2)

        async def body(bench: Bench) -> None:
            bench.store = Store(bench.redis, CONTROL.prefix, "me")
            for n in (2, 1, 3):
                await bench.take(owned(f"s-{n}", last_event_at=T0 + n))
                await bench.take(retired(f"s-{n}"))
            assert await bench.redis.zrange(bench.keys.closed_sessions, 0, -1) == [b"s-2", b"s-3"]
            assert await bench.redis.exists(bench.keys.closed_session("s-1")) == 0
            assert await bench.lost() == ""

        run(body)

    def test_and_so_do_those_of_last_month(self, run: Run) -> None:
        async def body(bench: Bench) -> None:
            now_ms = time.time_ns() // 1_000_000
            for session_id, ago_ms in (("old", CLOSED_TTL_MS + 60_000), ("young", CLOSED_TTL_MS - 60_000)):
                await bench.take(owned(session_id, first_event_at=T0, last_event_at=now_ms - ago_ms))
                await bench.take(retired(session_id))
            await bench.store.tidy(bench.generation)
            assert await bench.redis.zrange(bench.keys.closed_sessions, 0, -1) == [b"young"]
            assert await bench.redis.exists(bench.keys.closed_session("old")) == 0
            assert await bench.lost() == ""

        run(body)

    def test_a_rebuild_takes_over_what_the_topic_has_forgotten(self, run: Run) -> None:
        async def body(bench: Bench) -> None:
            await bench.take(owned("s-1"), owned("s-2"))
            await bench.take(retired("s-1"), retired("s-2"))
            await bench.store.ask_for_rebuild()
            generation = await bench.store.begin({PLACE: 0})
            assert generation is not None
            rebuilt = Bench(bench.redis, generation)
            await rebuilt.take(owned("s-2"))
            await rebuilt.take(retired("s-2"))  # compaction has left this one
            assert await bench.store.switch(generation)
            assert await bench.redis.zrange(rebuilt.keys.closed_sessions, 0, -1) == [b"s-1", b"s-2"]
            assert await bench.redis.hkeys(rebuilt.keys.closed_session("s-1")) == [b"0/acme@7"]
            assert await rebuilt.lost() == ""

        run(body)

    def test_one_whose_row_is_gone_is_a_loss(self, run: Run) -> None:
        async def body(bench: Bench) -> None:
            await bench.take(owned("s-1"))
            await bench.take(retired("s-1"))
            await bench.redis.delete(bench.keys.closed_session("s-1"))
            assert await bench.lost() == f"{bench.generation}:closed:s-1"

        run(body)


class TestAnomalies:
    """The newest revision says how it stands."""

    @pytest.mark.parametrize("revisions", [[1, 2, 3], [3, 2, 1], [2, 3, 1, 3]], ids=str)
    def test_in_whatever_order_they_come(self, run: Run, revisions: list[int]) -> None:
        async def body(bench: Bench) -> None:
            states = {1: "opened", 2: "escalated", 3: "resolved"}
            for revision in revisions:
                await bench.take(notice("a-1", revision, states[revision]))
            assert await bench.redis.hlen(bench.keys.anomaly("a-1")) == 3
            assert await bench.redis.zscore(bench.keys.anomalies, "a-1") == T0 + 3
            assert await bench.redis.zcard(bench.keys.open_anomalies) == 0

        run(body)

    def test_open_ones_are_listed_by_their_opening(self, run: Run) -> None:
        async def body(bench: Bench) -> None:
            await bench.take(notice("a-1"), notice("a-2", 2, "escalated"))
            found = await bench.redis.zrange(bench.keys.open_anomalies, 0, -1, withscores=True)
            assert found == [(b"a-1", T0), (b"a-2", T0)]

        run(body)

    def test_they_expire_after_their_last_notice_and_leave_no_name(self, run: Run) -> None:
        async def body(bench: Bench) -> None:
            await bench.take(notice("old", at_ms=1), notice("new"))
            await bench.store.tidy(bench.generation)
            assert await bench.redis.exists(bench.keys.anomaly("old")) == 0
            assert await bench.redis.hkeys(bench.keys.anomaly("new")) == [b"1"]
            assert await bench.redis.zrange(bench.keys.anomalies, 0, -1) == [b"new"]
            assert await bench.redis.zrange(bench.keys.open_anomalies, 0, -1) == [b"new"]
            assert await bench.lost() == ""

        run(body)


class TestFeed:
    """Entries by the time that their records were appended."""

    def test_ids_never_go_backwards(self, run: Run) -> None:
        async def body(bench: Bench) -> None:
            await bench.take(notice("a-1", at_ms=500), notice("a-2", at_ms=400), notice("a-3", at_ms=600))
            found = await bench.redis.xrange(bench.keys.feed)
            assert [entry_id for entry_id, _ in found] == [b"500-0", b"500-1", b"600-0"]
            assert [fields[b"data"] for _, fields in found] == [examples.notice(f"a-{n}") for n in (1, 2, 3)]

        run(body)

    def test_a_generation_that_is_filled_sorts_them_at_the_switch(self, run: Run) -> None:
        async def body(bench: Bench) -> None:
            generation = await bench.store.begin({PLACE: 0})
            assert generation is not None
            keys = CONTROL.keys(generation)
            records = [notice("a-1", at_ms=500), notice("a-2", at_ms=400)]
            batch = plan(records, [Stretch("finops.sessions", 0, 0, 1)], keys, rollup_ttl_ms=1)
            assert await bench.store.apply(generation, batch)
            assert await bench.redis.exists(keys.feed) == 0
            assert await bench.store.switch(generation)
            assert [entry_id for entry_id, _ in await bench.redis.xrange(keys.feed)] == [b"400-0", b"500-0"]
            assert await bench.redis.exists(keys.feed_backlog) == 0

        run(body)


class TestSwitch:
    """Readers move to a generation that is whole, never back in time, and the former one's keys go."""

    def test_not_before_it_is_as_far_as_the_one_in_use(self, run: Run) -> None:
        async def body(bench: Bench) -> None:
            await bench.take(ledger("s-1"))
            generation = await bench.store.begin({PLACE: 0})
            assert generation is not None
            assert not await bench.store.switch(generation)
            batch = plan(
                [ledger("s-1")], [Stretch("finops.sessions", 0, 0, 1)], CONTROL.keys(generation), rollup_ttl_ms=1
            )
            assert await bench.store.apply(generation, batch)
            assert await bench.store.switch(generation)
            assert await bench.redis.get(CONTROL.generation) == generation.encode()

        run(body)

    def test_ids_grow(self, run: Run) -> None:
        async def body(bench: Bench) -> None:
            ids = [int(bench.generation)]
            for _ in range(3):
                generation = await bench.store.begin({PLACE: 0})
                assert generation is not None
                assert await bench.store.switch(generation)
                ids.append(int(generation))
            assert sorted(set(ids)) == ids

        run(body)

    def test_only_its_own_keys_are_deleted(self, run: Run) -> None:
        async def body(bench: Bench) -> None:
            others = [f"p:{bench.generation}", f"p:{bench.generation}9:offsets", "q:x", f"q:p:{bench.generation}:x"]
            for name in (*others, CONTROL.tokens):
                await bench.redis.set(name, "mine")
            await bench.take(ledger("s-1"))
            await bench.redis.sadd(CONTROL.retired, bench.generation)
            assert await bench.store.sweep() > 0
            assert [name for name in await bench.redis.keys("*") if name.startswith(bench.keys.prefix.encode())] == []
            assert await bench.redis.exists(*others, CONTROL.tokens) == 5
            assert await bench.redis.exists(CONTROL.retired) == 0

        run(body)

    def test_a_generation_without_offsets_is_read_no_more(self, run: Run) -> None:
        async def body(bench: Bench) -> None:
            await bench.redis.delete(bench.keys.offsets)
            assert (await bench.store.lead()).in_use is None
            assert await bench.redis.exists(CONTROL.generation) == 0

        run(body)


class TestLease:
    """One is at work; without it nothing is begun, switched or dropped."""

    def test_another_stands_by_until_it_is_given_back(self, run: Run) -> None:
        async def body(bench: Bench) -> None:
            other = Store(bench.redis, CONTROL.prefix, "other")
            assert not (await other.lead()).leading
            assert await other.begin({PLACE: 0}) is None
            await other.drop(bench.generation)
            await other.release()
            assert (await bench.store.lead()) == (True, bench.generation, None, False, "")
            await bench.store.release()
            assert (await other.lead()).leading
            assert not (await bench.store.lead()).leading

        run(body)

    def test_a_rebuild_is_asked_for_once(self, run: Run) -> None:
        async def body(bench: Bench) -> None:
            await bench.store.ask_for_rebuild()
            assert (await bench.store.lead()).rebuild
            generation = await bench.store.begin({PLACE: 0})
            assert (await bench.store.lead()) == (True, bench.generation, generation, False, "")
            assert await bench.store.begin({PLACE: 0}) == generation

        run(body)


class TestChanges:
    """What changed since a number."""

    def test_the_oldest_are_dropped(self, run: Run) -> None:
        async def body(bench: Bench) -> None:
            await bench.take(ledger("s-1"))
            await bench.redis.set(bench.keys.change_seq, CHANGES_KEPT)
            await bench.take(ledger("s-2"))
            found = await bench.redis.zrange(bench.keys.changes, 0, -1, withscores=True)
            assert found == [(b"s-2", CHANGES_KEPT + 1)]

        run(body)


def test_unreadable_records_are_counted_on(run: Run) -> None:
    async def body(bench: Bench) -> None:
        for offset in (3, 8):
            await bench.take(record(Role.PROGRESS, "0", b'{"\xc3\xa9":', offset=offset))
        found = await bench.redis.hget(bench.keys.unreadable, "finops.progress/0")
        assert found is not None
        shown = decode_unreadable(found)
        assert (shown.count, shown.offset) == (2, 8)

    run(body)
