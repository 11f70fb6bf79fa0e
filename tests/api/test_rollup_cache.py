"""Rows are read once and again when they change, and never from memory when Redis has nothing to say."""

from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from typing import Any

import pytest
import redis as sync_redis
from genai_prices.types import ClauseEquals, ModelInfo, ModelPrice, Provider

from burnline.api.view import rollups
from burnline.finance.bounds import UnpricedBounds
from burnline.pricing.catalogue import Catalogue
from burnline.pricing.money import usd_text
from burnline.pricing.shelf import records_of
from burnline.readmodel.keys import Control, utc_day
from burnline.settings import Settings
from tests.api.stage import Api, Projection, serving
from tests.api.usage import use
from tests.finance.rows import T0, key, row, value
from tests.readmodel.counting import count
from tests.redis_servers import RedisServer

MIDNIGHT = T0 - 9 * 3_600_000
DAY_MS = 86_400_000
QUARTER_USED = row(quarter_start_ms=MIDNIGHT, input=1)


@pytest.fixture
def readings(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many rows were read, one number per day and reading."""
    found: list[int] = []
    inner = rollups._read

    def counting(values: list[bytes], bounds: UnpricedBounds) -> Any:
        found.append(len(values))
        return inner(values, bounds)

    monkeypatch.setattr(rollups, "_read", counting)
    return found


def cost(api: Api, **params: Any) -> str:
    return str(api.get("/trends", **params)["total"]["cost_usd"])


def test_a_day_is_read_once(reader: Api, projected: Projection, readings: list[int]) -> None:
    use(projected, QUARTER_USED, row(quarter_start_ms=MIDNIGHT - DAY_MS, input=1))
    for _ in range(3):
        assert cost(reader) == "0.000000000002"
    assert readings == [1, 1]


def test_and_again_when_it_changed(reader: Api, projected: Projection, readings: list[int]) -> None:
    use(projected, QUARTER_USED, row(quarter_start_ms=MIDNIGHT - DAY_MS, input=1))
    cost(reader)
    use(projected, row(quarter_start_ms=MIDNIGHT, input=5))
    assert cost(reader) == "0.000000000006"
    assert readings == [1, 1, 1]


def test_and_again_when_another_catalogue_bounds_what_has_no_rate(
    reader: Api, projected: Projection, readings: list[int]
) -> None:
    use(projected, row(quarter_start_ms=MIDNIGHT, model="house", provider="acme", unpriced_tokens=1_000_000))

    def bounds() -> tuple[str, str]:
        unpriced = reader.get("/trends")["unpriced"]
        return unpriced["low_usd"], unpriced["high_usd"]

    bundled = bounds()
    model = ModelInfo(
        id="only", match=ClauseEquals("only"), prices=ModelPrice(input_mtok=Decimal(3), output_mtok=Decimal(7))
    )
    only = Catalogue([Provider(id="openai", name="OpenAI", api_pattern="", models=[model])])
    projected.catalogues(records_of(only, since_ms=T0, as_of_ms=T0))
    assert (bounds(), bounds()) == (("3", "7"), ("3", "7"))
    projected.catalogues({})
    assert bounds() == bundled != ("3", "7")
    assert readings == [1, 1, 1]


def test_many_days_come_in_parts(reader: Api, projected: Projection, readings: list[int]) -> None:
    use(projected, *(row(quarter_start_ms=MIDNIGHT - number * DAY_MS, input=1) for number in range(90)))
    assert cost(reader, days=90) == "0.00000000009"
    assert len(readings) == 90


def test_days_beyond_those_held_are_forgotten(
    reader: Api, projected: Projection, readings: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rollups, "DAYS_HELD", 2)
    use(projected, *(row(quarter_start_ms=MIDNIGHT - number * DAY_MS, input=1) for number in range(3)))
    for last in ("2025-10-07", "2025-10-08", "2025-10-09", "2025-10-07"):
        assert cost(reader, days=1, until=last) == "0.000000000001"
    assert len(readings) == 4


def test_another_generation_is_another_picture(reader: Api, projected: Projection) -> None:
    use(projected, QUARTER_USED)
    assert cost(reader) == "0.000000000001"
    control = Control("burnline:")
    keys = control.keys("2")
    day = utc_day(MIDNIGHT)
    projected.redis.hset(keys.rollups(day), key(QUARTER_USED), projected.redis.hvals(projected.keys.rollups(day))[0])
    projected.redis.hset(keys.rollups(day), key(QUARTER_USED | {"since_offset": 7}), _value(input=4, since_offset=7))
    projected.redis.hset(keys.rollup_revisions, day, 1)  # the very number it had before
    projected.redis.set(keys.seen_at_ms, 1)
    count(projected.redis, keys, keys.rollups(day), keys.rollup_revisions)
    projected.redis.set(control.generation, "2")
    assert cost(reader) == "0.000000000005"


def test_no_generation_no_answer(reader: Api, projected: Projection) -> None:
    use(projected, QUARTER_USED)
    assert cost(reader) == "0.000000000001"
    projected.wipe()
    problem = reader.get("/trends", 503)
    assert problem["type"] == "urn:burnline:problem:projection-missing"
    assert reader.raw("GET", "/trends").headers["retry-after"] == "2"


def test_what_is_damaged_is_not_added_up(reader: Api, projected: Projection) -> None:
    use(projected, QUARTER_USED)
    projected.redis.hset(projected.keys.rollups(utc_day(MIDNIGHT)), "x", b"{}")
    count(projected.redis, projected.keys, projected.keys.rollups(utc_day(MIDNIGHT)))
    assert reader.get("/trends", 503)["type"] == "urn:burnline:problem:projection-damaged"


def test_redis_away_and_back(reading: Settings, redis_of_all_tests: RedisServer, redis_url: str) -> None:
    projection = Projection(reading)
    projection.progress()
    use(projection, QUARTER_USED)
    with serving(reading) as api:
        assert cost(api) == "0.000000000001"
        redis_of_all_tests.kill()
        try:
            assert api.get("/trends", 503)["type"] == "urn:burnline:problem:redis-away"
        finally:
            redis_of_all_tests.start()
        with sync_redis.Redis.from_url(redis_url) as client:
            assert client.dbsize() == 0
        assert api.get("/trends", 503)["type"] == "urn:burnline:problem:projection-missing"
        use(Projection(reading), row(quarter_start_ms=MIDNIGHT, input=3))
        assert cost(api) == "0.000000000003"


def _value(**changes: Any) -> bytes:
    return value(row(quarter_start_ms=MIDNIGHT, **changes))


def test_many_ask_at_once(reader: Api, projected: Projection, readings: list[int]) -> None:
    use(projected, *(row(quarter_start_ms=MIDNIGHT - number * DAY_MS, input=1) for number in range(20)))
    with ThreadPoolExecutor(8) as pool:
        asked = [pool.submit(cost, reader, days=days) for days in (20, 1, 20, 5, 1, 20, 10, 3)]
    expected = [usd_text(days) for days in (20, 1, 20, 5, 1, 20, 10, 3)]
    assert [each.result() for each in asked] == expected
    assert len(readings) == 20
