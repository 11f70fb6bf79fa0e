"""Usage as FOCUS 1.2 rows: one per token kind, day and everything else that is told apart.

How Burnline's names become FOCUS's:

- The org is the billing account, its team the sub account, the agent the resource; the project code is a tag.
- A charge period is one day of the asked time zone, a billing period its calendar month there; both are written in UTC.
- A SKU is a model's token kind at a provider. Tokens are disjoint: cached and cache-write tokens are no input tokens
  here, reasoning tokens no output tokens, so that each row's quantity times its price is its cost. What is metered
  beside them (audio, images, writes for an hour, searches) has rows of its own, and is not in the plain ones.
- A row has one unit price, at which its quantity makes its cost, exactly: a day has a row per price
  (`finance.unit_prices`). Where prices cannot be told apart there is none (`x_PricingStatus` "mixed"), and no average.
- The list price is the catalogue's. Contracted, effective and billed cost are what an override set makes of it, and the
  same where there is none. An override has no tiers by context: beside it stands the list price of the base tier.
- Tokens of models without a rate have no unit price (null, not 0) and cost nothing yet. They say so aloud: in the
  charge's description, by `PricingCategory` "Other", and in the two columns of Burnline's own.
- Every column is one of FOCUS 1.2, or begins with `x_`. Burnline knows no invoices: `InvoiceId` is null.
"""

import json
from collections.abc import Callable, Iterable, Iterator
from decimal import Context, Decimal
from functools import lru_cache
from itertools import groupby
from typing import Literal, NamedTuple, Protocol

from burnline.events.meters import METERS as RARE_METERS
from burnline.events.meters import Meter as RareMeter
from burnline.finance.unit_prices import Rates, parts
from burnline.pricing.dated import utc_text
from burnline.pricing.money import PICO_PER_USD

FOCUS_VERSION = "1.2"
MILLION = 10**6

Cell = str | Decimal | None
Type = Literal["text", "decimal", "time", "json"]

_EXACT = Context(prec=60)
_UNKNOWN = "unknown"
_HELD = 4_096
"""Texts that are remembered: those of a day, a team, a model stand in row after row."""


class UsageOfDay(NamedTuple):
    """What was used in one day by one combination of dimensions. Times are epoch ms, ends exclusive; amounts pico-USD.

    Token counts are inclusive, as in the events; the costs are those of the disjoint parts, and sum to what it cost.
    """

    day_start_ms: int
    day_end_ms: int
    month_start_ms: int
    month_end_ms: int
    org_id: str
    agent_id: str
    team_id: str | None
    project_code: str | None
    provider: str
    model: str
    kind: str
    events: int
    input_tokens: int
    output_tokens: int
    cached_input_tokens: int
    cache_write_tokens: int
    reasoning_tokens: int
    unpriced_tokens: int
    input_cost: int
    cached_input_cost: int
    cache_write_cost: int
    output_cost: int
    reasoning_cost: int
    request_cost: int
    reported_cost: int = 0
    at_ms: int = 0
    """The event time whose rates are asked for: the first quarter of an hour in it."""
    own: tuple[tuple[int, int], ...] = ()
    """Of each rare meter (`burnline.events.meters`) the units that no other meter counts, and what they cost, both part
    of the plain ones above; empty where none was used."""

    def plain_of(self, part: str, units: int, cost: int) -> tuple[int, int]:
        """Of a part's units and cost, those that no rare meter counts."""
        for meter, (own_units, own_cost) in zip(RARE_METERS, self.own, strict=bool(self.own)):
            if meter.part == part:
                units -= own_units if meter.is_tokens else 0
                cost -= own_cost
        return units, cost

    @property
    def whose(self) -> tuple[object, ...]:
        """Day and dimensions, without what was used."""
        return self[:11]


class Meter(NamedTuple):
    """One token kind, as a row has it."""

    name: str
    """`SkuMeter`."""
    slug: str
    """In `SkuId`."""
    unit: str
    per: int
    """Units of usage in one unit of pricing."""
    quantity: Callable[[UsageOfDay], int]
    cost: Callable[[UsageOfDay], int]


def _part(used: UsageOfDay, part: str) -> tuple[int, int]:
    """Units and cost of a part, rare meters included."""
    match part:
        case "input":
            return used.input_tokens - used.cached_input_tokens - used.cache_write_tokens, used.input_cost
        case "cached_input":
            return used.cached_input_tokens, used.cached_input_cost
        case "cache_write":
            return used.cache_write_tokens, used.cache_write_cost
        case "output":
            return used.output_tokens - used.reasoning_tokens, used.output_cost
        case "reasoning":
            return used.reasoning_tokens, used.reasoning_cost
        case _:
            return used.events, used.request_cost


def _plain(name: str, part: str, unit: str, per: int) -> Meter:
    def what(used: UsageOfDay) -> tuple[int, int]:
        return used.plain_of(part, *_part(used, part))

    return Meter(name, part.replace("_", "-"), unit, per, lambda used: what(used)[0], lambda used: what(used)[1])


def _rare(at: int, meter: RareMeter) -> Meter:
    named = meter.words.title()
    name, unit, per = (
        (f"{named} Tokens", "Tokens", MILLION) if meter.is_tokens else (named, named.split()[-1], meter.per)
    )

    def own(used: UsageOfDay) -> tuple[int, int]:
        return used.own[at] if used.own else (0, 0)

    return Meter(name, meter.stem.replace("_", "-"), unit, per, lambda used: own(used)[0], lambda used: own(used)[1])


METERS = (
    _plain("Input Tokens", "input", "Tokens", MILLION),
    _plain("Cached Input Tokens", "cached_input", "Tokens", MILLION),
    _plain("Cache Write Tokens", "cache_write", "Tokens", MILLION),
    _plain("Output Tokens", "output", "Tokens", MILLION),
    _plain("Reasoning Tokens", "reasoning", "Tokens", MILLION),
    *(_rare(at, meter) for at, meter in enumerate(RARE_METERS)),
)
REQUESTS = _plain("Requests", "request", "Requests", 1)
REPORTED = Meter("Reported Cost", "reported", "Events", 1, lambda used: used.events, lambda used: used.reported_cost)
"""What no rate prices, as publishers reported it; it has no unit price."""


class Charge(NamedTuple):
    """One row before it is written: a meter of one day's usage."""

    used: UsageOfDay
    meter: Meter
    quantity: int
    cost: int
    price: int | None
    """Pico-USD per unit of usage: contracted. None where there is none, or several."""
    list_price: int | None
    """The catalogue's."""

    @property
    def provider(self) -> str:
        """The provider; FOCUS wants a name where there is none."""
        return self.used.provider or _UNKNOWN

    @property
    def sku(self) -> str:
        """Identity of the model's token kind at the provider."""
        return f"{self.provider}/{self.used.model}/{self.meter.slug}"

    @property
    def sku_price(self) -> str:
        """Identity of its list price."""
        return self.sku if self.list_price is None else f"{self.sku}@{self._in_usd(self.list_price)}"

    @property
    def unpriced_at_most(self) -> int:
        """Tokens of this row without a rate: all, none, or no more than these where the day had both."""
        return min(self.quantity, self.used.unpriced_tokens) if self.meter.unit == "Tokens" else 0

    @property
    def status(self) -> str:
        """Whether its tokens had a rate.

        `priced`, `unpriced`, `partly` when it is not known of which, `mixed`: several that cannot be told apart, or
        `reported`: the cost is what publishers said.
        """
        if self.meter is REPORTED:
            return "reported"
        if not self.unpriced_at_most:
            return "priced" if self.price is not None else "mixed"
        tokens = self.used.input_tokens + self.used.output_tokens
        return "unpriced" if self.used.unpriced_tokens >= tokens else "partly"

    @property
    def description(self) -> str:
        """A sentence for people."""
        said = f"{self.meter.name} of {self.used.model}"
        if self.status in {"priced", "reported"}:
            return said
        if self.status == "mixed":
            return f"{said}, at several rates"
        return f"{'UNPRICED' if self.status == 'unpriced' else 'PARTLY UNPRICED'}: {said}; the model has no rate"

    @property
    def amount(self) -> Decimal:
        """The cost in USD."""
        return plain(self.cost, PICO_PER_USD)

    @property
    def list_amount(self) -> Decimal:
        """The cost at the list price; the cost itself where there is no unit price."""
        return self.amount if self.list_price is None else plain(self.list_price * self.quantity, PICO_PER_USD)

    @property
    def contracted_unit_price(self) -> Decimal | None:
        """USD per unit of pricing; None where some of the tokens had none, or there were several."""
        return None if self.price is None else self._in_usd(self.price)

    @property
    def list_unit_price(self) -> Decimal | None:
        """The same of the catalogue."""
        return None if self.list_price is None else self._in_usd(self.list_price)

    def _in_usd(self, price: int) -> Decimal:
        return plain(price * self.meter.per, PICO_PER_USD)


class Column(NamedTuple):
    """A column: its name, what it holds, whether a cell may be null, and where the cell comes from."""

    name: str
    type: Type
    nullable: bool
    cell: Callable[[Charge], Cell]


def _text(name: str, cell: Callable[[Charge], str]) -> Column:
    return Column(name, "text", nullable=False, cell=cell)


def _optional(name: str, cell: Callable[[Charge], str | None] = lambda _: None, kind: Type = "text") -> Column:
    return Column(name, kind, nullable=True, cell=cell)


def _always(name: str, value: str) -> Column:
    return Column(name, "text", nullable=False, cell=lambda _: value)


def _number(name: str, cell: Callable[[Charge], Decimal]) -> Column:
    return Column(name, "decimal", nullable=False, cell=cell)


def _time(name: str, cell: Callable[[Charge], int]) -> Column:
    return Column(name, "time", nullable=False, cell=lambda row: _moment(cell(row)))


def _quantity(row: Charge) -> Decimal:
    return plain(row.quantity, row.meter.per)


def _team_type(row: Charge) -> str | None:
    return None if row.used.team_id is None else "Team"


def _tags(row: Charge) -> str | None:
    return _some(("team_id", row.used.team_id), ("project_code", row.used.project_code))


def _price_details(row: Charge) -> str:
    model, provider = row.used.model, row.used.provider or None
    return _some(("x_ModelId", model), ("x_ModelProvider", provider), ("x_TokenType", row.meter.slug)) or "{}"


COLUMNS = (
    # Who
    _text("BillingAccountId", lambda row: row.used.org_id),
    _optional("BillingAccountName", lambda row: row.used.org_id),
    _always("BillingAccountType", "Organization"),
    _optional("SubAccountId", lambda row: row.used.team_id),
    _optional("SubAccountName", lambda row: row.used.team_id),
    _optional("SubAccountType", _team_type),
    _text("ResourceId", lambda row: row.used.agent_id),
    _text("ResourceName", lambda row: row.used.agent_id),
    _always("ResourceType", "AI Agent"),
    _optional("Tags", _tags, "json"),
    # When
    _time("BillingPeriodStart", lambda row: row.used.month_start_ms),
    _time("BillingPeriodEnd", lambda row: row.used.month_end_ms),
    _time("ChargePeriodStart", lambda row: row.used.day_start_ms),
    _time("ChargePeriodEnd", lambda row: row.used.day_end_ms),
    # What
    _always("ChargeCategory", "Usage"),
    _optional("ChargeClass"),
    _text("ChargeDescription", lambda row: row.description),
    _always("ChargeFrequency", "Usage-Based"),
    _text("ProviderName", lambda row: row.provider),
    _text("PublisherName", lambda row: row.provider),
    _text("InvoiceIssuerName", lambda row: row.provider),
    _optional("InvoiceId"),
    _always("ServiceCategory", "AI and Machine Learning"),
    _always("ServiceSubcategory", "Generative AI"),
    _text("ServiceName", lambda row: f"{row.provider} model API"),
    _text("SkuId", lambda row: row.sku),
    _text("SkuMeter", lambda row: row.meter.name),
    _text("SkuPriceId", lambda row: row.sku_price),
    Column("SkuPriceDetails", "json", nullable=False, cell=_price_details),
    # How much
    _number("ConsumedQuantity", lambda row: Decimal(row.quantity)),
    _text("ConsumedUnit", lambda row: row.meter.unit),
    _number("PricingQuantity", _quantity),
    _text("PricingUnit", lambda row: row.meter.unit if row.meter.per == 1 else f"{row.meter.per} {row.meter.unit}"),
    _text("PricingCategory", lambda row: "Standard" if row.status == "priced" else "Other"),
    Column("ListUnitPrice", "decimal", nullable=True, cell=lambda row: row.list_unit_price),
    Column("ContractedUnitPrice", "decimal", nullable=True, cell=lambda row: row.contracted_unit_price),
    _number("ListCost", lambda row: row.list_amount),
    _number("ContractedCost", lambda row: row.amount),
    _number("BilledCost", lambda row: row.amount),
    _number("EffectiveCost", lambda row: row.amount),
    _always("BillingCurrency", "USD"),
    # Burnline's own
    _text("x_UsageKind", lambda row: row.used.kind),
    _text("x_PricingStatus", lambda row: row.status),
    _number("x_UnpricedTokensAtMost", lambda row: Decimal(row.unpriced_at_most)),
)
"""Every column, in the order of the file."""


class KnowsRates(Protocol):
    """What rates there are."""

    def rates(self, provider: str, model: str, at_ms: int, meter: str) -> Rates:
        """Those of a meter (by its slug) in force at an event time."""


class NoRates:
    """Knows none: unit prices follow from the sums alone."""

    def rates(self, provider: str, model: str, at_ms: int, meter: str) -> Rates:  # noqa: ARG002  # one shape for both
        """None."""
        return Rates()


def charges(usage: Iterable[UsageOfDay], cards: KnowsRates = NoRates()) -> Iterator[Charge]:  # noqa: B008  # it holds nothing
    """The rows of each day's usage, one per meter and unit price. Their costs sum to the usage's.

    Args:
        usage: What was used; rows of one day and the same dimensions one after another.
        cards: Which rates there were.
    """
    for _, some in groupby(usage, lambda used: used.whose):
        found: dict[tuple[str, int | None, int | None], Charge] = {}
        for charge in (each for used in some for each in _taken_apart(used, cards)):
            key = charge.meter.slug, charge.price, charge.list_price
            same = found.get(key) if charge.price is not None else None
            if same is None:
                found[key if charge.price is not None else (charge.meter.slug, None, -len(found) - 1)] = charge
            else:
                found[key] = same._replace(quantity=same.quantity + charge.quantity, cost=same.cost + charge.cost)
        order = [meter.slug for meter in (*METERS, REQUESTS, REPORTED)]
        yield from sorted(found.values(), key=lambda charge: order.index(charge.meter.slug))


def _taken_apart(used: UsageOfDay, cards: KnowsRates) -> Iterator[Charge]:
    if used.reported_cost:
        yield Charge(used, REPORTED, used.events, used.reported_cost, None, None)
    for meter in (*METERS, REQUESTS):
        quantity, cost = meter.quantity(used), meter.cost(used)
        if not quantity or (meter is REQUESTS and not cost):
            continue
        if meter is not REQUESTS and used.unpriced_tokens:
            yield Charge(used, meter, quantity, cost, None, None)
            continue
        rates = cards.rates(used.provider, used.model, used.at_ms, meter.slug)
        for part in parts(quantity, cost, rates.own, rates.served):
            if meter is not REQUESTS or part.cost:
                yield Charge(used, meter, part.quantity, part.cost, part.price, rates.list_price(part.price))


def cells(row: Charge) -> list[Cell]:
    """A row as the cells of `COLUMNS`."""
    return [column.cell(row) for column in COLUMNS]


def plain(units: int, per: int) -> Decimal:
    """A quantity or an amount in a larger unit: exact where that has so many decimals, and as short as it can be."""
    return _short(_EXACT.divide(Decimal(units), Decimal(per)))


def _short(value: Decimal) -> Decimal:
    """The same number without zeros at its end, and without an exponent."""
    normal = value.normalize(_EXACT)
    return normal.quantize(Decimal(1), context=_EXACT) if int(normal.as_tuple().exponent) > 0 else normal


@lru_cache(maxsize=_HELD)
def _some(*fields: tuple[str, str | None]) -> str | None:
    """Those that there are as a JSON object; None if there are none."""
    found = {name: value for name, value in fields if value is not None}
    return json.dumps(found, ensure_ascii=False, separators=(",", ":"), sort_keys=True) if found else None


@lru_cache(maxsize=_HELD)
def _moment(at_ms: int) -> str:
    return utc_text(at_ms)
