"""Rate cards in integers, and what one event costs by a card.

One USD per million tokens is 1,000,000 pico-USD per token, so a charge is a sum of integer products: exact, with no
rounding anywhere.
"""

from dataclasses import dataclass, field
from fractions import Fraction
from typing import NamedTuple

BEGINNING_MS = 0
"""`valid_from_ms` of a card without a beginning."""
FOREVER_MS = 2**63 - 1
"""`valid_until_ms` of a card without an end."""
ANY_PROVIDER = "*"
"""`provider` of a card that holds for all."""


@dataclass(frozen=True, slots=True)
class Tier:
    """Rates in pico-USD per token, for requests with more than `above_input_tokens` input tokens (0: the base).

    The highest tier reached prices the whole request, not just the tokens above its line; that is the rule of every
    provider in the catalogue. `per_request` is a fee in pico-USD for each request that used tokens at all.
    """

    above_input_tokens: int
    input: int
    output: int
    cached_input: int
    cache_write: int
    reasoning: int
    per_request: int = 0
    cache_write_1h: int | None = None
    """Of tokens written to the cache for an hour; None where they cost what others do that are written to it."""

    def times(self, factor: Fraction) -> "Tier":
        """The same tier with every rate multiplied, and rounded half to even to whole pico-USD per token."""
        return Tier(
            self.above_input_tokens,
            input=round(self.input * factor),
            output=round(self.output * factor),
            cached_input=round(self.cached_input * factor),
            cache_write=round(self.cache_write * factor),
            reasoning=round(self.reasoning * factor),
            per_request=round(self.per_request * factor),
            cache_write_1h=None if self.cache_write_1h is None else round(self.cache_write_1h * factor),
        )


@dataclass(frozen=True, slots=True)
class RateCard:
    """One price for one model, valid for event times in `[valid_from_ms, valid_until_ms)`.

    `provider` and `model` are the catalogue's ids, or an override's. `source` is "catalogue", "valuation-rates" or
    "none"; `rule` says in words what matched, or why nothing did. `tiers` ascend by `above_input_tokens`, the base
    first; a card without tiers is unpriced.
    """

    provider: str
    model: str
    source: str
    rule: str
    valid_from_ms: int
    valid_until_ms: int
    tiers: tuple[Tier, ...]
    flat: Tier | None = field(init=False, repr=False, compare=False)
    """The only tier when there is one and it asks no fee: most cards, and the short way through `charge`."""
    named_provider: str = field(init=False, repr=False, compare=False)
    """`provider`, but "" when the card holds for any."""

    def __post_init__(self) -> None:
        plain = len(self.tiers) == 1 and not self.tiers[0].per_request
        object.__setattr__(self, "flat", self.tiers[0] if plain else None)
        object.__setattr__(self, "named_provider", "" if self.provider == ANY_PROVIDER else self.provider)

    @property
    def priced(self) -> bool:
        """Whether there is a rate, be it zero: a free model is priced."""
        return bool(self.tiers)

    def tier_for(self, input_tokens: int) -> Tier | None:
        """The tier that prices a request with so many input tokens (cached ones included); None when unpriced."""
        if not self.tiers:
            return None
        for tier in reversed(self.tiers):
            if input_tokens > tier.above_input_tokens:
                return tier
        return self.tiers[0]


class Charge(NamedTuple):
    """What one event cost, what its cached tokens saved, how many tokens no card had a rate for, and the cost's parts.

    The parts are disjoint, as the tokens are that they price, and sum to the cost.
    """

    cost_pico_usd: int
    cache_savings_pico_usd: int
    unpriced_tokens: int
    input_pico_usd: int = 0
    """Fresh input: neither cached nor cache-write."""
    cached_input_pico_usd: int = 0
    cache_write_pico_usd: int = 0
    output_pico_usd: int = 0
    """The answer: output without reasoning."""
    reasoning_pico_usd: int = 0
    request_pico_usd: int = 0


ChargeFields = tuple[int, int, int, int, int, int, int, int, int]
"""The fields of a `Charge`, in its order."""


def charge(
    card: RateCard,
    input_tokens: int,
    output_tokens: int,
    cached_input_tokens: int,
    cache_write_tokens: int,
    reasoning_tokens: int,
    cache_write_1h_tokens: int = 0,
) -> Charge:
    """Price one event, each token once.

    Counts are inclusive: cached and cache-write tokens are part of the input, reasoning tokens of the output, and those
    written for an hour of the cache-write tokens.
    Savings are what the cached tokens would have cost more as plain input, and never negative. An unpriced card
    costs 0 and hands back every token as unpriced.

    Raises:
        ValueError: When a part is larger than its whole. Decoded events never are.
    """
    return Charge(
        *charge_fields(
            card,
            input_tokens,
            output_tokens,
            cached_input_tokens,
            cache_write_tokens,
            reasoning_tokens,
            cache_write_1h_tokens,
        )
    )


def charge_fields(
    card: RateCard,
    input_tokens: int,
    output_tokens: int,
    cached_input_tokens: int,
    cache_write_tokens: int,
    reasoning_tokens: int,
    cache_write_1h_tokens: int = 0,
) -> ChargeFields:
    """As `charge`, for the hot path: a plain tuple is made and taken apart several times as fast.

    Raises:
        ValueError: As `charge`.
    """
    tier = card.flat
    if tier is None:
        tier = card.tier_for(input_tokens)
        if tier is None:
            return 0, 0, input_tokens + output_tokens, 0, 0, 0, 0, 0, 0
    elif not (cached_input_tokens or cache_write_tokens or reasoning_tokens):
        asked, answered = input_tokens * tier.input, output_tokens * tier.output
        return asked + answered, 0, 0, asked, 0, 0, answered, 0, 0
    fresh = input_tokens - cached_input_tokens - cache_write_tokens
    answer = output_tokens - reasoning_tokens
    if fresh < 0 or answer < 0 or cache_write_1h_tokens > cache_write_tokens:
        raise ValueError(
            f"cache_write_1h_tokens={cache_write_1h_tokens} must fit into cache_write_tokens, "
            f"cached_input_tokens={cached_input_tokens} and cache_write_tokens={cache_write_tokens} must fit into "
            f"input_tokens={input_tokens}, reasoning_tokens={reasoning_tokens} into output_tokens={output_tokens}"
        )
    asked = fresh * tier.input
    cached = cached_input_tokens * tier.cached_input
    written = cache_write_tokens * tier.cache_write
    if cache_write_1h_tokens and tier.cache_write_1h is not None:
        written += cache_write_1h_tokens * (tier.cache_write_1h - tier.cache_write)
    answered = answer * tier.output
    reasoned = reasoning_tokens * tier.reasoning
    fee = tier.per_request if input_tokens or output_tokens else 0
    cost = asked + cached + written + answered + reasoned + fee
    saved = cached_input_tokens * tier.input - cached
    return cost, saved if saved > 0 else 0, 0, asked, cached, written, answered, reasoned, fee
