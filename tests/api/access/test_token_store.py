"""Tokens in a real Redis: written by the command line, read by the API."""

import asyncio
import logging

import pytest
import redis
import redis.asyncio

from burnline.api.access.roles import Role
from burnline.api.access.token_store import MAX_AGE_S, TokenFile, TokenReader, TokensUnknown
from burnline.api.access.tokens import TokenRecord, mint
from burnline.embedded.ports import free_ports

KEY = "burnline:tokens"
NOW = 1_760_000_000_000


def record(name: str = "ci", at: int = NOW) -> TokenRecord:
    return mint(name, Role.VIEWER, None, now_ms=at, expires_at=None)[1]


@pytest.fixture
def client(redis_url: str) -> redis.Redis:
    return redis.Redis.from_url(redis_url)


@pytest.fixture
def file(client: redis.Redis) -> TokenFile:
    return TokenFile(client, KEY)


class Seconds:
    """A clock in seconds."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_tokens_come_oldest_first(file: TokenFile) -> None:
    second, first = record("b", NOW + 1), record("a", NOW)
    file.add(second)
    file.add(first)
    assert file.all() == [first, second]


def test_an_id_is_not_given_twice(file: TokenFile) -> None:
    one = record()
    file.add(one)
    with pytest.raises(ValueError, match="already"):
        file.add(one.model_copy(update={"name": "other"}))
    assert file.all() == [one]


def test_revocation_is_for_good(file: TokenFile) -> None:
    one = record()
    file.add(one)
    revoked = one.model_copy(update={"revoked_at": NOW + 5})
    assert file.revoke(one.id, NOW + 5) == revoked
    assert file.revoke(one.id, NOW + 9) == revoked
    assert file.all() == [revoked]
    assert file.revoke("0" * 12, NOW) is None


def test_what_cannot_be_read_lets_nobody_in(
    file: TokenFile, client: redis.Redis, caplog: pytest.LogCaptureFixture
) -> None:
    good, moved = record(), record()
    file.add(good)
    client.hset(KEY, "f" * 12, "no JSON")
    client.hset(KEY, "e" * 12, moved.model_dump_json())
    with caplog.at_level(logging.ERROR):
        assert file.all() == [good]
    assert [line.getMessage().split(" ")[1] for line in caplog.records] == ["'ffffffffffff'", "'eeeeeeeeeeee'"]
    assert moved.sha256 not in caplog.text


def test_the_reader_asks_at_most_twice_a_second(redis_url: str, file: TokenFile) -> None:
    async def story() -> None:
        clock = Seconds()
        async with redis.asyncio.Redis.from_url(redis_url) as client:
            reader = TokenReader(client, KEY, clock=clock)
            assert not (await reader.current()).any
            one = record()
            file.add(one)
            clock.now += MAX_AGE_S - 0.001
            assert not (await reader.current()).any
            clock.now += 0.001
            assert (await reader.current()).records == {one.id: one}
            file.revoke(one.id, NOW)
            clock.now += MAX_AGE_S
            assert (await reader.current()).records[one.id].revoked_at == NOW

    asyncio.run(story())


def test_many_requests_read_once(redis_url: str) -> None:
    async def story() -> None:
        async with redis.asyncio.Redis.from_url(redis_url) as client:
            before = (await client.info("commandstats")).get("cmdstat_hgetall", {"calls": 0})["calls"]
            reader = TokenReader(client, KEY)
            await asyncio.gather(*(reader.current() for _ in range(50)))
            after = (await client.info("commandstats"))["cmdstat_hgetall"]["calls"]
            assert after - before == 1

    asyncio.run(story())


def test_a_redis_that_lost_its_tokens_does_not_open_the_door(redis_url: str, file: TokenFile) -> None:
    async def story() -> None:
        clock = Seconds()
        async with redis.asyncio.Redis.from_url(redis_url) as client:
            reader = TokenReader(client, KEY, clock=clock)
            file.add(record())
            assert (await reader.current()).any
            await client.flushall()
            clock.now += MAX_AGE_S
            found = await reader.current()
            assert not found.records
            assert found.any

    asyncio.run(story())


def test_a_redis_that_is_away_says_nothing() -> None:
    async def story() -> None:
        async with redis.asyncio.Redis.from_url(f"redis://127.0.0.1:{free_ports(1)[0]}/0") as client:
            reader = TokenReader(client, KEY)
            found = await asyncio.gather(*(reader.current() for _ in range(3)), return_exceptions=True)
            assert [type(one) for one in found] == [TokensUnknown] * 3

    asyncio.run(story())


def test_who_hangs_up_takes_no_answer_from_others(redis_url: str, file: TokenFile) -> None:
    async def story() -> None:
        file.add(record())
        async with redis.asyncio.Redis.from_url(redis_url) as client:
            reader = TokenReader(client, KEY)
            first, second = asyncio.create_task(reader.current()), asyncio.create_task(reader.current())
            await asyncio.sleep(0)
            first.cancel()
            assert (await second).any

    asyncio.run(story())
