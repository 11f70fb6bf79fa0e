"""Faust table stores that restore by librdkafka, before Faust's own recovery, which then finds nothing left to do.

Faust recovers about 4,000 records a second, reads records of aborted transactions, and waits for ever on a changelog
that ends in a transaction marker. Both stores therefore read their topic in `on_rebalance` and answer
`persisted_offset` with the end that they reached.
"""

import asyncio
from collections.abc import Callable, Iterable
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

from confluent_kafka import TopicPartition
from faust.stores import memory
from faust.types import TP

from burnline.kafka import Config
from burnline.topics.clients import reader
from burnline.topics.compacted import read_newest

if TYPE_CHECKING:
    from burnline.stream.shards import Shards
    from burnline.topics.catalogue import TopicSpec

TIMEOUT_S = 60.0


class _EndStore(memory.Store):  # type: ignore[misc]  # Faust is untyped to us
    """A store whose records up to `persisted_offset` are taken care of."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self._ends: dict[TP, int] = {}

    def persisted_offset(self, tp: TP) -> int | None:
        """The last offset that needs no recovery."""
        return self._ends.get(tp)

    async def on_recovery_completed(self, active_tps: set[TP], standby_tps: set[TP]) -> None:
        """Nothing to clean up: what is held is decided on rebalance."""

    async def _reach_ends(self, config: Config, tps: Iterable[TP]) -> None:
        self._ends = await asyncio.get_running_loop().run_in_executor(None, _last_offsets, config, list(tps))


def _last_offsets(config: Config, tps: list[TP]) -> dict[TP, int]:
    # -1 for an empty partition, as Faust has it.
    consumer = reader(config)
    try:
        return {
            tp: consumer.get_watermark_offsets(TopicPartition(tp.topic, tp.partition), TIMEOUT_S)[1] - 1 for tp in tps
        }
    finally:
        consumer.close()


class SessionStore(_EndStore):
    """The `sessions` table: its ledgers are held by the shards, which write them too."""

    async def on_rebalance(
        self, assigned: set[TP], revoked: set[TP], newly_assigned: set[TP], generation_id: int = 0
    ) -> None:
        """Own the assigned partitions of the source topic: fence, restore, forget the others.

        Standby changelogs are in `assigned` too; ownership is that of the source partitions alone.
        """
        del revoked, newly_assigned, generation_id
        shards: Shards = self.options["shards"]
        owned = {tp.partition for tp in assigned if tp.topic == shards.topics.usage.name}
        await shards.own(owned)
        changelog = shards.topics.sessions
        there = (partition for partition in owned if partition < changelog.partitions)  # the source may have grown
        await self._reach_ends(shards.config, (TP(changelog.name, partition) for partition in there))

    def apply_changelog_batch(self, batch: Iterable[Any], to_key: Any, to_value: Any) -> None:
        """The changelog is our own writing; there is nothing to learn from it."""


class Follower(Protocol):
    """Keeps reference data that stands on a compacted topic."""

    def replace(self, records: dict[bytes, bytes]) -> None:
        """Start from the newest record of each key."""

    def change(self, key: bytes | None, value: bytes | None) -> None:
        """Follow one new record; a null value deletes its key."""


class ReferenceStore(_EndStore):
    """A GlobalTable of reference data: read whole on rebalance, followed record by record from then on."""

    async def on_rebalance(
        self, assigned: set[TP], revoked: set[TP], newly_assigned: set[TP], generation_id: int = 0
    ) -> None:
        """Read the topic to its end."""
        del assigned, revoked, newly_assigned, generation_id
        topic: TopicSpec = self.options["topic"]
        config: Config = self.options["config"]
        follower: Follower = self.options["follower"]
        await self._reach_ends(config, [TP(topic.name, 0)])
        read = partial(read_newest, config, topic, timeout_s=TIMEOUT_S)
        follower.replace(await asyncio.get_running_loop().run_in_executor(None, read))

    def apply_changelog_batch(
        self, batch: Iterable[Any], to_key: Callable[[Any], Any], to_value: Callable[[Any], Any]
    ) -> None:
        """Follow what was written since."""
        del to_key, to_value
        follower: Follower = self.options["follower"]
        for event in batch:
            follower.change(event.message.key, event.message.value)
