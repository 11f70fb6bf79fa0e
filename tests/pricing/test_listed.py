"""genai-prices' own format: read to the last condition, or refused by name."""

import json
from decimal import Decimal
from typing import Any

import pytest
from genai_prices.data import providers

from burnline.pricing.book import RateBook
from burnline.pricing.catalogue import Catalogue
from burnline.pricing.listed import CatalogueError, read_providers, written_providers

MODEL = {"id": "m", "match": {"equals": "m"}, "prices": {"input_mtok": 2.5, "output_mtok": 10}}


def document(**model: Any) -> Any:
    """One provider of one model, as its file would be parsed."""
    listed = [{"id": "maker", "name": "Maker", "api_pattern": "x", "models": [{**MODEL, **model}]}]
    return json.loads(json.dumps(listed), parse_float=Decimal)


def test_the_bundled_list_is_read_back_to_the_same_prices() -> None:
    again = read_providers(written_providers(providers))
    ours, theirs = Catalogue(providers), Catalogue(again)
    assert theirs.version == ours.version
    assert all(left.asks_as(right) for (_, left), (_, right) in zip(ours.models(), theirs.models(), strict=True))


def test_spelling_is_no_price() -> None:
    plain = Catalogue(read_providers(document(prices={"input_mtok": 2.50, "output_mtok": 10.0})))
    assert plain.version == Catalogue(read_providers(document(name="M", context_window=8192))).version


@pytest.mark.parametrize(
    ("prices", "at_ms", "input_tokens", "pico"),
    [
        pytest.param({"input_mtok": 2.5}, 0, 1, 2_500_000, id="plain"),
        pytest.param({"input_mtok": "0.000001"}, 0, 1, 1, id="as text"),
        pytest.param(
            {"input_mtok": {"base": 1, "tiers": [{"start": 200, "price": 2}]}}, 0, 200, 1_000_000, id="at the line"
        ),
        pytest.param(
            {"input_mtok": {"base": 1, "tiers": [{"start": 200, "price": 2}]}}, 0, 201, 2_000_000, id="above it"
        ),
        pytest.param(
            [{"prices": {"input_mtok": 1}}, {"constraint": {"start_date": "2026-01-01"}, "prices": {"input_mtok": 2}}],
            1_767_225_599_999, 1, 1_000_000, id="before its day",
        ),
        pytest.param(
            [{"prices": {"input_mtok": 1}}, {"constraint": {"start_date": "2026-01-01"}, "prices": {"input_mtok": 2}}],
            1_767_225_600_000, 1, 2_000_000, id="on it",
        ),
        pytest.param(
            [{"prices": {"input_mtok": 1}},
             {"constraint": {"start_time": "16:30:00Z", "end_time": "00:30:00Z"}, "prices": {"input_mtok": 2}}],
            1_767_225_600_000, 1, 2_000_000, id="at night",
        ),
        pytest.param(
            [{"prices": {"input_mtok": 1}},
             {"constraint": {"start_time": "16:30:00Z", "end_time": "00:30:00Z"}, "prices": {"input_mtok": 2}}],
            1_767_225_600_000 + 1_800_000, 1, 1_000_000, id="by day",
        ),
    ],
)  # fmt: skip
def test_what_a_price_says(prices: Any, at_ms: int, input_tokens: int, pico: int) -> None:
    book = RateBook(Catalogue(read_providers(document(prices=prices))))
    tier = book.resolve("maker", "m", at_ms).tier_for(input_tokens)
    assert tier is not None
    assert tier.input == pico


@pytest.mark.parametrize(
    ("found", "told"),
    [
        pytest.param({}, "the list of providers is no list", id="no list"),
        pytest.param([], "or an empty one", id="an empty list"),
        pytest.param([{"id": "p"}], "provider 'p': misses 'models'", id="no models"),
        pytest.param(document(prices={"input_mtok": -1}), "model 'm': input_mtok=-1 is no price", id="negative"),
        pytest.param(document(prices={"input_mtok": True}), "input_mtok=True is no price", id="a truth"),
        pytest.param(document(prices={"input_mtok": "much"}), "provider 'maker': model 'm'", id="a word"),
        pytest.param(document(prices={"input_mtok": "Infinity"}), "is no price in USD", id="without end"),
        pytest.param(document(match={"sounds_like": "m"}), "matches by 'sounds_like'", id="an unknown clause"),
        pytest.param(document(match={"equals": 4}), "4 is no text", id="a number to match"),
        pytest.param(
            document(prices=[{"constraint": {"start_date": "2026-01-01", "country": "fr"}, "prices": {}}]),
            "'country' is not known here, and prices may depend on it", id="an unknown condition",
        ),
        pytest.param(
            document(prices=[{"constraint": {"start_date": "soon"}, "prices": {}}]), "model 'm': Invalid isoformat",
            id="no day",
        ),
        pytest.param(
            document(prices={"input_mtok": {"base": 1, "tiers": [{"start": "many", "price": 2}]}}),
            "input_mtok: a tier starts at 'many'", id="a tier without a line",
        ),
        pytest.param(
            document(price_variants=[{"when": {"tier": "x"}, "until": "now", "prices": {}}]), "'until' is not known",
            id="an unknown condition of a variant",
        ),
    ],
)  # fmt: skip
def test_what_cannot_be_priced_by_is_refused_by_name(found: Any, told: str) -> None:
    with pytest.raises(CatalogueError, match=told):
        read_providers(found)
