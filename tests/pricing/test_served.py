"""What an event costs by how and where it was served: real bills, by hand."""

import json
from decimal import Decimal
from typing import Any

import pytest

from burnline.events.decode import decode_batch
from burnline.events.meters import NAMES
from burnline.events.usage import meters_of
from burnline.pricing.book import RateBook
from burnline.pricing.card import charge
from burnline.pricing.explain import explain_charge

AT_MS = 1_795_845_077_002
BOOK = RateBook.bundled()

EVENT = {
    "event_id": "1",
    "occurred_at": AT_MS,
    "org_id": "acme",
    "agent_id": "a",
    "session_id": "s",
    "input_tokens": 0,
    "output_tokens": 0,
}
HOUR = {"provider": "anthropic", "model": "claude-opus-5", "input_tokens": 344_139, "cache_write_tokens": 344_139}
FLEX = {
    "provider": "openai",
    "model": "gpt-5-mini",
    "input_tokens": 2_000,
    "output_tokens": 500,
    "cached_input_tokens": 1_000,
}
FAST = {"provider": "anthropic", "model": "claude-opus-4-8", "input_tokens": 44_667, "cache_write_tokens": 44_667}
SONNET = {"input_tokens": 100_000, "output_tokens": 10_000}
VERTEX = {**SONNET, "provider": "gcp.vertex_ai", "model": "claude-sonnet-4-5@20250929"}
BEDROCK = {**SONNET, "provider": "aws.bedrock", "model": "anthropic.claude-sonnet-4-5-20250929-v1:0"}
GEMINI = {"provider": "google", "model": "gemini-2.5-pro", "input_tokens": 300_000, "output_tokens": 1_000}


@pytest.mark.parametrize(
    ("event", "usd"),
    [
        pytest.param({**HOUR, "cache_write_1h_tokens": 344_139}, "3.44139", id="an hour's cache writes at 2 x input"),
        pytest.param(HOUR, "2.15086875", id="five minutes' at 1.25 x input"),
        pytest.param({**HOUR, "cache_write_1h_tokens": 100_000}, "2.52586875", id="some of each"),
        pytest.param({**FLEX, "service_tier": "flex"}, "0.0006375", id="flex costs half"),
        pytest.param({**FLEX, "service_tier": "batch"}, "0.0006375", id="batch, too"),
        pytest.param({**FLEX, "service_tier": "priority"}, "0.002295", id="priority costs 1.8 times"),
        pytest.param({**FLEX, "service_tier": "default"}, "0.001275", id="default is no tier"),
        pytest.param(FLEX, "0.001275", id="none named"),
        pytest.param({**FAST, "service_tier": "fast"}, "0.5583375", id="fast mode costs double"),
        pytest.param(FAST, "0.27916875", id="the same in standard mode"),
        pytest.param({**GEMINI, "service_tier": "batch"}, "0.3825", id="batch, above the line for long requests"),
        pytest.param({**VERTEX, "region": "europe-west1"}, "0.495", id="Vertex, a region"),
        pytest.param({**VERTEX, "region": "global"}, "0.45", id="Vertex, global"),
        pytest.param({**BEDROCK, "region": "us-gov-west-1"}, "0.54", id="Bedrock, GovCloud"),
        pytest.param({**SONNET, "provider": "anthropic", "model": "claude-opus-4-8", "region": "us"}, "0.825",
                     id="Claude, inference in the US only"),
    ],
)  # fmt: skip
def test_a_bill_by_hand(event: dict[str, Any], usd: str) -> None:
    (usage,), refused = decode_batch([json.dumps({**EVENT, **event}).encode()], now_ms=AT_MS, max_clock_skew_ms=0)
    assert usage is not None, refused
    card = BOOK.resolve(
        usage.provider, usage.model, AT_MS, service_tier=usage.service_tier or "", region=usage.region or ""
    )
    counts = (usage.input_tokens, usage.output_tokens, usage.cached_input_tokens, usage.cache_write_tokens)
    parts = (*counts, usage.reasoning_tokens)
    charged = charge(card, *parts, meters_of(usage))
    assert Decimal(charged.cost_pico_usd).scaleb(-12) == Decimal(usd)
    assert sum(charged[3:]) == charged.cost_pico_usd
    assert sum(step.amount_pico_usd for step in explain_charge(card, *parts, meters_of(usage))) == charged.cost_pico_usd


@pytest.mark.parametrize(
    ("tier", "model"),
    [
        pytest.param("scale", "gpt-5-mini", id="a tier unheard of"),
        pytest.param("flex", "gpt-4o", id="not this model's"),
    ],
)
def test_a_tier_that_the_catalogue_has_no_rate_for_is_unpriced(tier: str, model: str) -> None:
    card = BOOK.resolve("openai", model, AT_MS, service_tier=tier)
    assert not card.priced
    assert card.rule.endswith(f"no rate for service tier '{tier}'")


@pytest.mark.parametrize("tier", ["", "standard", "default", " Standard "])
def test_standard_is_the_plain_card(tier: str) -> None:
    assert BOOK.resolve("openai", "gpt-5-mini", AT_MS, service_tier=tier) == BOOK.resolve("openai", "gpt-5-mini", AT_MS)


def test_a_tiers_card_ends_where_its_rates_change() -> None:
    """Batch of gemini-3.8-flash costs more from 2027 on."""
    card = BOOK.resolve("google", "gemini-3.8-flash", AT_MS, service_tier="batch")
    later = BOOK.resolve("google", "gemini-3.8-flash", card.valid_until_ms, service_tier="batch")
    assert card.tiers[0].input * 2 == later.tiers[0].input
    assert card.valid_until_ms == later.valid_from_ms


def test_more_for_an_hour_than_was_written_is_refused() -> None:
    value = json.dumps({**EVENT, **HOUR, "cache_write_1h_tokens": 344_140}).encode()
    _, (refused,) = decode_batch([value], now_ms=AT_MS, max_clock_skew_ms=0)
    assert refused.field == "cache_write_1h_tokens"
    assert refused.detail == "cache_write_1h_tokens 344140 exceed cache_write_tokens 344139"


def test_charging_more_for_an_hour_than_was_written_is_an_error() -> None:
    counts = tuple(2 if name == "cache_write_1h_tokens" else 0 for name in NAMES)
    with pytest.raises(ValueError, match="cache_write_1h_tokens 2 exceed cache_write_tokens 1"):
        charge(BOOK.resolve("anthropic", "claude-opus-5", AT_MS), 10, 0, 0, 1, 0, counts)
