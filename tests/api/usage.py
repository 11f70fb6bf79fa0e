"""Usage in a projection, and the API over it: what the tests of the aggregate routes build on."""

from typing import Any

from burnline.readmodel.keys import utc_day
from tests.api.stage import Projection
from tests.finance.rows import key, value
from tests.readmodel.counting import count


def use(projection: Projection, *rows: dict[str, Any]) -> None:
    """Write rows as a projector would: a later one of a key replaces the earlier, and the day's revision moves."""
    for row in rows:
        day = utc_day(row["quarter_start_ms"])
        projection.redis.hset(projection.keys.rollups(day), key(row), value(row))
        projection.redis.hincrby(projection.keys.rollup_revisions, day, 1)
        count(projection.redis, projection.keys, projection.keys.rollups(day), projection.keys.rollup_revisions)
