"""Rate cards in integers, and what one event costs by a card.

One USD per million tokens is 1,000,000 pico-USD per token, so a charge is a sum of integer products: exact, with no
rounding anywhere.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import NamedTuple

from burnline.events.meters import METERS, NAMES, NONE_USED, PARTS, misfit, own_units

BEGINNING_MS = 0
"""`valid_from_ms` of a card without a beginning."""
FOREVER_MS = 2**63 - 1
"""`valid_until_ms` of a card without an end."""
ANY_PROVIDER = "*"
"""`provider` of a card that holds for all."""
STANDARD = frozenset({"", "standard", "default"})
"""Service tiers that are none."""
PLAIN_TIERS = STANDARD | {"auto", "on_demand", "on-demand", "ondemand", "standard_only"}
"""Names of service tiers that cost the plain rates: of Groq and Vertex AI, and what requests ask for ("auto": whatever
is free, which is standard but for customers with a commitment)."""
NO_METER_RATES: tuple[int | None, ...] = (None,) * len(METERS)
_PLACE_OF_PART = tuple(3 + PARTS.index(meter.part) for meter in METERS)
"""Of each meter, the field of a charge that its cost belongs to."""


def meter_rates(by_name: Mapping[str, int | None]) -> tuple[int | None, ...]:
    """Rates of meters as a tier has them, pico-USD per unit; what is not named has none of its own.

    Raises:
        ValueError: A name is no meter's.
    """
    unknown = by_name.keys() - set(NAMES)
    if unknown:
        raise ValueError(f"{min(unknown)!r} is no meter: {', '.join(NAMES)}")
    return tuple(map(by_name.get, NAMES))


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
    meters: tuple[int | None, ...] = NO_METER_RATES
    """Of each unit of a meter, in the order of the table; None where its tokens cost what others of their part do."""

    def meter_rate(self, at: int) -> int | None:
        """What a unit of a meter costs: by its own rate, else as any token of its part; a fee has no other rate.

        Args:
            at: The meter's place in the table.
        """
        rate, part = self.meters[at], METERS[at].part
        return rate if rate is not None or part == "request" else int(getattr(self, part))

    def times(self, factor: Fraction, *, tokens_only: bool = False) -> "Tier":
        """The same tier with every rate multiplied, and rounded half to even to whole pico-USD per token.

        Args:
            factor: So many times.
            tokens_only: Leave fees alone: of requests, searches and what else is no token.
        """
        return Tier(
            self.above_input_tokens,
            input=round(self.input * factor),
            output=round(self.output * factor),
            cached_input=round(self.cached_input * factor),
            cache_write=round(self.cache_write * factor),
            reasoning=round(self.reasoning * factor),
            per_request=self.per_request if tokens_only else round(self.per_request * factor),
            meters=tuple(
                rate if rate is None or (tokens_only and not meter.is_tokens) else round(rate * factor)
                for rate, meter in zip(self.meters, METERS, strict=True)
            ),
        )


@dataclass(frozen=True, slots=True)
class RateCard:
    """One price for one model, valid for event times in `[valid_from_ms, valid_until_ms)`.

    `provider` and `model` are the catalogue's ids, or an override's. `source` is "catalogue", "valuation-rates",
    "free-providers" or "none"; `rule` says in words what matched, or why nothing did. `tiers` ascend by
    `above_input_tokens`, the base first; a card without tiers is unpriced.
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
    meters: tuple[int, ...] = NONE_USED,
) -> Charge:
    """Price one event, each token once.

    Counts are inclusive: cached and cache-write tokens are part of the input, reasoning tokens of the output, and what
    a meter counts is part of those of its part. `meters` are the counts of the rare meters, in the order of the table.
    Savings are what the cached tokens would have cost more as plain input, and never negative. An unpriced card
    costs 0 and hands back every token as unpriced.

    Raises:
        ValueError: When a part is larger than its whole. Decoded events never are.
    """
    plain = (input_tokens, output_tokens, cached_input_tokens, cache_write_tokens, reasoning_tokens)
    charged = charge_fields(card, *plain)
    if meters != NONE_USED:
        charged, _ = charge_meters(card, charged, *plain, meters)
    return Charge(*charged)


def charge_fields(
    card: RateCard,
    input_tokens: int,
    output_tokens: int,
    cached_input_tokens: int,
    cache_write_tokens: int,
    reasoning_tokens: int,
) -> ChargeFields:
    """As `charge` of an event that uses no rare meter, for the hot path: a plain tuple is made several times as fast.

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
    if fresh < 0 or answer < 0:
        raise ValueError(
            f"cached_input_tokens={cached_input_tokens} and cache_write_tokens={cache_write_tokens} must fit into "
            f"input_tokens={input_tokens}, reasoning_tokens={reasoning_tokens} into output_tokens={output_tokens}"
        )
    asked = fresh * tier.input
    cached = cached_input_tokens * tier.cached_input
    written = cache_write_tokens * tier.cache_write
    answered = answer * tier.output
    reasoned = reasoning_tokens * tier.reasoning
    fee = tier.per_request if input_tokens or output_tokens else 0
    cost = asked + cached + written + answered + reasoned + fee
    saved = cached_input_tokens * tier.input - cached
    return cost, saved if saved > 0 else 0, 0, asked, cached, written, answered, reasoned, fee


def charge_meters(
    card: RateCard,
    charged: ChargeFields,
    input_tokens: int,
    output_tokens: int,
    cached_input_tokens: int,
    cache_write_tokens: int,
    reasoning_tokens: int,
    meters: tuple[int, ...],
) -> tuple[ChargeFields, tuple[int, ...]]:
    """The charge of an event that uses rare meters, and what the units of each cost of it.

    Args:
        card: What prices it.
        charged: What `charge_fields` says of its plain counts.
        input_tokens: As there, and so are those after it.
        output_tokens: As there.
        cached_input_tokens: As there.
        cache_write_tokens: As there.
        reasoning_tokens: As there.
        meters: The meters' counts, in the order of the table.

    Returns:
        The charge; and of each meter, in pico-USD, the part of it that its own units cost.

    Raises:
        ValueError: Some of them count more than there is.
    """
    fresh = input_tokens - cached_input_tokens - cache_write_tokens
    wrong = misfit(meters, fresh, cached_input_tokens, cache_write_tokens, output_tokens - reasoning_tokens)
    if wrong is not None:
        raise ValueError(wrong.detail)
    tier = card.tier_for(input_tokens)
    if tier is None:
        return charged, NONE_USED
    fields, costs = list(charged), [0] * len(METERS)
    for at, units in enumerate(own_units(meters)):
        if units:
            rate, place = tier.meter_rate(at) or 0, _PLACE_OF_PART[at]
            costs[at] = units * rate
            fields[place] += costs[at] - (units * int(getattr(tier, METERS[at].part)) if METERS[at].is_tokens else 0)
    fields[0] = sum(fields[3:])
    fields[1] = max(0, _as_fresh(tier, cached_input_tokens, meters) - fields[4])
    return tuple(fields), tuple(costs)  # type: ignore[return-value]  # as many as there were


def _as_fresh(tier: Tier, cached_input_tokens: int, meters: tuple[int, ...]) -> int:
    """What the cached tokens would have cost as fresh input, each as what it is."""
    cost = cached_input_tokens * tier.input
    for at, meter in enumerate(METERS):
        if meters[at] and meter.part == "cached_input" and meter.within:
            cost += meters[at] * ((tier.meter_rate(NAMES.index(meter.within)) or 0) - tier.input)
    return cost


def unpriced_fees(card: RateCard, meters: tuple[int, ...]) -> list[str]:
    """The meters that an event uses, are no tokens, and have no rate in its card."""
    tier = card.tiers[0] if card.tiers else None
    return [
        meter.words
        for at, meter in enumerate(METERS)
        if meters[at] and not meter.is_tokens and (tier is None or tier.meters[at] is None)
    ]
