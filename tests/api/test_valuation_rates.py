"""Rates over HTTP, on a real broker and a real Redis: looked at, set with an acknowledgement, doubted, deleted."""

import json
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from genai_prices.types import ClauseEquals, ModelInfo, ModelPrice, Provider

from burnline.kafka import client_config
from burnline.pricing.catalogue import Catalogue
from burnline.pricing.shelf import IN_FORCE, records_of
from burnline.pricing.valuation import ValuationRate
from burnline.settings import Settings
from burnline.topics.catalogue import topics_for
from burnline.topics.compacted import read_newest
from burnline.topics.errors import BrokerSilent
from burnline.topics.shelf import write_in_force
from tests.api.stage import EDITOR, OF_ACME, VIEWER, Api, Projection, serving
from tests.brokers import MakeSettings

BODY = {
    "effective_from": "2025-10-01T00:00:00Z",
    "input_usd_per_million_tokens": "2",
    "output_usd_per_million_tokens": "8",
}
SINCE_MS = 1_759_276_800_000
PATH = "/valuation-rates/openai/gpt-4o"


def rate(provider: str = "openai", model: str = "gpt-4o", since_ms: int = 0, usd: str = "2") -> ValuationRate:
    return ValuationRate(
        provider=provider,
        model=model,
        effective_from=since_ms,
        input_usd_per_million_tokens=usd,
        output_usd_per_million_tokens=usd,
    )


@pytest.fixture
def projection(ours: Settings) -> Projection:
    return Projection(ours)


@pytest.fixture
def api(ours: Settings, projection: Projection) -> Iterator[Api]:
    with serving(ours) as api:
        yield api


def on_topic(settings: Settings) -> dict[str, Any]:
    found = read_newest(client_config(settings), topics_for(settings).valuation_rates, timeout_s=10)
    return {key.decode(): json.loads(value) for key, value in found.items()}


class TestPut:
    """Set, with an acknowledgement."""

    def test_it_is_on_the_topic_when_it_is_answered(self, api: Api, ours: Settings) -> None:
        said = api.put(PATH, BODY)
        key = f"openai/gpt-4o@{SINCE_MS}"
        assert on_topic(ours)[key]["input_usd_per_million_tokens"] == "2"
        assert (said["topic"], said["partition"], said["offset"]) == (topics_for(ours).valuation_rates.name, 0, 0)
        assert (said["rate"]["key"], said["rate"]["state"], said["changed"]) == (key, "in force", True)

    def test_it_says_what_takes_effect_from_when(self, api: Api) -> None:
        said = api.put(PATH, BODY)
        assert said["rate"]["effective_from"] == said["card"]["valid_from"] == "2025-10-01T00:00:00Z"
        assert (said["card"]["source"], said["before"]["source"]) == ("valuation-rates", "catalogue")
        assert said["card"]["tiers"][0]["cached_input_usd_per_million_tokens"] == "1"
        assert said["before"]["tiers"][0]["input_usd_per_million_tokens"] == "2.5"

    def test_the_same_again_writes_nothing(self, api: Api) -> None:
        first, again = api.put(PATH, BODY), api.put(PATH, BODY | {"input_usd_per_million_tokens": "2.00"})
        assert (again["changed"], again["offset"]) == (False, first["offset"])
        assert again["card"] == again["before"] == first["card"]

    def test_another_rate_replaces_it(self, api: Api, ours: Settings) -> None:
        api.put(PATH, BODY)
        said = api.put(PATH, BODY | {"output_usd_per_million_tokens": "9"})
        assert (said["changed"], said["offset"]) == (True, 1)
        assert len(on_topic(ours)) == 1

    def test_to_come(self, api: Api) -> None:
        said = api.put(PATH, BODY | {"effective_from": "2026-01-01T00:00:00+01:00"})
        assert (said["rate"]["state"], said["rate"]["effective_from"]) == ("to come", "2025-12-31T23:00:00Z")

    def test_always(self, api: Api, ours: Settings) -> None:
        said = api.put(PATH, BODY | {"effective_from": "always"})
        assert (said["rate"]["effective_from"], said["card"]["valid_from"]) == ("always", None)
        assert list(on_topic(ours)) == ["openai/gpt-4o@0"]

    @pytest.mark.parametrize(
        ("path", "key"),
        [
            pytest.param("/valuation-rates/*/gpt-4o", "*/gpt-4o@0", id="any-provider"),
            pytest.param("/valuation-rates/%2A/gpt-4o", "*/gpt-4o@0", id="encoded"),
            pytest.param("/valuation-rates/OpenAI/GPT-4o", "openai/GPT-4o@0", id="in-capitals"),
            pytest.param("/valuation-rates/x/meta/llama", "x/meta/llama@0", id="slash-in-the-model"),
            pytest.param("/valuation-rates/x/meta%2Fllama", "x/meta/llama@0", id="encoded-slash"),
            pytest.param("/valuation-rates/x/a%20b%3Fc", "x/a b?c@0", id="blank-and-question-mark"),
        ],
    )
    def test_names(self, api: Api, ours: Settings, path: str, key: str) -> None:
        assert api.put(path, BODY | {"effective_from": "always"})["rate"]["key"] == key
        assert list(on_topic(ours)) == [key]


class TestInherited:
    """What the body does not name is the replaced card's."""

    @pytest.mark.parametrize(
        ("params", "cached"),
        [
            pytest.param({}, "1", id="in-proportion-by-default"),
            pytest.param({"inherit": "proportional"}, "1", id="in-proportion"),
            pytest.param({"inherit": "unchanged"}, "1.25", id="unchanged"),
        ],
    )
    def test_parts(self, api: Api, ours: Settings, params: dict[str, Any], cached: str) -> None:
        said = api.put(PATH, BODY, **params)
        assert said["card"]["tiers"][0]["cached_input_usd_per_million_tokens"] == cached
        assert on_topic(ours)[f"openai/gpt-4o@{SINCE_MS}"]["cached_input_usd_per_million_tokens"] == cached
        parts = ("cached_input", "cache_write", "reasoning")
        assert said["inherited"] == [f"{part}_usd_per_million_tokens" for part in parts]

    def test_input_and_output(self, api: Api) -> None:
        body = {"effective_from": "always", "cached_input_usd_per_million_tokens": "0.1"}
        tier = api.put(PATH, body)["card"]["tiers"][0]
        assert (tier["input_usd_per_million_tokens"], tier["output_usd_per_million_tokens"]) == ("2.5", "10")

    def test_what_ends_is_named(self, api: Api) -> None:
        body = BODY | {"above": [{"above_input_tokens": 128_000, "input_usd_per_million_tokens": "3"}]}
        (ends,) = api.put("/valuation-rates/google/gemini-2.5-pro", body)["dropped"]
        assert ends.startswith("the tier above 200,000 input tokens")

    def test_a_dry_run_writes_nothing(self, api: Api, ours: Settings) -> None:
        said = api.put(PATH, BODY, dry_run="true")
        assert (said["dry_run"], said["changed"], said["partition"], said["offset"]) == (True, True, None, None)
        assert said["card"]["tiers"][0]["cached_input_usd_per_million_tokens"] == "1"
        assert on_topic(ours) == {}
        api.put(PATH, BODY)
        again = api.put(PATH, BODY, dry_run="true")
        assert (again["changed"], again["offset"]) == (False, 0)

    @pytest.mark.parametrize(
        "body",
        [
            pytest.param({"effective_from": "always"}, id="no-rate"),
            pytest.param({"effective_from": "always", "input_usd_per_million_tokens": "1"}, id="nothing-to-inherit"),
        ],
    )
    def test_refused(self, api: Api, ours: Settings, body: dict[str, str]) -> None:
        assert api.put("/valuation-rates/x/made-up", body, 422)["errors"][0]["where"] == "body"
        assert on_topic(ours) == {}

    @pytest.mark.parametrize(
        ("number", "text"),
        [(2, "2"), (2.5, "2.5"), (0.1, "0.1"), (0.000001, "0.000001"), (999999.999999, "999999.999999")],
    )
    def test_numbers_are_taken_where_they_are_exact(self, api: Api, number: float, text: str) -> None:
        body = {**BODY, "input_usd_per_million_tokens": number}
        assert api.put("/valuation-rates/x/made-up", body)["rate"]["input_usd_per_million_tokens"] == text


class TestRefused:
    """What is no rate."""

    @pytest.mark.parametrize(
        ("change", "where"),
        [
            pytest.param(
                {"input_usd_per_million_tokens": 2.0000001}, "body.input_usd_per_million_tokens", id="fine-number"
            ),
            pytest.param(
                {"input_usd_per_million_tokens": True}, "body.input_usd_per_million_tokens", id="no-number"
            ),
            pytest.param(
                {"input_usd_per_million_tokens": "-1"}, "body.input_usd_per_million_tokens", id="negative"
            ),
            pytest.param(
                {"input_usd_per_million_tokens": "1e3"}, "body.input_usd_per_million_tokens", id="exponent"
            ),
            pytest.param(
                {"output_usd_per_million_tokens": "0.1234567"}, "body.output_usd_per_million_tokens", id="fine"
            ),
            pytest.param(
                {"reasoning_usd_per_million_tokens": "1000000.1"}, "body.reasoning_usd_per_million_tokens", id="high"
            ),
            pytest.param({"inptu_usd_per_million_tokens": "1"}, "body.inptu_usd_per_million_tokens", id="misspelt"),
            pytest.param({"effective_from": "2025-10-01T00:00:00"}, "body.effective_from", id="no-offset"),
            pytest.param({"effective_from": "1999-01-01T00:00:00Z"}, "body.effective_from", id="last-century"),
            pytest.param({"effective_from": 1_759_276_800_000}, "body.effective_from", id="number"),
            pytest.param({"note": "x" * 1_025}, "body.note", id="long-note"),
            pytest.param({"multiplier": "0.5"}, "body", id="rates-and-a-multiplier"),
            pytest.param({"multiplier": 0.5}, "body.multiplier", id="multiplier-as-a-float"),
            pytest.param({"above": [{"above_input_tokens": 0}]}, "body.above.0.above_input_tokens", id="line-at-0"),
            pytest.param({"service_tiers": {"batch": "half"}}, "body.service_tiers.batch", id="no-factor"),
        ],
    )  # fmt: skip
    def test_by_its_body(self, api: Api, ours: Settings, change: dict[str, Any], where: str) -> None:
        problem = api.put(PATH, BODY | change, 422)
        assert where in [mistake["where"] for mistake in problem["errors"]]
        assert on_topic(ours) == {}

    @pytest.mark.parametrize(
        ("path", "where"),
        [
            pytest.param("/valuation-rates/a%2Fb/c", "path.provider", id="slash-in-the-provider"),
            pytest.param("/valuation-rates/openai/%20", "path.model", id="blank-model"),
            pytest.param("/valuation-rates/openai/a*b*c*d*e*", "path.model", id="five-stars"),
            pytest.param("/valuation-rates/openai/a%07b", "path.model", id="control-character"),
            pytest.param("/valuation-rates/openai/" + "x" * 257, "path.model", id="long"),
        ],
    )
    def test_by_its_names(self, api: Api, path: str, where: str) -> None:
        assert [mistake["where"] for mistake in api.put(path, BODY, 422)["errors"]] == [where]

    def test_it_is_not_for_viewers(self, api: Api, ours: Settings) -> None:
        api.by(VIEWER).put(PATH, BODY, 403)
        api.delete(PATH, 403)
        assert on_topic(ours) == {}

    def test_it_is_not_for_those_of_some_organisations(self, api: Api, ours: Settings) -> None:
        api.by(OF_ACME).put(PATH, BODY, 403)
        api.delete(PATH, 403)
        assert on_topic(ours) == {}

    def test_editors_of_all_may(self, api: Api) -> None:
        assert api.by(EDITOR).put(PATH, BODY)["changed"]


class TestOfOneOrganisation:
    """Rates that an organisation has for itself."""

    def test_its_editors_may_set_them_and_nobody_elses(self, api: Api, ours: Settings) -> None:
        api.by(OF_ACME).put(PATH, BODY | {"org_id": "initech"}, 403)
        said = api.by(OF_ACME).put(PATH, BODY | {"org_id": "acme"})
        key = f'["acme","openai/gpt-4o@{SINCE_MS}"]'
        assert (said["rate"]["key"], said["rate"]["org_id"]) == (key, "acme")
        assert (said["card"]["tiers"][0]["input_usd_per_million_tokens"], said["before"]["source"]) == (
            "2",
            "catalogue",
        )
        assert list(on_topic(ours)) == [key]
        api.delete(PATH, 403, org_id="initech")
        api.delete(PATH, org_id="acme")
        assert on_topic(ours) == {}

    def test_they_are_seen_by_who_may_see_it(self, api: Api, projection: Projection) -> None:
        for org_id in (None, "acme", "initech"):
            own = rate().model_copy(update={"org_id": org_id})
            projection.rate(own)
        assert [row["org_id"] for row in api.by(EDITOR).get("/valuation-rates")["rows"]] == [None, "acme", "initech"]
        assert [row["org_id"] for row in api.get("/valuation-rates", org_id="acme")["rows"]] == ["acme"]
        assert [row["org_id"] for row in api.by(OF_ACME).get("/valuation-rates")["rows"]] == [None, "acme"]
        api.get(PATH, 403, org_id="initech")
        shown = api.get(PATH, org_id="acme")
        assert "override acme: openai/gpt-4o" in shown["card"]["rule"]
        assert [each["org_id"] for each in shown["overrides"]] == [None, "acme"]

    def test_a_discount_on_everything_has_no_card_of_its_own(self, api: Api) -> None:
        said = api.put("/valuation-rates/%2A/%2A", {"effective_from": "always", "multiplier": "0.9", "org_id": "acme"})
        assert (said["rate"]["multiplier"], said["card"], said["before"]) == ("0.9", None, None)


class TestDoubt:
    """A thousand times the catalogue's, which is 2.5 for input and 10 for output, or a thousandth of it."""

    @pytest.mark.parametrize(
        ("field", "value", "doubted"),
        [
            pytest.param("input", "2499.999999", False, id="just-below-a-thousand-times"),
            pytest.param("input", "2500", True, id="a-thousand-times"),
            pytest.param("output", "0.010001", False, id="just-above-a-thousandth"),
            pytest.param("output", "0.01", True, id="a-thousandth"),
            pytest.param("cached_input", "0", True, id="nothing"),
        ],
    )
    def test_the_line(self, api: Api, ours: Settings, field: str, value: str, *, doubted: bool) -> None:
        name = f"{field}_usd_per_million_tokens"
        body = BODY | {name: value}
        problem = api.put(PATH, body, 409 if doubted else 200)
        assert bool(on_topic(ours)) is not doubted
        if doubted:
            catalogue = {"input": "2.5", "output": "10", "cached_input": "1.25"}[field]
            assert problem["type"] == "urn:burnline:problem:rate-far-from-catalogue"
            (mistake,) = problem["errors"]
            assert mistake["where"] == f"body.{name}"
            assert mistake["detail"] == f"{Decimal(value):f}; the catalogue's is {catalogue}"
            assert api.put(PATH, body, confirm="true")["changed"]

    def test_every_field_is_named(self, api: Api) -> None:
        body = {**BODY, "input_usd_per_million_tokens": "2500", "output_usd_per_million_tokens": "10000"}
        problem = api.put(PATH, body, 409)
        assert len(problem["errors"]) == 2

    def test_not_where_the_catalogue_has_no_rate(self, api: Api) -> None:
        assert api.put("/valuation-rates/x/made-up", BODY | {"input_usd_per_million_tokens": "1000000"})["changed"]


class TestDelete:
    """What lies below it counts again."""

    def test_the_only_one(self, api: Api, ours: Settings) -> None:
        api.put(PATH, BODY)
        said = api.delete(PATH)
        assert (said["card"]["source"], said["offset"]) == ("catalogue", 1)
        assert on_topic(ours) == {}

    def test_one_of_several_by_its_time(self, api: Api, ours: Settings) -> None:
        api.put(PATH, BODY)
        api.put(PATH, BODY | {"effective_from": "always"})
        problem = api.delete(PATH, 409)
        assert "always, 2025-10-01T00:00:00Z" in problem["detail"]
        said = api.delete(PATH, effective_from="2025-10-01T00:00:00Z")
        assert said["card"]["rule"].startswith("override openai/gpt-4o")
        assert list(on_topic(ours)) == ["openai/gpt-4o@0"]

    @pytest.mark.parametrize("params", [{}, {"effective_from": "always"}], ids=["by-name", "by-time"])
    def test_none(self, api: Api, params: dict[str, str]) -> None:
        api.ask("DELETE", PATH, 404, params=params)


class TestGet:
    """What a model costs, and why."""

    def test_by_the_catalogue(self, api: Api) -> None:
        said = api.get(PATH)
        assert (said["card"]["source"], said["card"]["rule"]) == ("catalogue", "exact id")
        assert (said["overrides"], said["history"], said["at"]) == ([], [], "2025-10-09T08:53:20Z")
        assert said["as_of"] is None
        assert said["unpriced"]["tokens"] == 0

    @pytest.mark.parametrize(
        ("at", "source"),
        [
            pytest.param("2025-09-30T23:59:59.999Z", "catalogue", id="just-before-it"),
            pytest.param("2025-10-01T00:00:00Z", "valuation-rates", id="from-it-on"),
        ],
    )
    def test_at_a_time(self, api: Api, projection: Projection, at: str, source: str) -> None:
        projection.rate(rate(since_ms=SINCE_MS))
        assert api.get(PATH, at=at)["card"]["source"] == source

    def test_a_model_that_nobody_knows(self, api: Api) -> None:
        said = api.get("/valuation-rates/openai/made-up")["card"]
        assert (said["priced"], said["source"], said["tiers"]) == (False, "none", [])
        assert "lists no model" in said["rule"]

    def test_overrides_and_their_history(self, api: Api, projection: Projection) -> None:
        projection.rate(rate(usd="1"), offset=0)
        projection.rate(rate(usd="3"), offset=1)
        projection.rate(rate(provider="*", model="GPT-4o", usd="4"), offset=2)
        projection.rate(rate(since_ms=SINCE_MS), offset=3)
        projection.rate(rate(model="gpt-4o-mini"), offset=4)
        projection.rate_deleted(f"openai/gpt-4o@{SINCE_MS}", offset=5)
        said = api.get("/valuation-rates/openai/gpt-4o-2024-08-06")
        assert [(row["key"], row["state"]) for row in said["overrides"]] == [
            ("*/GPT-4o@0", "in force"),
            ("openai/gpt-4o@0", "in force"),
        ]
        assert said["card"]["tiers"][0]["input_usd_per_million_tokens"] == "3"
        assert [(change["offset"], change["deleted"]) for change in said["history"]] == [
            (5, True),
            (3, False),
            (2, False),
            (1, False),
            (0, False),
        ]

    def test_any_provider(self, api: Api) -> None:
        assert api.get("/valuation-rates/*/gpt-4o")["card"]["provider"] == "openai"

    @pytest.mark.parametrize("at", ["yesterday", "2025-10-01", "1759276800000"])
    def test_no_time(self, api: Api, at: str) -> None:
        assert api.get(PATH, 422, at=at)["errors"][0]["where"] == "query.at"


class TestList:
    """What was set, in pages."""

    def test_nothing_yet(self, api: Api) -> None:
        said = api.get("/valuation-rates")
        assert (said["rows"], said["next_cursor"]) == ([], None)

    def test_with_the_card_in_force(self, api: Api, projection: Projection) -> None:
        projection.progress()
        projection.rate(rate(usd="1"))
        projection.rate(rate(since_ms=SINCE_MS))
        said = api.by(VIEWER).get("/valuation-rates")
        assert [(row["effective_from"], row["state"]) for row in said["rows"]] == [
            ("always", "past"),
            ("2025-10-01T00:00:00Z", "in force"),
        ]
        assert [row["card"]["tiers"][0]["input_usd_per_million_tokens"] for row in said["rows"]] == ["2", "2"]
        assert said["as_of"].startswith("2025-10-09T08:53:20")

    @pytest.mark.parametrize("limit", [1, 2, 3, 4, 5])
    def test_pages(self, api: Api, projection: Projection, limit: int) -> None:
        names = [("*", "a"), ("x", "A"), ("x", "a"), ("x", "b")]
        for provider, model in names:
            projection.rate(rate(provider, model))
        found: list[Any] = []
        params: dict[str, Any] = {"limit": limit}
        while True:
            said = api.get("/valuation-rates", **params)
            assert len(said["rows"]) <= limit
            found += [(row["provider"], row["model"]) for row in said["rows"]]
            if said["next_cursor"] is None:
                break
            params["cursor"] = said["next_cursor"]
        assert found == names

    def test_filters(self, api: Api, projection: Projection) -> None:
        for provider, model in [("x", "a"), ("x", "b"), ("y", "A")]:
            projection.rate(rate(provider, model))
        assert len(api.get("/valuation-rates", provider="X")["rows"]) == 2
        assert [row["provider"] for row in api.get("/valuation-rates", model="a")["rows"]] == ["x", "y"]

    @pytest.mark.parametrize("params", [{"limit": 0}, {"limit": 501}, {"cursor": "nonsense"}], ids=str)
    def test_refused(self, api: Api, params: dict[str, Any]) -> None:
        api.get("/valuation-rates", 422, **params)


class TestAway:
    """A reason, and never a wrong number."""

    def test_without_a_projection(self, api: Api, projection: Projection) -> None:
        projection.wipe()
        for path in ("/valuation-rates", PATH):
            assert api.get(path, 503)["type"] == "urn:burnline:problem:projection-missing"

    def test_writes_need_no_projection(self, api: Api, projection: Projection) -> None:
        projection.wipe()
        assert api.put(PATH, BODY)["changed"]

    def test_without_topics(self, make_settings: MakeSettings, redis_url: str) -> None:
        with serving(make_settings(redis_url=redis_url)) as api:
            problem = api.put(PATH, BODY, 503)
            assert problem["type"] == "urn:burnline:problem:topic-missing"

    def test_without_brokers(
        self, make_settings: MakeSettings, redis_url: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("burnline.api.writing.TIMEOUT_S", 0.5)
        with serving(make_settings(redis_url=redis_url, kafka_bootstrap_servers="127.0.0.1:1")) as api:
            assert api.put(PATH, BODY, 503)["type"] == "urn:burnline:problem:brokers-away"

    def test_nobody_acknowledges(self, api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
        def silent(*_: object, **__: object) -> None:
            raise BrokerSilent("Nobody acknowledged it")

        monkeypatch.setattr("burnline.api.writing.write_key", silent)
        problem = api.put(PATH, BODY, 503)
        assert problem["type"] == "urn:burnline:problem:not-acknowledged"
        assert "It may have been written all the same" in problem["detail"]


LISTED = ModelInfo("gpt-4o", ClauseEquals("gpt-4o"), prices=ModelPrice(input_mtok=Decimal(3), output_mtok=Decimal(10)))
OTHER = Catalogue([Provider("openai", "", "", models=[LISTED])], source="another list")


class TestCatalogueInForce:
    """Another one than the bundled."""

    def test_cards_are_made_of_it_and_follow_it(self, api: Api, projection: Projection) -> None:
        assert api.get(PATH)["card"]["tiers"][0]["input_usd_per_million_tokens"] == "2.5"
        projection.catalogues(records_of(OTHER, since_ms=SINCE_MS, as_of_ms=SINCE_MS))
        assert api.get(PATH)["card"]["tiers"][0]["input_usd_per_million_tokens"] == "3"
        assert not api.get("/valuation-rates/anthropic/claude-sonnet-4-5")["card"]["priced"]
        projection.catalogues({})
        assert api.get(PATH)["card"]["tiers"][0]["input_usd_per_million_tokens"] == "2.5"

    def test_one_that_cannot_be_read_is_told(self, api: Api, projection: Projection) -> None:
        projection.catalogues({IN_FORCE: b"{}"})
        assert "in-force" in api.get(PATH, 503)["detail"]

    def test_what_is_set_is_held_against_that_of_the_topic(self, api: Api, ours: Settings) -> None:
        topics = topics_for(ours)
        write_in_force(
            client_config(ours), topics, OTHER,
            since_ms=SINCE_MS, as_of_ms=SINCE_MS, transactional_id=topics.catalogues.name, timeout_s=30,
        )  # fmt: skip
        assert api.put(PATH, BODY)["before"]["tiers"][0]["input_usd_per_million_tokens"] == "3"
