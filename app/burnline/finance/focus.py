"""Usage as FOCUS 1.2 rows: one per token kind, day and everything else that is told apart.

How Burnline's names become FOCUS's:

- The org is the billing account, its team the sub account, the agent the resource; the project code is a tag.
- A charge period is one day of the asked time zone, a billing period its calendar month there; both are written in UTC.
- A SKU is a model's token kind at a provider. Tokens are disjoint: cached and cache-write tokens are no input tokens
  here, reasoning tokens no output tokens, so that each row's quantity times its price is its cost.
- A unit price is cost by quantity over the day: the rate itself if the rate stood, else the average paid.
- Burnline knows one price, the one in force. List, contracted, effective and billed cost are therefore the same.
- Tokens of models without a rate have no unit price (null, not 0) and cost nothing yet. They say so aloud: in the
  charge's description, by `PricingCategory` "Other", and in the two columns of Burnline's own.
- Every column is one of FOCUS 1.2, or begins with `x_`. Burnline knows no invoices: `InvoiceId` is null.
"""

import json
from collections.abc import Callable, Iterable, Iterator
from decimal import ROUND_HALF_EVEN, Context, Decimal
from functools import lru_cache
from typing import Literal, NamedTuple

from burnline.pricing.dated import utc_text
from burnline.pricing.money import PICO_PER_USD

FOCUS_VERSION = "1.2"
MILLION = 10**6
PRICE_DECIMALS = 24
"""Enough for price × quantity to round to the very cost at 12 decimals, up to 10^11 requests in one row."""

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


METERS = (
    Meter(
        "Input Tokens",
        "input",
        "Tokens",
        MILLION,
        lambda used: used.input_tokens - used.cached_input_tokens - used.cache_write_tokens,
        lambda used: used.input_cost,
    ),
    Meter(
        "Cached Input Tokens",
        "cached-input",
        "Tokens",
        MILLION,
        lambda used: used.cached_input_tokens,
        lambda used: used.cached_input_cost,
    ),
    Meter(
        "Cache Write Tokens",
        "cache-write",
        "Tokens",
        MILLION,
        lambda used: used.cache_write_tokens,
        lambda used: used.cache_write_cost,
    ),
    Meter(
        "Output Tokens",
        "output",
        "Tokens",
        MILLION,
        lambda used: used.output_tokens - used.reasoning_tokens,
        lambda used: used.output_cost,
    ),
    Meter(
        "Reasoning Tokens",
        "reasoning",
        "Tokens",
        MILLION,
        lambda used: used.reasoning_tokens,
        lambda used: used.reasoning_cost,
    ),
)
REQUESTS = Meter("Requests", "request", "Requests", 1, lambda used: used.events, lambda used: used.request_cost)


class Charge(NamedTuple):
    """One row before it is written: a meter of one day's usage."""

    used: UsageOfDay
    meter: Meter
    quantity: int
    cost: int

    @property
    def provider(self) -> str:
        """The provider; FOCUS wants a name where there is none."""
        return self.used.provider or _UNKNOWN

    @property
    def sku(self) -> str:
        """Identity of the model's token kind at the provider; its price goes by the same name."""
        return f"{self.provider}/{self.used.model}/{self.meter.slug}"

    @property
    def unpriced_at_most(self) -> int:
        """Tokens of this row without a rate: all, none, or no more than these where the day had both."""
        return min(self.quantity, self.used.unpriced_tokens) if self.meter.unit == "Tokens" else 0

    @property
    def status(self) -> str:
        """Whether its tokens had a rate: `priced`, `unpriced`, or `partly` when it is not known of which."""
        if not self.unpriced_at_most:
            return "priced"
        tokens = self.used.input_tokens + self.used.output_tokens
        return "unpriced" if self.used.unpriced_tokens >= tokens else "partly"

    @property
    def description(self) -> str:
        """A sentence for people."""
        said = f"{self.meter.name} of {self.used.model}"
        if self.status == "priced":
            return said
        return f"{'UNPRICED' if self.status == 'unpriced' else 'PARTLY UNPRICED'}: {said}; the model has no rate"

    @property
    def amount(self) -> Decimal:
        """The cost in USD."""
        return plain(self.cost, PICO_PER_USD)

    @property
    def unit_price(self) -> Decimal:
        """USD per unit of pricing: cost by quantity."""
        exact = _EXACT.divide(Decimal(self.cost * self.meter.per), Decimal(self.quantity * PICO_PER_USD))
        return _short(exact.quantize(Decimal(1).scaleb(-PRICE_DECIMALS), ROUND_HALF_EVEN, _EXACT))

    @property
    def known_price(self) -> Decimal | None:
        """The unit price; None where some of the tokens had none, so that the quotient is no price."""
        return self.unit_price if self.status == "priced" else None


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
    _text("SkuPriceId", lambda row: row.sku),
    Column("SkuPriceDetails", "json", nullable=False, cell=_price_details),
    # How much
    _number("ConsumedQuantity", lambda row: Decimal(row.quantity)),
    _text("ConsumedUnit", lambda row: row.meter.unit),
    _number("PricingQuantity", _quantity),
    _text("PricingUnit", lambda row: row.meter.unit if row.meter.per == 1 else f"{row.meter.per} {row.meter.unit}"),
    _text("PricingCategory", lambda row: "Standard" if row.status == "priced" else "Other"),
    Column("ListUnitPrice", "decimal", nullable=True, cell=lambda row: row.known_price),
    Column("ContractedUnitPrice", "decimal", nullable=True, cell=lambda row: row.known_price),
    _number("ListCost", lambda row: row.amount),
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


def charges(usage: Iterable[UsageOfDay]) -> Iterator[Charge]:
    """The rows of each day's usage; meters that nothing was used of have none. Their costs sum to the usage's."""
    for used in usage:
        for meter in METERS:
            quantity = meter.quantity(used)
            if quantity:
                yield Charge(used, meter, quantity, meter.cost(used))
        if used.request_cost:
            yield Charge(used, REQUESTS, used.events, used.request_cost)


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
