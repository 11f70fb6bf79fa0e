"""What a projector does to Redis. Everything that must not be half done is a script, so nothing here is a sequence."""

import hashlib
import importlib.resources
import time
from collections.abc import AsyncIterator, Mapping
from typing import Any, NamedTuple, cast

from redis.asyncio import Redis
from redis.exceptions import NoScriptError

from burnline.readmodel.batch import Argument, Batch
from burnline.readmodel.keys import CHANGES_KEPT, CLOSED_KEPT, CLOSED_TTL_MS, FEED_LENGTH, Control

LEASE_MS = 5_000
"""A projector silent for so long has given up its work; another one takes it over."""
_AT_ONCE = 1_000
"""Keys or entries looked at in one step, between which others are served."""


_BOUNDS = {
    "CHANGES_KEPT": CHANGES_KEPT,
    "CLOSED_KEPT": CLOSED_KEPT,
    "CLOSED_TTL_MS": CLOSED_TTL_MS,
    "FEED_LENGTH": FEED_LENGTH,
}
"""What the scripts write for it."""


class Task(NamedTuple):
    """What there is to do for the projector with the lease.

    Attributes:
        leading: False when another one has the lease; then only `in_use` is known.
        in_use: The generation that readers use, None without one.
        building: The generation that is being filled, None without one.
        rebuild: Somebody asked for a rebuild.
        lost: What generations were found to have lost, which are used no more: `<generation>:<key>`; "" for nothing.
    """

    leading: bool
    in_use: str | None
    building: str | None
    rebuild: bool
    lost: str = ""


class AuditPlace(NamedTuple):
    """How far an audit is: cursors of Redis into the counts, the sessions, the anomalies and the retired sessions."""

    counts: int
    sessions: int
    anomalies: int
    closed: int


AUDIT_START = AuditPlace(0, 0, 0, 0)


class Store:
    """The projection in Redis, for one projector. Every method raises `redis.RedisError` when Redis is away."""

    def __init__(self, redis: Redis, prefix: str, owner: str) -> None:
        """Take a client, the prefix of all keys, and a name that no other projector has."""
        self._redis = redis
        self._prefix = prefix
        self._owner = owner
        self._control = Control(prefix)
        self._scripts = {
            name: _Script(name)
            for name in ("apply", "audit", "begin", "drop", "lead", "release", "seen", "switch", "tidy")
        }

    async def lead(self) -> Task:
        """Take the lease or keep it, and learn what there is to do."""
        leading, in_use, building, rebuild, lost = await self._run("lead", self._owner, LEASE_MS)
        return Task(
            bool(leading), in_use.decode() or None, building.decode() or None, bool(rebuild), lost.decode().strip()
        )

    async def forget_idle_connections(self) -> None:
        """Call it when Redis was found to be away: one that is met later would say so again, when Redis is back."""
        await self._redis.connection_pool.disconnect(inuse_connections=False)

    async def release(self) -> None:
        """Give the lease back, so that another projector need not wait for its end."""
        await self._run("release", self._owner)

    async def begin(self, first_offsets: Mapping[str, int]) -> str | None:
        """Begin to fill a generation, or go on with the one that is being filled.

        Args:
            first_offsets: Field of `Keys.offsets` -> where its partition begins.

        Returns:
            Its id; None when another projector has the lease.
        """
        flat = [item for pair in first_offsets.items() for item in pair]
        generation: bytes = await self._run("begin", self._owner, _now_ms(), *flat)
        return generation.decode() or None

    async def offsets(self, generation: str) -> dict[str, int]:
        """Where a generation stands; empty when it is not there."""
        found = cast("dict[bytes, bytes]", await self._redis.hgetall(self._control.keys(generation).offsets))
        return {field.decode(): int(offset) for field, offset in found.items()}

    async def apply(self, generation: str, batch: Batch) -> bool:
        """Apply a batch; False when the generation does not stand where it begins, and nothing was done."""
        return bool(await self._run("apply", generation, *batch.arguments()))

    async def switch(self, generation: str) -> bool:
        """Give readers this generation; False while it is behind the one that they use."""
        return bool(await self._run("switch", self._owner, generation))

    async def drop(self, generation: str) -> None:
        """Take a generation out of use."""
        await self._run("drop", self._owner, generation)

    async def seen(self, generation: str, ends: Mapping[int, int]) -> None:
        """Note that a projector is at work now, and where the partitions of usage end."""
        flat = [item for pair in ends.items() for item in pair]
        await self._run("seen", generation, _now_ms(), *flat)

    async def seen_ms_ago(self, generation: str) -> int | None:
        """How long ago a projector was last at work on a generation."""
        found = await self._redis.get(self._control.keys(generation).seen_at_ms)
        return None if found is None else _now_ms() - int(found)

    async def tidy(self, generation: str) -> None:
        """Delete what has expired, and take it out of the sets that name it."""
        await self._run("tidy", generation, _AT_ONCE)

    async def audit(self, generation: str, place: AuditPlace) -> AuditPlace:
        """Hold some of a generation's keys against their counts; `lead` tells what is found to be lost.

        Args:
            generation: Which one.
            place: Where to go on; `AUDIT_START` at first.

        Returns:
            Where to go on the next time, round and round.
        """
        return AuditPlace(*map(int, await self._run("audit", generation, _AT_ONCE, *place)))

    async def ask_for_rebuild(self) -> None:
        """Have whichever projector is at work fill another generation."""
        await self._redis.set(self._control.rebuild, "1")

    async def retire_unknown(self) -> None:
        """Have generations swept that nothing names any more, because the key that did was lost."""
        named = await self._redis.mget(self._control.generation, self._control.building)
        known = {generation.decode() for generation in named if isinstance(generation, bytes)}
        found: set[str] = set()
        # `offsets` and `counts`: every generation has them, and only `_scan`'s own pattern is one.
        async for some in self._scan(f"{self._prefix}[0-9]*:[oc]*"):
            found.update(name.decode().removeprefix(self._prefix).partition(":")[0] for name in some)
        if unknown := sorted(one for one in found - known if one.isdigit()):
            await self._redis.sadd(self._control.retired, *unknown)

    async def sweep(self) -> int:
        """Delete the keys of retired generations, and no others.

        Returns:
            How many keys were deleted.
        """
        deleted = 0
        for member in cast("set[bytes]", await self._redis.smembers(self._control.retired)):
            keys = self._control.keys(member.decode())
            # Its offsets first: without them, no batch applies that another projector may still hold for it.
            await self._redis.unlink(keys.offsets)
            # No character of a prefix has a meaning in a pattern (BURNLINE_REDIS_PREFIX allows none that has).
            async for some in self._scan(f"{keys.prefix}*"):
                deleted += await self._redis.unlink(*some)
            await self._redis.srem(self._control.retired, member)
        return deleted

    async def _scan(self, pattern: str) -> AsyncIterator[list[bytes]]:
        cursor = 0
        while True:
            cursor, some = await self._redis.scan(cursor, match=pattern, count=_AT_ONCE)
            if some:
                yield cast("list[bytes]", some)
            if cursor == 0:
                return

    async def policy(self) -> tuple[int, str]:
        """How much memory Redis may take (0: no limit), and what it does when it has none left."""
        memory = await self._redis.info("memory")
        return int(memory.get("maxmemory", 0)), str(memory.get("maxmemory_policy", "noeviction"))

    async def set_unfit(self, why: str | None) -> None:
        """Let readers answer 503 with this sentence; None takes it back."""
        await (self._redis.delete(self._control.unfit) if why is None else self._redis.set(self._control.unfit, why))

    async def _run(self, name: str, *arguments: Argument) -> Any:
        script = self._scripts[name]
        try:
            return await self._redis.evalsha(script.sha1, 0, self._prefix, *arguments)
        except NoScriptError:  # Redis has started anew
            return await self._redis.eval(script.text, 0, self._prefix, *arguments)


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


class _Script:
    def __init__(self, name: str) -> None:
        text = _lua(name)
        if "counting(" in text:
            text = _lua("counting") + text
        if "forget_closed(" in text:
            text = _lua("closing") + text
        for name, value in _BOUNDS.items():
            text = text.replace(name, str(value))
        self.text = text
        self.sha1 = hashlib.sha1(self.text.encode(), usedforsecurity=False).hexdigest()


def _lua(name: str) -> str:
    return importlib.resources.files("burnline.readmodel").joinpath("lua", f"{name}.lua").read_text("utf-8")
