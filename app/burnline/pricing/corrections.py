"""Prices that the bundled catalogue has wrong: ours go before them, each dated and with its source.

A test holds each against the catalogue of the installed package, and fails once that is right: then it goes from here.
"""

from decimal import Decimal
from typing import NamedTuple

from genai_prices.types import ModelPrice

from burnline.pricing.compiled import CompiledPrice, compile_price
from burnline.pricing.dated import HOUR_MS, Always, Condition, Daily, Dated, Since, Workdays, day_ms


class Correction(NamedTuple):
    """The right prices of a model of one provider; of those that hold, the last counts.

    `name` is the catalogue's id of the model, or a name that the catalogue gives to the wrong one.
    """

    provider: str
    name: str
    prices: tuple[Dated[CompiledPrice], ...]
    source: str


def _price(condition: Condition, source: str, *usd: str, **others: str) -> Dated[CompiledPrice]:
    """USD per million tokens: input, output, and cached input if it has a rate of its own; others by their names."""
    plain, answer, *cached = map(Decimal, usd)
    rates = {"input_mtok": plain, "output_mtok": answer, **{name: Decimal(value) for name, value in others.items()}}
    price = compile_price(ModelPrice(**rates, **({"cache_read_mtok": cached[0]} if cached else {})))
    return Dated(condition, CompiledPrice(price.tiers, f"corrected: {source}"))


_HOURS = ((1 * HOUR_MS, 4 * HOUR_MS), (6 * HOUR_MS, 10 * HOUR_MS))
_AUGUST, _SEPTEMBER = day_ms(2026, 8, 17), day_ms(2026, 9, 10)
_PEAK = "DeepSeek API docs, peak hours: 01-04 and 06-10 UTC, Monday to Friday, since 2026-08-17"


def _with_peak(
    since_ms: int, until_ms: int | None, plain: tuple[str, ...], peak: tuple[str, ...]
) -> list[Dated[CompiledPrice]]:
    at_peak = (Workdays(since_ms, until_ms, start, end) for start, end in _HOURS)
    return [_price(Since(since_ms), _PEAK, *plain), *(_price(each, _PEAK, *peak) for each in at_peak)]


_FLASH_NOW = _with_peak(_SEPTEMBER, None, ("0.15", "0.6", "0.003"), ("0.3", "1.2", "0.006"))
_FLASH_AUGUST = _with_peak(_AUGUST, _SEPTEMBER, ("0.22", "0.66", "0.007"), ("0.44", "1.32", "0.014"))
_PRO_NOW = _with_peak(_AUGUST, None, ("0.66", "1.98", "0.022"), ("1.32", "3.96", "0.044"))

_V31 = "DeepSeek API docs, news of 2025-08-21: one price for chat and reasoner from 2025-09-05 16:00 UTC"
_V32 = "DeepSeek API docs, news of 2025-09-29: V3.2-Exp at once half the price"
_V31_MS = day_ms(2025, 9, 5) + 16 * HOUR_MS
_V32_MS = day_ms(2025, 9, 29)
_UNTIL_V31 = "DeepSeek API docs, off-peak discounts 16:30-00:30 UTC until 2025-09-05"


def _before_v31(plain: tuple[str, ...], at_night: tuple[str, ...]) -> tuple[Dated[CompiledPrice], ...]:
    night = Daily(_half_past(16), _half_past(0))
    return (
        _price(Always(), _UNTIL_V31, *plain),
        _price(night, _UNTIL_V31, *at_night),
        _price(Since(_V31_MS), _V31, "0.56", "1.68", "0.07"),
        _price(Since(_V32_MS), _V32, "0.28", "0.42", "0.028"),
    )


def _half_past(hour: int) -> int:
    return hour * HOUR_MS + HOUR_MS // 2


_LARGE_3 = "Mistral docs: mistral-large-latest is Mistral Large 3 (2512) since 2025-12-02"
_CODESTRAL = "Mistral pricing: codestral-latest is codestral-2508 since 2025-07-30, cached input at a tenth"
_AUDIO = "OpenAI pricing, audio tokens: 40 in and 80 out of gpt-4o-audio-preview, 10 and 20 of the mini"

CORRECTIONS = (
    Correction(
        "deepseek",
        "deepseek-v4-flash",
        (_price(Always(), _PEAK, "0.14", "0.28", "0.0028"), *_FLASH_AUGUST, *_FLASH_NOW),
        _PEAK,
    ),
    Correction("deepseek", "deepseek-flash", (_FLASH_NOW[0]._replace(condition=Always()), *_FLASH_NOW), _PEAK),
    Correction(
        "deepseek",
        "deepseek-v4-pro",
        (_price(Always(), _PEAK, "0.435", "0.87", "0.003625"), *_PRO_NOW),
        _PEAK,
    ),
    Correction("deepseek", "deepseek-chat", _before_v31(("0.27", "1.1", "0.07"), ("0.135", "0.55", "0.035")), _V32),
    Correction(
        "deepseek", "deepseek-reasoner", _before_v31(("0.55", "2.19", "0.14"), ("0.135", "0.55", "0.035")), _V32
    ),
    Correction(
        "mistral",
        "mistral-large-latest",
        (_price(Always(), _LARGE_3, "2", "6"), _price(Since(day_ms(2025, 12, 2)), _LARGE_3, "0.5", "1.5", "0.05")),
        _LARGE_3,
    ),
    Correction(
        "mistral",
        "codestral-latest",
        (
            _price(Always(), _CODESTRAL, "0.3", "0.9"),
            _price(Since(day_ms(2025, 7, 30)), _CODESTRAL, "0.3", "0.9", "0.03"),
        ),
        _CODESTRAL,
    ),
    Correction(
        "openai",
        "gpt-4o-audio-preview",
        (_price(Always(), _AUDIO, "2.5", "10", input_audio_mtok="40", output_audio_mtok="80"),),
        _AUDIO,
    ),
    Correction(
        "openai",
        "gpt-4o-mini-audio-preview",
        (_price(Always(), _AUDIO, "0.15", "0.6", input_audio_mtok="10", output_audio_mtok="20"),),
        _AUDIO,
    ),
)
