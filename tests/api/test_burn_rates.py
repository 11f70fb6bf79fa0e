"""`/burn-rates/active`: a row per active session, sorted, filtered, paged; the same numbers as the worker's."""

from collections.abc import Callable
from decimal import Decimal
from operator import itemgetter
from typing import Any

import jsonschema
import pytest

from burnline.api.application import build_api
from burnline.api.routes.burn_rates import ActiveBurnRates
from burnline.api.view.orders import Column
from burnline.detection.baseline import Baseline
from burnline.ledger.progress import Progress
from burnline.settings import load_settings
from burnline.windows.slices import SLICE_MS
from tests.api.live import API, Caller, Clock, Projection, live_api, projection_in
from tests.ledger.examples import PARTITION, T0, TOPIC, at_slice, ledger, spend
from tests.readmodel.counting import count

ACTIVE = "/burn-rates/active"


def some(api: Caller, count: int, **params: Any) -> list[dict[str, Any]]:
    """The rows, once there are so many."""
    rows: list[dict[str, Any]] = api.until(ACTIVE, lambda found: len(found["rows"]) == count, **params)["rows"]
    return rows


def ids(rows: list[dict[str, Any]]) -> list[str]:
    return [row["session_id"] for row in rows]


def test_nothing_yet_is_an_empty_list(api: Caller) -> None:
    found = api.get(ACTIVE)
    assert found["rows"] == []
    assert found["active"] == 0
    assert found["next_cursor"] is None
    assert found["as_of"] is None
    assert found["windows_s"] == [20, 40]


def test_search_finds_parts_of_ids_in_any_case(api: Caller, projection: Projection) -> None:
    projection.feed(spend(0, 1), spend(0, 1, session_id="s-2", agent_id="Writer"))
    some(api, 2)
    for part, wanted in (("S-1", ["s-1"]), ("writ", ["s-2"]), ("s-", ["s-1", "s-2"]), ("zzz", [])):
        assert sorted(ids(api.get(ACTIVE, search=part)["rows"])) == wanted


class TestRow:
    """What a row says, and that the worker says the same."""

    def test_everything_in_it(self, api: Caller, projection: Projection) -> None:
        """0.025 USD in 20 s are 4.5 USD/h, in 40 s half of that; the default baseline is 1 USD/h × 5."""
        event = spend(0, 25, output_tokens=0, cached_input_tokens=0)
        projection.feed(event)
        (row,) = some(api, 1)
        assert row == {
            "session_id": "s-1",
            "org_id": "acme",
            "agent_id": "agent-7",
            "source_partitions": [PARTITION],
            "first_event_at": T0,
            "last_event_at": T0,
            "windows_end_at": T0 + SLICE_MS,
            "burn_usd_per_hour": {"20s": "4.5", "40s": "2.25"},
            "window_spend_usd": {"20s": "0.025", "40s": "0.025"},
            "spend_usd": "0.025",
            "baseline_usd_per_hour": "1",
            "baseline_source": "default",
            "multiplier": "5",
            "ratio": "4.500",
            "anomaly": None,
            "model_mix": {"kind": "single", "models": 1, "main_model": "gpt-4o", "main_share": "1.000"},
            "events": 1,
            "runs": 0,
            "tool_calls": 0,
            "input_tokens": 10_000,
            "output_tokens": 0,
            "cached_input_tokens": 0,
            "cache_write_tokens": 0,
            "reasoning_tokens": 0,
            "unpriced_tokens": 0,
        }

    def test_the_worker_says_the_same_of_an_anomaly(self, api: Caller, projection: Projection) -> None:
        events = [spend(0, 20), spend(1, 30), spend(2.5, 40)]
        worker = ledger()
        worker.apply(range(len(events)), events, now_ms=T0)
        (notice,) = worker.take_changes(T0).notices
        projection.feed(*events)
        (row,) = some(api, 1)
        told = notice.model_dump(mode="json")
        shared = ("burn_usd_per_hour", "baseline_usd_per_hour", "baseline_source", "multiplier", "ratio", "spend_usd")
        assert {name: row[name] for name in shared} == {name: told[name] for name in shared}
        assert row["anomaly"] == {
            name: told[name] for name in ("anomaly_id", "revision", "state", "severity", "opened_at", "updated_at")
        }

    def test_a_session_on_two_partitions_is_one_row(self, api: Caller, projection: Projection) -> None:
        """Added up; its windows end with the newer of the two watermarks."""
        projection.feed(spend(0, 10), partition=0)
        projection.feed(spend(1, 15), partition=3)
        (row,) = api.until(ACTIVE, lambda found: [row["events"] for row in found["rows"]] == [2])["rows"]
        assert row["source_partitions"] == [0, 3]
        assert row["spend_usd"] == "0.025"
        assert row["windows_end_at"] == at_slice(2)
        assert row["burn_usd_per_hour"] == {"20s": "4.5", "40s": "2.25"}

    def test_two_organisations_under_one_session_id_are_two_rows(self, api: Caller, projection: Projection) -> None:
        projection.feed(spend(0, 10), partition=0)
        projection.feed(spend(0, 15, org_id="globex"), partition=3)
        assert {row["org_id"]: row["spend_usd"] for row in some(api, 2)} == {"acme": "0.01", "globex": "0.015"}

    def test_a_mix_of_models(self, api: Caller, projection: Projection) -> None:
        """3 of 4 milli-USD are gpt-4o's; a model without a rate has cost nothing, and says so."""
        mini = spend(0, 0, 1, model="gpt-4o-mini", input_tokens=6_667)
        unknown = spend(0, 0, 2, model="no-such-model", input_tokens=70)
        projection.feed(spend(0, 3), mini, unknown)
        (row,) = some(api, 1)
        assert row["model_mix"] == {"kind": "mixed", "models": 3, "main_model": "gpt-4o", "main_share": "0.749"}
        assert row["unpriced_tokens"] == 70

    def test_nothing_has_a_price(self, api: Caller, projection: Projection) -> None:
        projection.feed(spend(0, 0, model="no-such-model", input_tokens=70))
        (row,) = some(api, 1)
        assert row["model_mix"] == {"kind": "single", "models": 1, "main_model": "no-such-model", "main_share": None}
        envelope = api.get(ACTIVE)["unpriced"]
        assert envelope["tokens"] == 70
        assert Decimal(envelope["low_usd"]) < Decimal(envelope["high_usd"])


class TestBaselines:
    """What rates are held against."""

    def test_a_change_counts_at_once(self, api: Caller, projection: Projection) -> None:
        projection.feed(spend(0, 25))
        some(api, 1)
        projection.baseline(Baseline(org_id="acme", agent_id="*", usd_per_hour="9", multiplier="2"))
        found = api.until(ACTIVE, lambda found: found["rows"][0]["baseline_source"] == "acme/*")
        (row,) = found["rows"]
        assert (row["baseline_usd_per_hour"], row["multiplier"], row["ratio"]) == ("9", "2", "0.500")

    def test_a_baseline_of_zero_has_no_ratio_and_passes_every_least_one(
        self, api: Caller, projection: Projection
    ) -> None:
        projection.baseline(Baseline(org_id="acme", agent_id="agent-7", usd_per_hour="0"))
        projection.feed(spend(0, 1), spend(0, 900, session_id="s-2", agent_id="other"))
        rows = some(api, 2, sort="ratio")
        assert [(row["session_id"], row["ratio"]) for row in rows] == [("s-1", None), ("s-2", "162.000")]
        assert ids(api.get(ACTIVE, min_ratio="1000")["rows"]) == ["s-1"]


class TestTime:
    """Windows end with the slice of the partition's watermark, which moves on with the clock while it is idle."""

    def test_rates_fall_when_a_session_falls_silent(self, api: Caller, projection: Projection, clock: Clock) -> None:
        projection.feed(spend(0, 25))
        some(api, 1)
        burned = []
        for slices in range(5):
            clock.now_ms = T0 + slices * SLICE_MS
            end_ms = clock.now_ms + SLICE_MS
            found = api.until(ACTIVE, lambda found, end_ms=end_ms: found["rows"][0]["windows_end_at"] == end_ms)  # type: ignore[misc]
            (row,) = found["rows"]
            burned.append((row["burn_usd_per_hour"]["20s"], row["burn_usd_per_hour"]["40s"], row["ratio"]))
        assert burned == [
            ("4.5", "2.25", "4.500"),
            ("4.5", "2.25", "4.500"),
            ("0", "2.25", "0.000"),
            ("0", "2.25", "0.000"),
            ("0", "0", "0.000"),
        ]

    def test_it_stands_still_while_events_wait(self, api: Caller, projection: Projection, clock: Clock) -> None:
        """Nobody knows yet what was spent meanwhile."""
        projection.feed(spend(0, 25))
        some(api, 1)
        projection.progress(Progress(1, TOPIC, PARTITION, 1, T0, T0), end=5)
        api.until(ACTIVE, lambda found: found["lag"]["events"] == 4)
        clock.now_ms = T0 + 3_600_000
        found = api.until(ACTIVE, lambda found: found["lag"]["seconds"] >= 3_600)
        assert [row["windows_end_at"] for row in found["rows"]] == [T0 + SLICE_MS]

    @pytest.mark.parametrize(
        ("silent_ms", "active"),
        [pytest.param(900_000, 1, id="at-the-bound"), pytest.param(900_001, 0, id="behind-it")],
    )
    def test_active_for_fifteen_minutes(
        self, redis_url: str, projection: Projection, silent_ms: int, active: int
    ) -> None:
        projection.feed(spend(0, 25), now_ms=T0)
        with live_api(redis_url, Clock(T0 + silent_ms)) as api:
            assert api.get(ACTIVE)["active"] == active

    def test_it_goes_when_time_passes_and_comes_back_with_an_event(
        self, api: Caller, projection: Projection, clock: Clock
    ) -> None:
        projection.feed(spend(0, 25))
        some(api, 1)
        clock.now_ms = T0 + 900_001
        some(api, 0)
        projection.feed(spend(91, 1, number=1), now_ms=clock.now_ms)
        (row,) = some(api, 1)
        assert row["spend_usd"] == "0.026"

    def test_a_retired_session_goes(self, api: Caller, projection: Projection) -> None:
        projection.feed(spend(0, 25), spend(0, 1, session_id="s-2"))
        some(api, 2)
        projection.retire("s-1")
        assert ids(some(api, 1)) == ["s-2"]


def fleet(projection: Projection) -> None:
    """Twelve sessions of two organisations, the n-th with n milli-USD; two of them equal."""
    sessions = (
        spend(
            number % 3,
            min(number, 10),
            session_id=f"s-{number:02d}",
            org_id=("acme", "globex")[number % 2],
            agent_id=f"agent-{number % 3}",
        )
        for number in range(12)
    )
    projection.feed(*sessions, spend(2, 100, session_id="s-99", agent_id="runaway"))


SHOWN: dict[Column, Callable[[dict[str, Any]], Any]] = {
    Column.BURN_SHORT: lambda row: Decimal(row["burn_usd_per_hour"]["20s"]),
    Column.BURN_LONG: lambda row: Decimal(row["burn_usd_per_hour"]["40s"]),
    Column.RATIO: lambda row: Decimal(row["ratio"]),
    Column.SPEND: lambda row: Decimal(row["spend_usd"]),
    Column.BASELINE: lambda row: Decimal(row["baseline_usd_per_hour"]),
}
"""Where a column does not stand in the row under its own name."""


class TestOrder:
    """Kept sort orders."""

    @pytest.mark.parametrize("order", ["desc", "asc"])
    @pytest.mark.parametrize("column", [pytest.param(column, id=column) for column in Column])
    def test_by_any_numeric_column(self, api: Caller, projection: Projection, column: Column, order: str) -> None:
        fleet(projection)
        rows = some(api, 13, sort=column, order=order)
        value = SHOWN.get(column) or itemgetter(column.value)
        keys = [(value(row), row["session_id"]) for row in rows]
        assert keys == sorted(keys, reverse=order == "desc")

    def test_it_is_kept_while_sessions_change(self, api: Caller, projection: Projection) -> None:
        fleet(projection)
        assert ids(some(api, 13, sort="spend"))[:2] == ["s-99", "s-11"]
        projection.feed(spend(2, 500, number=7, session_id="s-03", org_id="globex"))
        api.until(ACTIVE, lambda found: ids(found["rows"])[:2] == ["s-03", "s-99"], sort="spend")

    def test_the_default_is_what_burns_most_now(self, api: Caller, projection: Projection) -> None:
        fleet(projection)
        assert ids(some(api, 13)) == ids(api.get(ACTIVE, sort="burn_short", order="desc")["rows"])


class TestPages:
    """Walks by cursor."""

    @pytest.mark.parametrize("limit", [1, 5, 12, 13, 14])
    @pytest.mark.parametrize("order", ["desc", "asc"])
    def test_each_row_comes_once(self, api: Caller, projection: Projection, limit: int, order: str) -> None:
        fleet(projection)
        whole = ids(some(api, 13, order=order, sort="spend"))
        walked: list[str] = []
        cursor: dict[str, Any] = {}
        while True:
            page = api.get(ACTIVE, limit=limit, order=order, sort="spend", **cursor)
            assert len(page["rows"]) <= limit
            walked += ids(page["rows"])
            if page["next_cursor"] is None:
                break
            cursor = {"cursor": page["next_cursor"]}
        assert walked == whole

    def test_what_comes_and_goes_elsewhere_shifts_nothing(self, api: Caller, projection: Projection) -> None:
        """Between two pages the last row shown goes, one comes before it, and one behind."""
        fleet(projection)
        whole = ids(some(api, 13, sort="spend"))
        first = api.get(ACTIVE, limit=5, sort="spend")
        assert ids(first["rows"]) == whole[:5]
        projection.retire(whole[4])
        projection.feed(spend(2, 99, session_id="s-50"), spend(2, 0, session_id="s-51"))
        api.until(ACTIVE, lambda found: found["active"] == 14, sort="spend")
        second = api.get(ACTIVE, limit=50, sort="spend", cursor=first["next_cursor"])
        assert ids(second["rows"]) == [*whole[5:-1], "s-51", "s-00"]

    @pytest.mark.parametrize(
        "params",
        [
            pytest.param({"cursor": "!"}, id="no-cursor"),
            pytest.param({"cursor": "WzEsMl0"}, id="of-another-shape"),
            pytest.param({"cursor": "x" * 2_049}, id="too-long"),
            pytest.param({"limit": 0}, id="no-rows"),
            pytest.param({"limit": 501}, id="too-many-rows"),
            pytest.param({"sort": "session_id"}, id="no-number"),
            pytest.param({"min_ratio": "-1"}, id="negative"),
            pytest.param({"min_ratio": "NaN"}, id="not-a-number"),
            pytest.param({"min_ratio": "1.0001"}, id="finer-than-ratios"),
            pytest.param({"org": ""}, id="no-org"),
        ],
    )
    def test_what_is_refused(self, api: Caller, params: dict[str, Any]) -> None:
        problem = api.get(ACTIVE, 422, **params)
        assert problem["status"] == 422
        assert problem["detail"].startswith("query.")

    def test_a_cursor_of_another_order(self, api: Caller, projection: Projection) -> None:
        fleet(projection)
        some(api, 13)
        cursor = api.get(ACTIVE, limit=2, sort="spend")["next_cursor"]
        assert api.get(ACTIVE, 422, limit=2, sort="events", cursor=cursor)["type"].endswith(":invalid-cursor")


class TestFilters:
    """Of the same thirteen sessions."""

    @pytest.mark.parametrize(
        ("params", "wanted"),
        [
            pytest.param({"org": "acme"}, {0, 2, 4, 6, 8, 10, 99}, id="org"),
            pytest.param({"org": ["acme", "globex"]}, {*range(12), 99}, id="two-orgs"),
            pytest.param({"org": "initech"}, set(), id="unknown-org"),
            pytest.param({"agent": "agent-0"}, {0, 3, 6, 9}, id="agent"),
            pytest.param({"agent": ["agent-0", "runaway"]}, {0, 3, 6, 9, 99}, id="two-agents"),
            pytest.param({"org": "globex", "agent": "agent-0"}, {3, 9}, id="org-and-agent"),
            pytest.param({"anomalous": True}, {99}, id="anomalous"),
            pytest.param({"anomalous": False}, set(range(12)), id="not-anomalous"),
            pytest.param({"min_ratio": "18"}, {99}, id="at-least-this-ratio"),
            pytest.param({"min_ratio": "18.001"}, set(), id="above-every-ratio"),
        ],
    )
    def test_only_those(self, api: Caller, projection: Projection, params: dict[str, Any], wanted: set[int]) -> None:
        fleet(projection)
        some(api, 13)
        found = api.get(ACTIVE, **params)
        assert {int(row["session_id"][2:]) for row in found["rows"]} == wanted
        assert found["active"] == 13

    def test_pages_of_what_is_filtered(self, api: Caller, projection: Projection) -> None:
        fleet(projection)
        some(api, 13)
        whole = ids(api.get(ACTIVE, org="globex")["rows"])
        first = api.get(ACTIVE, org="globex", limit=4)
        second = api.get(ACTIVE, org="globex", limit=4, cursor=first["next_cursor"])
        assert ids(first["rows"]) + ids(second["rows"]) == whole
        assert second["next_cursor"] is None


class TestOrganisations:
    """Callers that are bound to organisations."""

    def test_a_bound_caller_sees_its_own_only(self, api: Caller, projection: Projection) -> None:
        fleet(projection)
        projection.feed(spend(0, 0, session_id="s-77", model="no-such-model", input_tokens=70))
        some(api, 14)
        api.as_of_orgs("globex")
        found = api.get(ACTIVE)
        assert {row["org_id"] for row in found["rows"]} == {"globex"}
        assert found["active"] == len(found["rows"]) == 6
        assert found["unpriced"]["tokens"] == 0
        assert api.get(ACTIVE, org="acme")["rows"] == []

    def test_one_that_is_bound_to_none_sees_nothing(self, api: Caller, projection: Projection) -> None:
        fleet(projection)
        some(api, 13)
        api.as_of_orgs()
        assert api.get(ACTIVE)["rows"] == []


class TestAvailability:
    """503 with its reason as long as nothing whole can be answered."""

    def test_no_projection(self, redis_url: str) -> None:
        with live_api(redis_url, ready=False) as api:
            api.until_problem(ACTIVE, "projection-missing")

    def test_it_goes_and_comes_again(self, api: Caller, projection: Projection) -> None:
        """Redis was killed and came back empty; the numbers come back with the projection, not before."""
        projection.feed(spend(0, 25))
        some(api, 1)
        projection.redis.flushall()
        api.until_problem(ACTIVE, "projection-missing")
        projection.feed(spend(1, 5, session_id="s-2"))
        assert api.get(ACTIVE, 503)["status"] == 503
        projection.switch()
        api.until_ready()
        assert ids(api.get(ACTIVE)["rows"]) == ["s-2"]

    def test_another_generation(self, api: Caller, redis_url: str, projection: Projection) -> None:
        """Until the new one is read, the old one is answered from; never a mixture."""
        projection.feed(spend(0, 25))
        some(api, 1)
        with projection_in(redis_url, "2") as rebuilt:
            rebuilt.feed(spend(0, 7, session_id="s-8"), spend(0, 6, session_id="s-9"))
            found = api.until(ACTIVE, lambda found: "s-1" not in ids(found["rows"]))
        assert ids(found["rows"]) in ([], ["s-8"], ["s-8", "s-9"])
        assert ids(some(api, 2)) == ["s-8", "s-9"]

    def test_more_changes_than_are_remembered(self, api: Caller, projection: Projection) -> None:
        """All sessions are read anew."""
        projection.feed(spend(0, 25))
        some(api, 1)
        keys = projection.keys
        with projection.redis.pipeline() as pipe:
            pipe.incrby(keys.change_seq, 20_000)
            pipe.delete(keys.changes, keys.session("s-1"), keys.sessions)
            count(pipe, keys, keys.change_seq, keys.changes, keys.sessions)
            pipe.execute()
        some(api, 0)

    def test_many_sessions_in_one_batch(self, api: Caller, projection: Projection) -> None:
        projection.feed(*(spend(0, 1, session_id=f"s-{number}") for number in range(1_500)))
        found = api.until(ACTIVE, lambda found: found["active"] == 1_500, limit=500)
        assert len(found["rows"]) == 500


class TestContract:
    """Rows are encoded without the models that document them."""

    def test_the_bytes_are_what_the_document_says(self, api: Caller, projection: Projection) -> None:
        fleet(projection)
        some(api, 13)
        text = api.client.get(API + ACTIVE, params={"limit": 3}).text
        assert len(ActiveBurnRates.model_validate_json(text).rows) == 3
        document = build_api(load_settings()).openapi()
        schema = {"$ref": "#/components/schemas/ActiveBurnRates", "components": document["components"]}
        jsonschema.Draft202012Validator(schema).validate(api.get(ACTIVE, limit=3))
        row = document["components"]["schemas"]["BurnRateRow"]
        (first, *_) = api.get(ACTIVE)["rows"]
        assert first.keys() == row["properties"].keys()


class TestHistory:
    """`/burn-rates/history`: what has burned, all sessions together, as the page draws it."""

    HISTORY = "/burn-rates/history"

    def test_points_add_up_over_sessions(self, api: Caller, projection: Projection) -> None:
        """0.025 and 0.05 USD in 20 s are 13.5 USD/h."""
        projection.feed(spend(0, 25), spend(0, 50, session_id="s-2"))
        some(api, 2)
        found = api.until(
            self.HISTORY, lambda answer: bool(answer["points"]) and answer["points"][-1]["burn_usd_per_hour"] == "13.5"
        )
        assert found["window_s"] == 20
        assert found["long_window_s"] == 40
        assert found["points"][-1]["burn_long_usd_per_hour"] == "6.75"

    def test_only_newer_ones_are_sent_again(self, api: Caller, projection: Projection) -> None:
        projection.feed(spend(0, 25))
        found = api.until(self.HISTORY, lambda answer: bool(answer["points"]))
        assert api.get(self.HISTORY, after=found["points"][-1]["at"])["points"] == []

    def test_an_organisation_sees_its_own_burn(self, api: Caller, projection: Projection) -> None:
        projection.feed(spend(0, 25), spend(0, 50, session_id="s-2", org_id="globex"))
        some(api, 2)
        api.until(
            self.HISTORY,
            lambda answer: bool(answer["points"]) and answer["points"][-1]["burn_usd_per_hour"] == "4.5",
            org="acme",
        )
