"""What contracts say: whom an override concerns, which one is the nearest, and what it makes a model cost."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from burnline.events.meters import NAMES
from burnline.pricing.book import RateBook
from burnline.pricing.card import FOREVER_MS, charge
from burnline.pricing.money import pico_from_text
from burnline.pricing.overrides import concerns, place_of, place_of_key
from burnline.pricing.valuation import ValuationRate, parts_of_key, rate_key

BOOK = RateBook.bundled()
AT_MS = 1_795_845_077_002
MILLION = 1_000_000
T1, T2 = AT_MS - 1_000, AT_MS + 1_000
ARN = "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/abc"


def override(model: str = "gpt-4o", usd: str | None = None, **fields: Any) -> ValuationRate:
    """By default for any provider and always; `usd` is the rate of all tokens."""
    rates = {"input_usd_per_million_tokens": usd, "output_usd_per_million_tokens": usd} if usd else {}
    return ValuationRate.model_validate({"provider": "*", "effective_from": 0, "model": model} | rates | fields)


def paid(book: RateBook, provider: str | None = "openai", model: str = "gpt-4o", **served: str) -> float | None:
    """USD per million input tokens; None if unpriced."""
    card = book.resolve(provider, model, AT_MS, **served)
    assert card.valid_from_ms <= AT_MS < card.valid_until_ms
    return charge(card, MILLION, 0, 0, 0, 0).cost_pico_usd / 10**12 if card.priced else None


@pytest.mark.parametrize(
    ("overrides", "usd"),
    [
        pytest.param([override("*", multiplier="0.9")], 2.25, id="a tenth off everything"),
        pytest.param([override("*", multiplier="1.1")], 2.75, id="a tenth more"),
        pytest.param([override("*", multiplier="0")], 0.0, id="all of it off"),
        pytest.param([override("*", multiplier="0.9", provider="openai")], 2.25, id="off a provider"),
        pytest.param([override("*", multiplier="0.9", provider="azure")], 2.5, id="off another provider"),
        pytest.param([override("gpt-4*", multiplier="0.9")], 2.25, id="off a pattern"),
        pytest.param([override("gpt-5*", multiplier="0.9")], 2.5, id="off another pattern"),
        pytest.param([override("*", multiplier="0.9"), override("gpt-4o", multiplier="0.8")], 2.0,
                     id="one model's before everything's, and no product of both"),
        pytest.param([override("*", multiplier="0.9"), override("gpt-*", multiplier="0.8")], 2.0,
                     id="a pattern before everything"),
        pytest.param([override("gpt-4*", multiplier="0.7"), override("gpt-*", multiplier="0.8")], 1.75,
                     id="the longer pattern"),
        pytest.param([override("*", multiplier="0.9"), override("*", multiplier="0.8", provider="openai")], 2.0,
                     id="a provider's before everything's"),
        pytest.param([override("*", multiplier="0.9"), override(usd="2")], 2.0, id="a contract takes no part in it"),
        pytest.param([override("gpt-4o", multiplier="0.5"), override("*", usd="8", provider="openai")], 4.0,
                     id="nor does one model's discount pass a provider's rate by"),
        pytest.param([override("*", usd="8", provider="openai")], 8.0, id="any model of a provider"),
        pytest.param([override("gpt-4o", multiplier="1"), override("*", multiplier="0.5")], 2.5, id="1 ends it"),
        pytest.param([override(usd="2", effective_from=T1), override(multiplier="1", effective_from=AT_MS)], 2.5,
                     id="and a rate, too"),
        pytest.param([override("*", multiplier="0.9", effective_from=T2)], 2.5, id="not yet"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("order", [pytest.param(1, id="as told"), pytest.param(-1, id="the other way round")])
def test_what_gpt_4o_costs(overrides: list[ValuationRate], usd: float, order: int) -> None:
    """2.5 USD per million tokens in the catalogue."""
    assert paid(BOOK.with_overrides(overrides[::order])) == usd


OWN = [override("*", multiplier="0.5", org_id="acme"), override(usd="2")]


@pytest.mark.parametrize(
    ("overrides", "of_acme", "of_others"),
    [
        pytest.param([override(usd="1", org_id="acme")], 1.0, 2.5, id="a rate of its own"),
        pytest.param([override(usd="1", org_id="acme"), override(usd="2")], 1.0, 2.0, id="beats all others'"),
        pytest.param([override("*", usd="1", org_id="acme"), override(usd="2")], 1.0, 2.0, id="its widest, too"),
        pytest.param(OWN, 1.0, 2.0, id="its discount is one on what all pay"),
        pytest.param([override("*", multiplier="0.5", org_id="acme"), override("*", multiplier="0.1")], 1.25, 0.25,
                     id="and the only one"),
    ],
)  # fmt: skip
def test_an_organisations_rates_are_its_own(overrides: list[ValuationRate], of_acme: float, of_others: float) -> None:
    book = BOOK.with_overrides(overrides)
    assert book.orgs == {"acme"}
    assert (paid(book, org_id="acme"), paid(book, org_id="initech"), paid(book)) == (of_acme, of_others, of_others)


@pytest.mark.parametrize(
    ("overrides", "provider", "model", "usd"),
    [
        pytest.param([override("my-4o", provider="azure", same_as="azure/gpt-4o")], "azure", "My-4o", 2.5,
                     id="a deployment"),
        pytest.param([override(ARN, same_as="aws/anthropic.claude-sonnet-4-6")], "aws.bedrock", ARN, 3.3,
                     id="an application profile"),
        pytest.param([override(ARN, same_as="aws/anthropic.claude-sonnet-4-6")], None, ARN, 3.3,
                     id="without its provider"),
        pytest.param([override("mine", same_as="*/gpt-4o")], "vllm", "mine", 2.5, id="of any provider"),
        pytest.param([override("mine-*", same_as="*/gpt-4o")], "vllm", "mine-7", 2.5, id="a pattern of names"),
        pytest.param([override("mine", same_as="*/gpt-4o"), override(usd="2")], None, "mine", 2.0,
                     id="at a rate that is set"),
        pytest.param([override("mine", same_as="*/gpt-4o"), override("gpt-4o", multiplier="0.5")], None, "mine", 1.25,
                     id="with its discount"),
        pytest.param([override("mine", same_as="*/gpt-4o"), override("*", multiplier="0.5")], None, "mine", 1.25,
                     id="with everything's discount, once"),
        pytest.param([override("mine", same_as="*/yours"), override("yours", same_as="*/gpt-4o")], None, "mine", None,
                     id="an alias of an alias is not followed"),
        pytest.param([override("mine", same_as="*/mine")], None, "mine", None, id="nor one of itself"),
    ],
)  # fmt: skip
def test_aliases(overrides: list[ValuationRate], provider: str | None, model: str, usd: float | None) -> None:
    assert paid(BOOK.with_overrides(overrides), provider, model) == usd


def test_an_organisations_discount_counts_once_for_an_alias() -> None:
    book = BOOK.with_overrides([override("*", multiplier="0.5", org_id="acme"), override("mine", same_as="*/gpt-4o")])
    assert paid(book, None, "mine", org_id="acme") == 1.25


@pytest.mark.parametrize(
    ("overrides", "rule"),
    [
        pytest.param([override("*", multiplier="0.9", org_id="acme")],
                     "override acme: */*: 0.9 times exact id", id="discount"),
        pytest.param([override("gpt-4o", provider="openai", same_as="*/o3-mini")],
                     "override openai/gpt-4o: costs what */o3-mini does (no provider given, openai claims the name: "
                     "exact id)", id="alias"),
        pytest.param([override("gpt-*", usd="1")], "override */gpt-*", id="pattern"),
        pytest.param([override("*", multiplier="0.333333")],
                     "override */*: 0.333333 times exact id; rounded to 10^-12 USD", id="rounded"),
    ],
)  # fmt: skip
def test_the_rule_says_what_was_done(overrides: list[ValuationRate], rule: str) -> None:
    card = BOOK.with_overrides(overrides).resolve("openai", "gpt-4o", AT_MS, org_id="acme")
    assert (card.source, card.rule) == ("valuation-rates", rule)


def test_a_rate_is_rounded_half_to_even() -> None:
    """0.333333 × 2.5 USD per million tokens are 833,332.5 pico-USD per token."""
    card = BOOK.with_overrides([override("*", multiplier="0.333333")]).resolve("openai", "gpt-4o", AT_MS)
    assert card.tiers[0].input == 833_332


GEMINI: dict[str, Any] = {
    "usd": "1.25",
    "output_usd_per_million_tokens": "10",
    "meters": {
        "cache_write_1h_usd_per_million_tokens": "2",
        "input_audio_usd_per_million_tokens": "4",
        "usd_per_thousand_web_searches": "10",
    },
    "above": [{"above_input_tokens": 200_000, "input_usd_per_million_tokens": "2.5"}],
    "usd_per_request": "0.005",
    "service_tiers": {"Batch": "0.5"},
}


@pytest.mark.parametrize(
    ("tokens", "meters", "tier", "usd"),
    [
        pytest.param(200_000, {}, "", "0.255", id="at the line"),
        pytest.param(200_001, {}, "", "0.5050025", id="above it: the whole request"),
        pytest.param(100_000, {"cache_write_1h_tokens": 100_000}, "", "0.205", id="written for an hour"),
        pytest.param(100_000, {"input_audio_tokens": 1_000}, "", "0.13275", id="audio"),
        pytest.param(100_000, {"web_searches": 3}, "", "0.16", id="searches"),
        pytest.param(200_000, {}, "batch", "0.1275", id="batch, half of all of it"),
        pytest.param(200_000, {}, "FLEX", "0.255", id="a tier that it does not name costs the same"),
    ],
)
def test_a_contract_with_all_that_contracts_say(tokens: int, meters: dict[str, int], tier: str, usd: str) -> None:
    book = BOOK.with_overrides([override("gemini-2.5-pro", **GEMINI)])
    card = book.resolve("google", "gemini-2.5-pro", AT_MS, service_tier=tier)
    written = meters.get("cache_write_1h_tokens", 0)
    counts = tuple(meters.get(name, 0) for name in NAMES)
    assert charge(card, tokens, 0, 0, written, 0, counts).cost_pico_usd == pico_from_text(usd)


@pytest.mark.parametrize(
    ("provider", "model", "source"),
    [
        pytest.param("ollama", "deepseek-r1:70b", "free-providers", id="by its name"),
        pytest.param("Ollama_Chat", "llama3", "free-providers", id="by its words"),
        pytest.param(None, "ollama/llama3", "free-providers", id="before the model's name"),
        pytest.param("litellm", "hosted_vllm/x", "none", id="another spelling is another provider"),
        pytest.param("litellm", "ollama/x", "free-providers", id="behind a gateway"),
        pytest.param("openai", "ollama/x", "none", id="not where the event names another provider"),
        pytest.param("openai", "gpt-4o", "catalogue", id="no other one is free"),
    ],
)
def test_providers_that_are_declared_free(provider: str | None, model: str, source: str) -> None:
    card = RateBook.bundled(["ollama", "LM-Studio"]).resolve(provider, model, AT_MS)
    assert card.source == source
    if source == "free-providers":
        assert "is declared free (BURNLINE_FREE_PROVIDERS)" in card.rule
        assert charge(card, 10, 10, 5, 5, 5)[:3] == (0, 0, 0)


def test_a_rate_goes_before_what_is_declared_free() -> None:
    assert paid(RateBook.bundled(["ollama"]).with_overrides([override("x", "7")]), "ollama", "x") == 7.0


@pytest.mark.parametrize(
    ("pattern", "name", "fits"),
    [
        pytest.param("*", "", True, id="anything"),
        pytest.param("gpt-*", "gpt-4o", True, id="a beginning"),
        pytest.param("gpt-*", "gpt-", True, id="with nothing behind it"),
        pytest.param("gpt-*", "my-gpt-4o", False, id="which is not one"),
        pytest.param("*-mini", "gpt-4o-mini", True, id="an end"),
        pytest.param("ab*ba", "aba", False, id="beginning and end do not overlap"),
        pytest.param("a*b*c", "a-c-b-c", True, id="in order"),
        pytest.param("a*b*c", "acb", False, id="out of order"),
        pytest.param("a.*", "abc", False, id="a dot is a dot"),
        pytest.param("a**b", "ab", True, id="two stars"),
    ],
)
def test_patterns(pattern: str, name: str, fits: bool) -> None:  # noqa: FBT001  # a case's outcome
    assert concerns(pattern, [name]) is fits


KEYED = st.text('abAB@/*?"[],:0é', min_size=1, max_size=6).map(str.strip).filter(bool)


@given(st.one_of(st.none(), KEYED), KEYED.map(lambda name: name.replace("/", "-")), KEYED, st.integers(0, 9))
def test_a_key_says_whose_it_is(org_id: str | None, provider: str, model: str, effective_from: int) -> None:
    key = rate_key(provider, model, effective_from, org_id)
    assert parts_of_key(key) == (org_id or "", provider.lower(), model)
    if model.count("*") <= 4 and provider.strip():
        rate = override(model, "1", provider=provider, org_id=org_id)
        assert place_of_key(rate.key()) == place_of(rate)
        assert ValuationRate.parse(rate.key(), rate.model_dump_json(exclude_none=True)) == rate


OVERRIDES = st.lists(
    st.builds(
        lambda model, org_id, since, what: override(
            model, org_id=org_id, effective_from=T1 + since if since else 0, **what
        ),
        st.sampled_from(["gpt-4o", "gpt-*", "*", "mine"]),
        st.sampled_from([None, "acme"]),
        st.integers(0, 4),
        st.sampled_from([{"usd": "1"}, {"usd": "3"}, {"multiplier": "0.5"}, {"same_as": "*/gpt-4o"}]),
    ),
    max_size=8,
    unique_by=ValuationRate.key,
)


@given(
    OVERRIDES, st.sampled_from(["gpt-4o", "mine"]), st.sampled_from(["", "acme"]), *[st.integers(T1 - 1, T1 + 6)] * 2
)
def test_a_card_can_be_kept_over_its_interval(
    rates: list[ValuationRate], model: str, org_id: str, at_ms: int, other_ms: int
) -> None:
    book = BOOK.with_overrides(rates)
    card = book.resolve("openai", model, at_ms, org_id=org_id)
    assert card.valid_from_ms <= at_ms < card.valid_until_ms <= FOREVER_MS
    if card.valid_from_ms <= other_ms < card.valid_until_ms:
        assert book.resolve("openai", model, other_ms, org_id=org_id) == card
