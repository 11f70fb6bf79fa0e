"""A Redis that has started anew fails nobody who only reads."""

import asyncio

import pytest
from redis.exceptions import ConnectionError as Disconnected

from burnline.readmodel.connection import connect
from burnline.settings import load_settings
from tests.redis_servers import RedisServer

READERS = 3


async def _ask_before_and_after(server: RedisServer, url: str, *, only_reads: bool) -> list[object]:
    """What readers hear on connections of before a restart, each on one of its own."""
    async with connect(load_settings(redis_url=url), only_reads=only_reads) as client:
        await asyncio.gather(*(client.get("x") for _ in range(READERS)))
        assert len(client.connection_pool._available_connections) == READERS
        await asyncio.to_thread(server.kill)
        await asyncio.to_thread(server.start)
        return await asyncio.gather(*(client.get("x") for _ in range(READERS)), return_exceptions=True)


def test_who_only_reads_is_asked_for_once_more(redis_of_all_tests: RedisServer, redis_url: str) -> None:
    heard = asyncio.run(_ask_before_and_after(redis_of_all_tests, redis_url, only_reads=True))
    assert heard == [None] * READERS


def test_who_may_write_is_told(redis_of_all_tests: RedisServer, redis_url: str) -> None:
    """Nobody else can say whether what was asked was done."""
    heard = asyncio.run(_ask_before_and_after(redis_of_all_tests, redis_url, only_reads=False))
    assert [type(each) for each in heard] == [Disconnected] * READERS


@pytest.mark.parametrize("only_reads", [True, False], ids=["only reads", "may write"])
def test_a_redis_that_is_away_is_said(redis_of_all_tests: RedisServer, redis_url: str, *, only_reads: bool) -> None:
    async def ask() -> None:
        async with connect(load_settings(redis_url=redis_url), only_reads=only_reads) as client:
            await client.get("x")

    redis_of_all_tests.kill()
    try:
        with pytest.raises(Disconnected):
            asyncio.run(ask())
    finally:
        redis_of_all_tests.start()
