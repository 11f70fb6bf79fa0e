"""What the projection keeps of retired sessions, read for who has no picture of its own."""

from burnline.readmodel.checked import Ask, NotWhole, read_checked
from burnline.readmodel.connection import connect
from burnline.readmodel.keys import Control
from burnline.readmodel.rows import SessionRow, decode_session
from burnline.settings import Settings

AT_ONCE = 500
_NO_PICTURE = "Redis holds no whole projection; burnline projector makes one."


async def closed_sessions(settings: Settings) -> list[SessionRow]:
    """Every retired ledger that is kept, without slices, in no order.

    Raises:
        NotWhole: There is no whole projection, or another one came while this one was read.
        redis.RedisError: Redis is away.
        UnreadableRow: A row is damaged.
    """
    control = Control(settings.redis_prefix)
    async with connect(settings) as redis:
        generation = await redis.get(control.generation)
        if not isinstance(generation, bytes):  # None: there is none
            raise NotWhole(_NO_PICTURE)
        keys = control.keys(generation.decode())

        async def read(ask: Ask) -> list[dict[bytes, bytes]]:
            answers = await read_checked(redis, control, generation, ask)
            if answers is None:
                raise NotWhole("Another projection took this one's place while it was read; ask again.")
            return answers

        (ids,) = await read(lambda pipe, _: pipe.zrange(keys.closed_sessions, 0, -1))
        names = [keys.closed_session(session_id.decode()) for session_id in ids]
        rows: list[SessionRow] = []
        for start in range(0, len(names), AT_ONCE):
            some = names[start : start + AT_ONCE]
            found = await read(lambda pipe, _, some=some: [pipe.hgetall(name) for name in some])  # type: ignore[misc]  # an Ask
            rows += [decode_session(value) for parts in found for value in parts.values()]
        return rows
