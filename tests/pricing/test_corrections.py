"""Prices that the catalogue has wrong: ours by hand, and that it still has them wrong."""

from datetime import UTC, datetime

import pytest
from genai_prices.data import providers

from burnline.events.meters import NAMES, NONE_USED
from burnline.pricing.book import RateBook
from burnline.pricing.card import charge
from burnline.pricing.catalogue import Catalogue
from burnline.pricing.corrections import CORRECTIONS

OURS, THEIRS = RateBook.bundled(), RateBook(Catalogue(providers))
MILLION = 1_000_000
SPOKEN = tuple(MILLION if name == "input_audio_tokens" else 0 for name in NAMES)


def ms(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * 1000


def cost_usd(
    book: RateBook,
    provider: str,
    model: str,
    at: str,
    counts: tuple[int, int, int],
    meters: tuple[int, ...] = NONE_USED,
) -> float:
    plain, answer, cached = counts
    return charge(book.resolve(provider, model, ms(at)), plain, answer, cached, 0, 0, meters).cost_pico_usd / 10**12


FLASH = ("deepseek", "deepseek-v4-flash", (MILLION, 100_000, 0))
PRO = ("deepseek", "deepseek-v4-pro", (MILLION, 0, 0))
CHAT = ("deepseek", "deepseek-chat", (MILLION, MILLION, 0))
REASONER = ("deepseek", "deepseek-reasoner", (MILLION, MILLION, 0))
TUNED = ("openai", "ft:gpt-4o-mini-2024-07-18:acme::abc", (100_000, 0, 50_000))


@pytest.mark.parametrize(
    ("which", "at", "usd"),
    [
        pytest.param(FLASH, "2026-11-21T02:00", 0.21, id="Saturday: off-peak"),
        pytest.param(FLASH, "2026-11-22T02:00", 0.21, id="Sunday: off-peak"),
        pytest.param(FLASH, "2026-11-23T00:59:59", 0.21, id="Monday, before the peak"),
        pytest.param(FLASH, "2026-11-23T01:00", 0.42, id="Monday, the peak begins"),
        pytest.param(FLASH, "2026-11-25T02:00", 0.42, id="Wednesday: peak"),
        pytest.param(FLASH, "2026-11-25T03:59:59", 0.42, id="its last second"),
        pytest.param(FLASH, "2026-11-25T04:00", 0.21, id="half-open"),
        pytest.param(FLASH, "2026-11-27T09:59:59", 0.42, id="Friday, the week's last second of it"),
        pytest.param(FLASH, "2026-07-01T02:00", 0.168, id="before the peak was invented"),
        pytest.param(FLASH, "2026-07-01T12:00", 0.168, id="and at noon"),
        pytest.param(FLASH, "2026-08-16T23:59:59", 0.168, id="the last day of the flat price"),
        pytest.param(FLASH, "2026-08-18T02:00", 0.572, id="peak of August's price"),
        pytest.param(FLASH, "2026-08-18T12:00", 0.286, id="off-peak of it"),
        pytest.param(FLASH, "2026-09-10T02:00", 0.42, id="peak of the price after it"),
        pytest.param(PRO, "2026-11-21T02:00", 0.66, id="pro, Saturday"),
        pytest.param(PRO, "2026-11-25T02:00", 1.32, id="pro, peak"),
        pytest.param(PRO, "2026-07-01T02:00", 0.435, id="pro, before"),
        pytest.param(CHAT, "2025-06-01T12:00", 1.37, id="chat, V3, day"),
        pytest.param(CHAT, "2025-09-05T15:59", 1.37, id="chat, the last minute of V3"),
        pytest.param(CHAT, "2025-09-05T16:00", 2.24, id="chat, V3.1"),
        pytest.param(CHAT, "2025-09-06T20:00", 2.24, id="chat, V3.1 has no night"),
        pytest.param(CHAT, "2025-09-29T00:00", 0.7, id="chat, V3.2"),
        pytest.param(REASONER, "2025-09-05T16:00", 2.24, id="reasoner, V3.1"),
        pytest.param(REASONER, "2025-06-01T20:00", 0.685, id="reasoner, V3, night"),
        pytest.param(("mistral", "mistral-large-latest", (MILLION, 0, 0)), "2025-12-01T23:59", 2.0, id="Large 2"),
        pytest.param(("mistral", "mistral-large-latest", (MILLION, 0, 0)), "2025-12-02T00:00", 0.5, id="Large 3"),
        pytest.param(("mistral", "mistral-large-2411", (MILLION, 0, 0)), "2026-11-25T00:00", 2.0, id="a dated Large 2"),
        pytest.param(("mistral", "codestral-latest", (MILLION, 0, MILLION)), "2026-11-25T00:00", 0.03,
                     id="codestral, cached"),
        pytest.param(TUNED, "2026-11-25T00:00", 0.0225, id="fine-tuned, cached"),
        pytest.param(("openai", "ft:gpt-4o-2024-08-06:a::b", (MILLION, 0, MILLION)), "2026-11-25T00:00", 1.875,
                     id="fine-tuned GPT-4o, cached"),
    ],
)  # fmt: skip
def test_corrected_prices(which: tuple[str, str, tuple[int, int, int]], at: str, usd: float) -> None:
    provider, model, counts = which
    assert cost_usd(OURS, provider, model, at, counts) == pytest.approx(usd, abs=1e-12)


STILL_WRONG = {
    "deepseek-v4-flash": ("2026-11-21T02:00", (MILLION, 0, 0)),
    "deepseek-flash": ("2026-11-21T02:00", (MILLION, 0, 0)),
    "deepseek-v4-pro": ("2026-11-21T02:00", (MILLION, 0, 0)),
    "deepseek-chat": ("2026-11-25T00:00", (MILLION, MILLION, 0)),
    "deepseek-reasoner": ("2026-11-25T00:00", (MILLION, MILLION, 0)),
    "mistral-large-latest": ("2026-11-25T00:00", (MILLION, 0, 0)),
    "codestral-latest": ("2026-11-25T00:00", (MILLION, 0, MILLION)),
    "gpt-4o-audio-preview": ("2026-11-25T00:00", (MILLION, 0, 0)),
    "gpt-4o-mini-audio-preview": ("2026-11-25T00:00", (MILLION, 0, 0)),
}


@pytest.mark.parametrize("which", [pytest.param(each, id=each.name) for each in CORRECTIONS])
def test_the_catalogue_still_needs_each_correction(which: object) -> None:
    """Fails once the catalogue is right, or no longer has the model: then the correction goes."""
    correction = next(each for each in CORRECTIONS if each is which)
    at, counts = STILL_WRONG[correction.name]
    spoken = SPOKEN if "audio" in correction.name else NONE_USED
    theirs = cost_usd(THEIRS, correction.provider, correction.name, at, counts, spoken)
    assert THEIRS.resolve(correction.provider, correction.name, ms(at)).priced
    ours = cost_usd(OURS, correction.provider, correction.name, at, counts, spoken)
    assert theirs != pytest.approx(ours, abs=1e-12)


def test_the_rule_says_that_a_price_is_corrected_and_by_what() -> None:
    rule = OURS.resolve("mistral", "mistral-large-latest", ms("2026-11-25T00:00")).rule
    assert "corrected: Mistral docs" in rule


@pytest.mark.parametrize("which", [pytest.param(each, id=each.name) for each in CORRECTIONS])
def test_a_corrected_card_holds_over_its_whole_interval(which: object) -> None:
    correction = next(each for each in CORRECTIONS if each is which)
    at_ms = ms("2025-08-01T00:00")
    for _ in range(40):
        card = OURS.resolve(correction.provider, correction.name, at_ms)
        assert card.valid_from_ms <= at_ms < card.valid_until_ms
        middle_ms = min((at_ms + card.valid_until_ms) // 2, ms("2040-01-01T00:00"))
        assert OURS.resolve(correction.provider, correction.name, middle_ms) == card
        at_ms = min(card.valid_until_ms, ms("2040-01-01T00:00"))
