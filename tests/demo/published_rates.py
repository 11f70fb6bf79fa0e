"""An independent price list for the demo's models, and an independent sum: `Decimal`, none of the worker's code.

USD per million tokens, as the providers publish them: input, cached input, cache write, output. Reasoning is output.
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, NamedTuple

MILLION = Decimal(1_000_000)


class Rates(NamedTuple):
    """USD per million tokens."""

    input: Decimal
    cached_input: Decimal
    cache_write: Decimal
    output: Decimal


def _rates(*figures: str) -> Rates:
    return Rates(*map(Decimal, figures))


PUBLISHED = {
    ("openai", "gpt-4o"): _rates("2.50", "1.25", "2.50", "10"),
    ("openai", "gpt-4o-mini"): _rates("0.15", "0.075", "0.15", "0.60"),
    ("openai", "gpt-4.1"): _rates("2", "0.50", "2", "8"),
    ("openai", "gpt-4.1-mini"): _rates("0.40", "0.10", "0.40", "1.60"),
    ("openai", "o4-mini"): _rates("1.10", "0.275", "1.10", "4.40"),
    ("openai", "text-embedding-3-small"): _rates("0.02", "0.02", "0.02", "0"),
    ("anthropic", "claude-haiku-4-5"): _rates("1", "0.10", "1.25", "5"),
}


def cost_usd(usage: Mapping[str, Any]) -> Decimal:
    """What one event costs: each token once, cached and written ones at their own rate."""
    rates = PUBLISHED[usage["provider"], usage["model"]]
    cached: int = usage.get("cached_input_tokens", 0)
    written: int = usage.get("cache_write_tokens", 0)
    plain: int = usage["input_tokens"] - cached - written
    output: int = usage["output_tokens"]
    return (
        plain * rates.input + cached * rates.cached_input + written * rates.cache_write + output * rates.output
    ) / MILLION
