"""The asyncio variant: what waits is awaited, and the loop goes on meanwhile."""

import asyncio
import time

import pytest

from burnline.kafka import Config
from burnline.publisher import AsyncUsagePublisher, DeliveryError
from tests.publisher.test_usage import event

AWAY: Config = {"bootstrap.servers": "127.0.0.1:1"}


def test_a_full_buffer_leaves_the_loop_to_others() -> None:
    async def main() -> tuple[int, int]:
        rounds = 0

        async def others() -> None:
            nonlocal rounds
            while True:
                rounds += 1
                await asyncio.sleep(0.01)

        async with AsyncUsagePublisher(AWAY, "usage", max_in_flight=5, max_block_s=0.5, farewell_s=0) as publisher:
            task = asyncio.ensure_future(others())
            taken = [await publisher.publish(event(number)) for number in range(8)]
            task.cancel()
        return sum(taken), rounds

    taken, rounds = asyncio.run(main())
    assert taken == 5
    assert rounds > 3


def test_a_flush_leaves_the_loop_to_others_and_ends_with_its_time() -> None:
    async def main() -> int:
        async with AsyncUsagePublisher(AWAY, "usage", farewell_s=0) as publisher:
            await publisher.publish(event(1))
            flushing = asyncio.ensure_future(publisher.flush(0.5))
            started_s = time.monotonic()
            await asyncio.sleep(0)
            assert time.monotonic() - started_s < 0.5
            return await flushing

    assert asyncio.run(main()) == 1


def test_what_is_lost_is_counted_and_can_be_raised() -> None:
    async def main() -> AsyncUsagePublisher:
        async with AsyncUsagePublisher(AWAY, "usage", on_invalid="count", farewell_s=0) as publisher:
            assert not await publisher.publish(event(1, input_tokens=-1))
            assert await publisher.publish(event(2))
        return publisher

    publisher = asyncio.run(main())
    assert (publisher.counts.invalid, publisher.counts.failed) == (1, 1)
    with pytest.raises(DeliveryError) as failed:
        publisher.check()
    assert failed.value.event_ids == ("e1", "e2")


def test_an_error_on_its_way_out_is_kept() -> None:
    async def main() -> None:
        async with AsyncUsagePublisher(AWAY, "usage", farewell_s=0) as publisher:
            await publisher.publish(event(1))
            raise RuntimeError("of the caller")

    with pytest.raises(RuntimeError, match="of the caller") as raised:
        asyncio.run(main())
    assert raised.value.__notes__ == ["1 usage events did not arrive"]
