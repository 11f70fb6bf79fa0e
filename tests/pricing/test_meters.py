"""What providers bill beside plain tokens, by hand: each event as a provider's answer counts it, at published rates."""

import json
from decimal import Decimal
from typing import Any

import pytest

from burnline.events.decode import decode_batch
from burnline.events.meters import METERS, NAMES
from burnline.events.usage import meters_of
from burnline.pricing.book import RateBook
from burnline.pricing.card import RateCard, Tier, charge, charge_fields, charge_meters, meter_rates, unpriced_fees
from burnline.pricing.explain import describe, explain_charge, step_text

AT_MS = 1_795_845_077_002
BOOK = RateBook.bundled()
EVENT = {"event_id": "1", "occurred_at": AT_MS, "org_id": "acme", "agent_id": "a", "session_id": "s"}

AUDIO = {"provider": "openai", "model": "gpt-audio", "input_tokens": 1_200, "output_tokens": 300}
REALTIME = {"provider": "openai", "model": "gpt-realtime"}
RESPONSE_DONE = {"input_tokens": 132, "cached_input_tokens": 64, "output_tokens": 121}
"""Of the Realtime API: 119 text and 13 audio tokens in, of which 64 of text were cached; 30 and 91 out."""
CACHED = {"input_tokens": 1_000, "cached_input_tokens": 500, "output_tokens": 0}
IMAGE = {"provider": "openai", "model": "gpt-image-1.5", "input_tokens": 1_000, "output_tokens": 1_584}
CLAUDE = {"provider": "anthropic", "model": "claude-sonnet-4-5", "input_tokens": 105 + 7_123 + 7_345,
          "cached_input_tokens": 7_123, "cache_write_tokens": 7_345, "output_tokens": 6_039}  # fmt: skip
"""A Messages answer after a web search: 105 fresh, 7,123 read, 7,345 written."""
GEMINI = {"provider": "google", "model": "gemini-2.5-flash", "input_tokens": 1_930, "output_tokens": 100}
NANO = {"provider": "google", "model": "gemini-2.5-flash-image", "input_tokens": 10, "output_tokens": 1_290}
LIVE = {"provider": "google", "model": "gemini-3.8-live", "input_tokens": 2_000, "output_tokens": 0}
OMNI = {"provider": "google", "model": "gemini-omni-1.1-flash", "input_tokens": 0, "output_tokens": 1_000}
GPT = {"provider": "openai", "model": "gpt-4.1", "input_tokens": 1_000, "output_tokens": 0}
HAIKU = {"provider": "anthropic", "model": "claude-haiku-4-5", "input_tokens": 2_000, "cache_write_tokens": 1_500,
         "output_tokens": 0}  # fmt: skip


@pytest.mark.parametrize(
    ("event", "usd"),
    [
        # 200 x 2.5 + 1,000 x 32 + 50 x 10 + 250 x 64
        pytest.param({**AUDIO, "input_audio_tokens": 1_000, "output_audio_tokens": 250}, "0.049", id="OpenAI audio"),
        # 55 x 4 + 13 x 32 + 64 x 0.4 + 30 x 16 + 91 x 64
        pytest.param({**REALTIME, **RESPONSE_DONE, "input_audio_tokens": 13, "output_audio_tokens": 91}, "0.0069656",
                     id="OpenAI Realtime"),
        # 200 x 4 + 300 x 32 + 200 x 0.4 + 300 x 0.4
        pytest.param({**REALTIME, **CACHED, "input_audio_tokens": 600, "cached_input_audio_tokens": 300}, "0.0106",
                     id="OpenAI Realtime, audio out of the cache"),
        # 100 x 5 + 900 x 8, 1,584 x 32
        pytest.param({**IMAGE, "input_image_tokens": 900, "output_image_tokens": 1_584}, "0.058388",
                     id="OpenAI images"),
        # 100 x 5 + 500 x 8 + 400 x 2, 1,584 x 32
        pytest.param({**IMAGE, "cached_input_tokens": 400, "input_image_tokens": 900, "cached_input_image_tokens": 400,
                      "output_image_tokens": 1_584}, "0.055988", id="OpenAI images, out of the cache"),
        # 105 x 3 + 7,123 x 0.3 + 7,345 x 3.75 + 6,039 x 15, and 10 per thousand searches
        pytest.param({**CLAUDE, "web_searches": 1}, "0.13058065", id="Anthropic web search"),
        # 500 x 1 + 1,000 x 2 + 500 x 1.25
        pytest.param({**HAIKU, "cache_write_1h_tokens": 1_000}, "0.003125", id="Anthropic, an hour and five minutes"),
        # 10 x 0.3 + 1,920 x 1 + 100 x 2.5
        pytest.param({**GEMINI, "input_audio_tokens": 1_920}, "0.002173", id="Gemini, a minute of audio"),
        # 10 x 0.3 + 1,290 x 30: what Google calls 0.039 an image
        pytest.param({**NANO, "output_image_tokens": 1_290}, "0.038703", id="Gemini, an image"),
        # 500 x 0.75 + 1,000 x 1 + 500 x 3
        pytest.param({**LIVE, "input_video_tokens": 1_000, "input_audio_tokens": 500}, "0.002875", id="Gemini Live"),
        pytest.param({**OMNI, "output_video_tokens": 1_000}, "0.0175", id="Gemini, a video"),
        # 1,000 x 2, and 2.5 per thousand searches
        pytest.param({**GPT, "file_searches": 2}, "0.007", id="OpenAI file search"),
        # each at the plain rate of its part
        pytest.param({**GPT, "input_image_tokens": 700}, "0.002", id="no rate of its own"),
    ],
)  # fmt: skip
def test_a_bill_by_hand(event: dict[str, Any], usd: str) -> None:
    (usage,), refused = decode_batch([json.dumps({**EVENT, **event}).encode()], now_ms=AT_MS, max_clock_skew_ms=0)
    assert usage is not None, refused
    card = BOOK.resolve(usage.provider, usage.model, AT_MS)
    counts = (usage.input_tokens, usage.output_tokens, usage.cached_input_tokens, usage.cache_write_tokens,
              usage.reasoning_tokens)  # fmt: skip
    charged = charge(card, *counts, meters_of(usage))
    assert Decimal(charged.cost_pico_usd).scaleb(-12) == Decimal(usd)
    assert sum(charged[3:]) == charged.cost_pico_usd
    steps = explain_charge(card, *counts, meters_of(usage))
    assert sum(step.amount_pico_usd for step in steps) == charged.cost_pico_usd
    assert sum(step.quantity for step in steps if step.per == "million tokens") == sum(counts[:2])


def of(**counts: int) -> tuple[int, ...]:
    """Counts of meters, in the order of the table."""
    return tuple(counts.get(name, 0) for name in NAMES)


def test_what_cached_audio_saves_is_measured_against_fresh_audio() -> None:
    card = BOOK.resolve("openai", "gpt-realtime", AT_MS)
    charged = charge(card, 1_000, 0, 500, 0, 0, of(input_audio_tokens=600, cached_input_audio_tokens=300))
    assert charged.cache_savings_pico_usd == 200 * 3_600_000 + 300 * 31_600_000


def test_each_meter_knows_what_it_cost() -> None:
    card = BOOK.resolve("openai", "gpt-realtime", AT_MS)
    meters = of(input_audio_tokens=600, cached_input_audio_tokens=300, output_audio_tokens=10)
    counts = (1_000, 10, 500, 0, 0)
    _, costs = charge_meters(card, charge_fields(card, *counts), *counts, meters)
    found = {name: cost for name, cost in zip(NAMES, costs, strict=True) if cost}
    assert found == {
        "input_audio_tokens": 300 * 32_000_000,
        "cached_input_audio_tokens": 300 * 400_000,
        "output_audio_tokens": 10 * 64_000_000,
    }


def test_a_fee_without_a_rate_is_told_and_not_free_in_silence() -> None:
    card = BOOK.resolve("openai", "gpt-audio", AT_MS)
    assert unpriced_fees(card, of(web_searches=2)) == ["web searches"]
    assert unpriced_fees(BOOK.resolve("anthropic", "claude-sonnet-4-5", AT_MS), of(web_searches=2)) == []
    (step,) = explain_charge(card, 0, 0, 0, 0, 0, of(web_searches=2))
    assert step_text(step) == "2 web searches: unpriced"


def test_an_unpriced_card_hands_every_token_back_once() -> None:
    card = RateCard("x", "y", "none", "nobody lists it", 0, 2**63 - 1, ())
    charged = charge(card, 10, 5, 0, 0, 0, of(input_audio_tokens=4, output_audio_tokens=5))
    assert (charged.cost_pico_usd, charged.unpriced_tokens) == (0, 15)


def test_a_card_is_described_with_the_rates_that_it_has() -> None:
    tiers = (Tier(0, 1_000_000, 2_000_000, 1_000_000, 1_000_000, 2_000_000,
                  meters=meter_rates({"input_audio_tokens": 5_000_000, "web_searches": 10 * 10**9})),)  # fmt: skip
    described: Any = describe(RateCard("x", "y", "none", "", 0, 2**63 - 1, tiers))
    (tier,) = described["tiers"]
    assert tier["input_audio_usd_per_million_tokens"] == "5"
    assert tier["usd_per_thousand_web_searches"] == "10"
    assert not any("image" in name or "video" in name for name in tier)


def test_rates_of_no_meter_are_an_error() -> None:
    with pytest.raises(ValueError, match="'smell_tokens' is no meter"):
        meter_rates({"smell_tokens": 1})


def test_the_bundled_catalogue_prices_every_meter() -> None:
    """A meter without a rate anywhere would be of no use; a misspelt rate would be none."""
    tiers = [
        tier
        for provider, model in {
            (event["provider"], event["model"])
            for event in (AUDIO, REALTIME, IMAGE, CLAUDE, GEMINI, NANO, LIVE, OMNI, GPT, HAIKU)
        }
        for tier in BOOK.resolve(str(provider), str(model), AT_MS).tiers
    ]
    unused = [meter.name for at, meter in enumerate(METERS) if all(tier.meters[at] is None for tier in tiers)]
    assert unused == []
