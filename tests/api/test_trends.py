"""Trends over HTTP: days of any zone, the caller's organisations only, and freshness with every number."""

from decimal import Decimal
from typing import Any

import pytest

from burnline.finance.bounds import UnpricedBounds
from burnline.pricing.money import usd_text
from tests.api.stage import NOW_MS, OF_ACME, VIEWER, Api, Projection
from tests.api.usage import use
from tests.finance.rows import QUARTER, T0, row
from tests.readmodel.counting import count

DAY_MS = 86_400_000
MIDNIGHT = T0 - 9 * 3_600_000
"""2025-10-09T00:00Z; the clock stands at 08:53 of that day."""


def usd(pico: int) -> str:
    return usd_text(pico)


def by_day(answer: dict[str, Any], number: int = 0) -> dict[str, str]:
    return {day["date"]: day["cost_usd"] for day in answer["series"][number]["days"]}


def between(api: Api, path: str, first: str, end: str, **params: Any) -> Any:
    return api.ask("GET", path, params={**params, "from": first, "to": end})


def test_nothing_yet(reader: Api) -> None:
    answer = reader.get("/trends")
    assert answer["series"] == []
    assert answer["rest"] is None
    assert answer["total"]["cost_usd"] == "0"
    assert answer["unpriced"] == {"tokens": 0, "low_usd": "0", "high_usd": "0"}


def test_thirty_days_until_today_without_a_gap(reader: Api, projected: Projection) -> None:
    use(projected, row(quarter_start_ms=MIDNIGHT, input=5), row(quarter_start_ms=MIDNIGHT - 29 * DAY_MS, input=7))
    use(projected, row(quarter_start_ms=MIDNIGHT - 29 * DAY_MS - QUARTER, input=99))
    answer = reader.get("/trends")
    days = by_day(answer)
    assert (len(days), next(iter(days)), list(days)[-1]) == (30, "2025-09-10", "2025-10-09")
    assert days["2025-10-09"] == "0.000000000005"
    assert days["2025-09-10"] == "0.000000000007"
    assert set(list(days.values())[1:-1]) == {"0"}
    assert answer["total"]["cost_usd"] == "0.000000000012"


@pytest.mark.parametrize(
    ("tz", "expected"),
    [
        ("UTC", {"2025-10-08": "0.1", "2025-10-09": "0.01"}),
        ("Asia/Kolkata", {"2025-10-08": "0", "2025-10-09": "0.11"}),
        ("Asia/Kathmandu", {"2025-10-08": "0", "2025-10-09": "0.11"}),
        ("America/Los_Angeles", {"2025-10-08": "0.11", "2025-10-09": "0"}),
    ],
)
def test_days_of_a_zone(reader: Api, projected: Projection, tz: str, expected: dict[str, str]) -> None:
    use(projected, row(quarter_start_ms=MIDNIGHT - 22 * QUARTER, input=10**11))  # 18:30 UTC: midnight in Kolkata
    use(projected, row(quarter_start_ms=MIDNIGHT, input=10**10))
    answer = reader.get("/trends", tz=tz, days=2, until="2025-10-09")
    assert by_day(answer) == expected
    assert answer["period"]["tz"] == tz


def test_a_day_that_ended_names_its_ends(reader: Api, projected: Projection) -> None:
    use(projected, row(quarter_start_ms=MIDNIGHT))
    (day,) = reader.get("/trends", days=1, tz="Asia/Kolkata", until="2025-10-09")["series"][0]["days"]
    assert (day["start"], day["end"]) == ("2025-10-08T18:30:00Z", "2025-10-09T18:30:00Z")


@pytest.mark.parametrize(
    ("dimension", "groups"),
    [
        ("org_id", ["acme", "globex"]),
        ("agent_id", ["agent-7"]),
        ("team_id", ["red", None]),
        ("project_code", ["p-1"]),
        ("provider", ["openai", ""]),
        ("model", ["gpt-4o", "o3"]),
        ("kind", ["llm", "embedding"]),
    ],
)
def test_a_series_per_value(reader: Api, projected: Projection, dimension: str, groups: list[str | None]) -> None:
    use(projected, row(quarter_start_ms=MIDNIGHT, input=2))
    other = row(org_id="globex", team_id=None, provider="", model="o3", kind="embedding", input=1)
    use(projected, other | {"quarter_start_ms": MIDNIGHT})
    answer = reader.get("/trends", group_by=dimension)
    assert [series["group"] for series in answer["series"]] == [{dimension: group} for group in groups]
    assert answer["groups"] == len(groups)


def test_series_beyond_the_limit_are_not_lost(reader: Api, projected: Projection) -> None:
    use(projected, *(row(quarter_start_ms=MIDNIGHT, agent_id=f"a{cost}", input=cost) for cost in (1, 2, 3)))
    answer = reader.get("/trends", group_by=["agent", "org"], limit=1)
    assert [series["group"] for series in answer["series"]] == [{"agent_id": "a3", "org_id": "acme"}]
    assert Decimal(answer["rest"]["cost_usd"]) == Decimal("0.000000000003")
    assert answer["groups"] == 3


def test_filters_are_any_within_and_all_across(reader: Api, projected: Projection) -> None:
    rows = [("a", "red", 1), ("b", "red", 10), ("c", None, 100)]
    use(projected, *(row(quarter_start_ms=MIDNIGHT, agent_id=a, team_id=t, input=c) for a, t, c in rows))
    cases: list[tuple[dict[str, Any], int]] = [
        ({"agent": ["a", "c"]}, 101),
        ({"agent": ["a", "c"], "team": "red"}, 1),
        ({"team": ""}, 100),
        ({"team": ["", "red"]}, 111),
        ({"org": "globex"}, 0),
    ]
    for filters, expected in cases:
        assert reader.get("/trends", **filters)["total"]["cost_usd"] == usd(expected), filters


def test_another_orgs_usage_is_in_no_number(reader: Api, projected: Projection) -> None:
    use(projected, row(quarter_start_ms=MIDNIGHT, input=1, unpriced_tokens=3))
    use(projected, row(quarter_start_ms=MIDNIGHT, org_id="globex", input=10**12, unpriced_tokens=5, events=9))
    answer = reader.by(OF_ACME).get("/trends", group_by="org")
    assert [series["group"]["org_id"] for series in answer["series"]] == ["acme"]
    assert (answer["total"]["cost_usd"], answer["total"]["events"], answer["groups"]) == ("0.000000000001", 1, 1)
    assert answer["unpriced"]["tokens"] == 3
    assert reader.get("/trends", org="globex")["series"] == []
    assert reader.by(VIEWER).get("/trends")["total"]["events"] == 10


def test_what_has_no_rate_is_between_two_bounds(reader: Api, projected: Projection) -> None:
    use(projected, row(quarter_start_ms=MIDNIGHT, model="new", unpriced_tokens=1000))
    bounds = UnpricedBounds.bundled().of("openai")
    expected = {"tokens": 1000, "low_usd": usd(1000 * bounds.low), "high_usd": usd(1000 * bounds.high)}
    answer = reader.get("/trends", group_by="model")
    assert answer["unpriced"] == expected
    assert answer["series"][0]["unpriced"] == expected
    assert answer["series"][0]["days"][-1]["unpriced"] == expected


class TestFreshness:
    """How old an answer is."""

    @pytest.mark.parametrize(
        ("waiting", "as_of"),
        [
            pytest.param(0, "2025-10-09T08:53:20Z", id="one-that-is-quiet-holds-nothing-back"),
            pytest.param(1, "2025-10-09T08:52:20Z", id="one-with-an-event-that-waits-does"),
        ],
    )
    def test_as_of_the_partition_that_is_furthest_behind(
        self, reader: Api, projected: Projection, waiting: int, as_of: str
    ) -> None:
        projected.progress(1, watermark_ms=NOW_MS - 60_000)
        projected.progress(2, watermark_ms=0, next_offset=0)
        projected.redis.hset(projected.keys.ends, "1", str(5 + waiting))
        answer = reader.get("/trends")
        assert answer["as_of"] == as_of
        assert answer["lag"] == {"events": waiting, "seconds": 0.0}

    def test_behind_by_so_many_events(self, reader: Api, projected: Projection) -> None:
        projected.redis.hset(projected.keys.ends, "0", "12")
        projected.redis.hset(projected.keys.ends, "3", "4")
        count(projected.redis, projected.keys, projected.keys.ends)
        assert reader.get("/trends")["lag"]["events"] == 11

    def test_a_projector_that_stands_still_shows(self, reader: Api, projected: Projection) -> None:
        projected.redis.set(projected.keys.seen_at_ms, str(NOW_MS - 90_000))
        assert reader.get("/trends")["lag"]["seconds"] == 90.0

    def test_without_events_there_is_no_time(self, reader: Api, projected: Projection) -> None:
        projected.redis.delete(projected.keys.progress, projected.keys.ends)
        count(projected.redis, projected.keys, projected.keys.progress, projected.keys.ends)
        assert reader.get("/trends")["as_of"] is None


@pytest.mark.parametrize(
    ("params", "where"),
    [
        ({"days": 0}, "query.days"),
        ({"days": 401}, "query.days"),
        ({"days": "many"}, "query.days"),
        ({"tz": "Mars/Olympus"}, "query.tz"),
        ({"tz": "../../etc/passwd"}, "query.tz"),
        ({"until": "yesterday"}, "query.until"),
        ({"until": "9999-12-31"}, "query.until"),
        ({"until": "0001-01-01"}, "query.until"),
        ({"until": "2025-10-10"}, "query.until"),
        ({"from": "2025-10-01", "days": 3}, "query.days"),
        ({"from": "2025-10-01", "until": "2025-10-02"}, "query.until"),
        ({"from": "2025-10-02", "to": "2025-10-01"}, "query.from"),
        ({"from": "2025-10-02", "to": "2025-10-02"}, "query.from"),
        ({"from": "2025-10-10"}, "query.from"),
        ({"from": "2025-10-01", "to": "2025-10-11"}, "query.to"),
        ({"to": "2025-10-01"}, "query.to"),
        ({"from": "2024-09-04"}, "query.from"),
        ({"from": "2025-10-01T00:07:00Z"}, "query.from"),
        ({"grain": "minute"}, "query.grain"),
        ({"grain": "hour", "days": 33}, "query.grain"),
        ({"group_by": "session"}, "query.group_by.0"),
        ({"limit": 0}, "query.limit"),
        ({"limit": 101}, "query.limit"),
        ({"agent_id": "x" * 257}, "query.agent_id.0"),
    ],
    ids=lambda each: str(each)[:40],
)
def test_what_cannot_be_asked(reader: Api, params: dict[str, Any], where: str) -> None:
    problem = reader.get("/trends", 422, **params)
    assert [mistake["where"] for mistake in problem["errors"]] == [where]
    assert (problem["type"], problem["status"]) == ("urn:burnline:problem:invalid-request", 422)


def test_between_two_moments(reader: Api, projected: Projection) -> None:
    use(
        projected,
        *(row(quarter_start_ms=MIDNIGHT + number * QUARTER, input=10 ** (number + 3)) for number in range(-3, 6)),
    )
    answer = between(reader, "/trends", "2025-10-08T23:30:00Z", "2025-10-09T01:00:00Z")
    assert by_day(answer) == {"2025-10-08": usd(10 + 100), "2025-10-09": usd(1_111_000)}
    period = answer["period"]
    assert (period["start"], period["end"]) == ("2025-10-08T23:30:00Z", "2025-10-09T01:00:00Z")
    assert (period["first"], period["last"], answer["grain"]) == ("2025-10-08", "2025-10-09", "day")


@pytest.mark.parametrize("path", ["/trends", "/allocations", "/allocations/by-model", "/cache-impact", "/roi-stats"])
def test_every_route_of_sums_takes_two_moments(reader: Api, projected: Projection, path: str) -> None:
    use(projected, row(quarter_start_ms=MIDNIGHT - QUARTER, input=1, events=2))
    period = between(reader, path, "2025-10-08", "2025-10-09")["period"]
    assert (period["start"], period["end"]) == ("2025-10-08T00:00:00Z", "2025-10-09T00:00:00Z")


class TestHours:
    """By the hour of the zone's clocks."""

    def test_of_a_zone(self, reader: Api, projected: Projection) -> None:
        use(projected, *(row(quarter_start_ms=MIDNIGHT + number * QUARTER, input=10**number) for number in range(5)))
        ends = ("2025-10-09T00:00:00Z", "2025-10-09T01:30:00Z")
        (series,) = between(reader, "/trends", *ends, grain="hour", tz="Asia/Kathmandu")["series"]
        assert [(hour["start"][11:16], hour["end"][11:16], hour["cost_usd"]) for hour in series["hours"]] == [
            ("00:00", "00:15", usd(1)),
            ("00:15", "01:15", usd(11_110)),
            ("01:15", "01:30", usd(0)),
        ]
        assert series["days"] == []

    def test_over_31_days(self, reader: Api, projected: Projection) -> None:
        use(projected, row(quarter_start_ms=MIDNIGHT, input=1))
        answer = reader.get("/trends", grain="hour", days=31)
        assert len(answer["series"][0]["hours"]) == 31 * 24
        assert answer["total"]["events"] == 1


@pytest.mark.parametrize("days", [1, 90])
def test_the_longest_and_the_shortest_period(reader: Api, projected: Projection, days: int) -> None:
    use(projected, row(quarter_start_ms=MIDNIGHT, input=1))
    assert len(by_day(reader.get("/trends", days=days))) == days


def test_a_day_that_was_left_out_is_empty(reader: Api) -> None:
    answer = reader.get("/trends", days=1, tz="Pacific/Apia", until="2011-12-30")
    assert answer["series"] == []
    assert answer["period"]["start"] == answer["period"]["end"]


def test_all_that_is_kept_by_default_can_be_asked_for(reader: Api, projected: Projection) -> None:
    oldest, before = NOW_MS - 399 * 86_400_000, NOW_MS - 400 * 86_400_000
    use(projected, *(row(quarter_start_ms=at_ms // 900_000 * 900_000, input=1) for at_ms in (NOW_MS, oldest, before)))
    answer = reader.get("/trends", days=400)
    assert (len(answer["series"][0]["days"]), answer["total"]["events"]) == (400, 2)
