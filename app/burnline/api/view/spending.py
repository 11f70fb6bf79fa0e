"""What sessions have spent, out of their ledgers in Redis: for whoever asks about all of them at once."""

from collections.abc import Iterable

from burnline.api.resources import Resources
from burnline.api.view.breath import Breath
from burnline.api.view.generation import ATTEMPTS, missing
from burnline.api.view.reading import GenerationReader, Switched
from burnline.finance.suggestions import SessionSpend
from burnline.pricing.money import pico_from_text
from burnline.readmodel.keys import Control
from burnline.readmodel.rows import SessionRow, decode_session


async def spent_by_sessions(
    resources: Resources, orgs: frozenset[str] | None, from_ms: int, until_ms: int
) -> list[SessionSpend]:
    """Every session with a ledger whose last event lies in `[from_ms, until_ms)`.

    Args:
        resources: The application's.
        orgs: Only sessions of these organisations; None is all of them.
        from_ms: Epoch milliseconds, event time.
        until_ms: The same.

    Raises:
        Problem: 503, there is no projection.
        UnreadableRow: What Redis holds is no ledger.
        redis.RedisError: Redis is away.
    """
    control = Control(resources.settings.redis_prefix)
    for _ in range(ATTEMPTS):
        generation = await resources.redis.get(control.generation)
        if not isinstance(generation, bytes):
            raise missing()
        try:
            found = await _read(GenerationReader(resources.redis, control, generation), orgs, from_ms)
        except Switched:
            continue
        return [one for one in found if one.last_event_at < until_ms and (orgs is None or one.org_id in orgs)]
    raise missing()


async def _read(reader: GenerationReader, orgs: frozenset[str] | None, from_ms: int) -> list[SessionSpend]:
    keys = reader.keys
    names: dict[str, None] = {}  # one may come twice, if it moves meanwhile
    for index in [keys.sessions] if orgs is None else [keys.sessions_of(org) for org in sorted(orgs)]:
        async for ids in reader.newest_ids(index, from_ms):
            names.update(dict.fromkeys(keys.session(session_id.decode()) for session_id in ids))
    breath = Breath()
    found: list[SessionSpend] = []
    async for values in reader.hashes(names):
        if values:
            by_org: dict[str, list[SessionRow]] = {}
            for row in map(decode_session, values.values()):
                by_org.setdefault(row.org_id, []).append(row)
            found += map(_added_up, by_org.values())
        await breath.take()
    return found


def _added_up(rows: Iterable[SessionRow]) -> SessionSpend:
    """One session, over the partitions that it stands on; its agent is that of its earliest event."""
    parts = sorted(rows, key=lambda row: (row.first_event_at, row.source_partition))
    return SessionSpend(
        parts[0].org_id,
        parts[0].agent_id,
        sum(pico_from_text(part.cost_usd) for part in parts),
        parts[0].first_event_at,
        max(part.last_event_at for part in parts),
        sum(part.unpriced_tokens for part in parts),
        anomaly_open=any(part.anomaly is not None for part in parts),
    )
