"""What answers about rates look like, and rates as a request sends them."""

from decimal import Decimal
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StrictInt,
    StrictStr,
    create_model,
)

from burnline.api.parameters import instant_ms, instant_text
from burnline.events.meters import METERS
from burnline.pricing.card import RateCard
from burnline.pricing.explain import describe
from burnline.pricing.inheritance import PARTS, TERMS, rate_field
from burnline.pricing.valuation import ValuationRate
from burnline.readmodel.rows import RateChange

_AMOUNT = r"^([0-9]{1,6}(\.[0-9]{1,6})?|1000000(\.0{1,6})?)$"
_DECIMALS = 6


def _text_of_number(value: object) -> object:
    """A JSON number as the text that it was written as; one with more decimals than a rate has stays, and is refused.

    13 digits at most are a rate's: a float holds so many, and its shortest spelling is what was written.
    """
    if type(value) not in (int, float):
        return value
    number = Decimal(str(value))
    exponent = number.as_tuple().exponent
    return f"{number:f}" if isinstance(exponent, int) and exponent >= -_DECIMALS else value


UsdPerMillion = Annotated[
    StrictStr,
    BeforeValidator(
        _text_of_number,
        json_schema_input_type=Annotated[str, Field(pattern=_AMOUNT, max_length=14)]
        | Annotated[float, Field(ge=0, le=10**6)],
    ),
    Field(pattern=_AMOUNT, max_length=14, examples=["2.5"]),
]
"""USD per million tokens, 0 to 10^6, at most 6 decimals: as decimal text, or as a number that says the same."""


Factor = Annotated[StrictStr, Field(pattern=r"^[0-9]{1,4}(\.[0-9]{1,6})?$", max_length=11, examples=["0.85"])]
"""A factor as decimal text, 0 to 1000."""


def _checked_time(text: str) -> str:
    return instant_text(instant_ms(text))


EffectiveFrom = Annotated[
    StrictStr,
    AfterValidator(_checked_time),
    Field(
        description='Event time from which the rate holds: ISO 8601 with an offset, or "always".',
        examples=["2026-11-24T00:00:00Z"],
        json_schema_extra={"anyOf": [{"format": "date-time"}, {"const": "always"}]},
    ),
]


class RatesAboveBody(BaseModel):
    """Rates of requests with more than so many input tokens; what is absent costs what it does below the line."""

    model_config = ConfigDict(title="RatesAboveToSet", extra="forbid")

    above_input_tokens: Annotated[StrictInt, Field(ge=1, le=10**9)]
    input_usd_per_million_tokens: UsdPerMillion | None = None
    output_usd_per_million_tokens: UsdPerMillion | None = None
    cached_input_usd_per_million_tokens: UsdPerMillion | None = None
    cache_write_usd_per_million_tokens: UsdPerMillion | None = None
    reasoning_usd_per_million_tokens: UsdPerMillion | None = None
    meters: Annotated[
        dict[str, UsdPerMillion] | None, Field(description="Rates of rare meters, by the names that cards show.")
    ] = None


class RateBody(BaseModel):
    """What a model is to cost: by rates, as another model (`same_as`), or by a `multiplier` of what holds without it.

    Rates that are absent are inherited from the card that they replace; at least one has to be there.
    """

    model_config = ConfigDict(title="RateToSet", extra="forbid")

    effective_from: EffectiveFrom
    org_id: Annotated[
        StrictStr | None, Field(min_length=1, max_length=256, description="Only for this organisation's events.")
    ] = None
    multiplier: Annotated[
        Factor | None, Field(description="So many times what holds without it; 0.85 is a discount of 15 %.")
    ] = None
    same_as: Annotated[
        StrictStr | None, Field(max_length=513, description="provider/model that it costs the same as.")
    ] = None
    input_usd_per_million_tokens: UsdPerMillion | None = None
    output_usd_per_million_tokens: UsdPerMillion | None = None
    cached_input_usd_per_million_tokens: UsdPerMillion | None = None
    cache_write_usd_per_million_tokens: UsdPerMillion | None = None
    reasoning_usd_per_million_tokens: UsdPerMillion | None = None
    meters: Annotated[
        dict[str, UsdPerMillion] | None, Field(description="Rates of rare meters, by the names that cards show.")
    ] = None
    usd_per_request: Annotated[
        StrictStr | None, Field(pattern=r"^[0-9]{1,4}(\.[0-9]{1,12})?$", max_length=17, examples=["0.005"])
    ] = None
    above: Annotated[list[RatesAboveBody] | None, Field(description="Rates of long requests, lines ascending.")] = None
    service_tiers: Annotated[
        dict[str, Factor] | None, Field(description="So many times these rates at a service tier.")
    ] = None
    note: Annotated[StrictStr | None, Field(max_length=1024, description="Why, for people.")] = None

    def stated(self) -> dict[str, str]:
        """The rates that it names, by their fields."""
        return {field: text for part in PARTS if (text := getattr(self, field := rate_field(part))) is not None}

    def terms(self) -> dict[str, Any]:
        """What it states beyond them, by their fields."""
        return self.model_dump(include=set(TERMS), exclude_none=True)

    @property
    def is_rates(self) -> bool:
        """Whether it says what is paid by rates, not as another model or by a factor."""
        return self.multiplier is None and self.same_as is None


class State(StrEnum):
    """Where a rate stands against the clock."""

    IN_FORCE = "in force"
    TO_COME = "to come"
    PAST = "past"


class TierOut(BaseModel):
    """Rates in USD per million tokens, for requests with more than so many input tokens; 0 is the base."""

    model_config = ConfigDict(title="RateTier")

    above_input_tokens: int
    input_usd_per_million_tokens: str
    output_usd_per_million_tokens: str
    cached_input_usd_per_million_tokens: str
    cache_write_usd_per_million_tokens: str
    reasoning_usd_per_million_tokens: str
    usd_per_request: str | None = None


if not TYPE_CHECKING:
    # With the rates of rare meters.
    TierOut = create_model(
        TierOut.__name__,
        __base__=TierOut,
        __doc__=TierOut.__doc__,
        __module__=__name__,
        **{
            meter.rate_field: (str | None, Field(None, description=f"Null: the rate of its part. {meter.description}"))
            for meter in METERS
        },
    )


class CardOut(BaseModel):
    """A rate card: which rule matched, for how long it holds, and its rates."""

    model_config = ConfigDict(title="RateCard")

    provider: str
    model: str
    priced: Annotated[bool, Field(description="Whether there is a rate at all; a free model is priced.")]
    source: Annotated[
        str, Field(description="catalogue, valuation-rates, free-providers or none.", examples=["catalogue"])
    ]
    rule: Annotated[str, Field(description="What matched, or why nothing did.", examples=["exact id"])]
    valid_from: Annotated[str | None, Field(description="ISO 8601; null: without a beginning.")]
    valid_until: Annotated[str | None, Field(description="ISO 8601, exclusive; null: without an end.")]
    tiers: list[TierOut]

    @classmethod
    def of(cls, card: RateCard) -> Self:
        """From the card itself."""
        return cls.model_validate(describe(card))


class RateOut(BaseModel):
    """A rate that was set."""

    model_config = ConfigDict(title="ValuationRate")

    key: Annotated[str, Field(description="Key of its record.", examples=["openai/gpt-4o@0"])]
    provider: str
    model: str
    effective_from: Annotated[str, Field(description='ISO 8601, or "always".', examples=["always"])]
    org_id: Annotated[str | None, Field(description="Whose it is alone; null: every organisation's.")] = None
    multiplier: str | None = None
    same_as: str | None = None
    input_usd_per_million_tokens: str | None = None
    output_usd_per_million_tokens: str | None = None
    cached_input_usd_per_million_tokens: str | None = None
    cache_write_usd_per_million_tokens: str | None = None
    reasoning_usd_per_million_tokens: str | None = None
    meters: dict[str, str] | None = None
    usd_per_request: str | None = None
    above: list[RatesAboveBody] | None = None
    service_tiers: dict[str, str] | None = None
    note: str | None = None
    state: State

    @classmethod
    def of(cls, rate: ValuationRate, state: State) -> Self:
        """From the rate itself."""
        fields: dict[str, Any] = rate.model_dump()
        fields["effective_from"] = instant_text(rate.effective_from)
        return cls(key=rate.key(), state=state, **fields)


class ChangeOut(BaseModel):
    """A change of a rate: its record on the topic."""

    model_config = ConfigDict(title="RateChange")

    key: str
    offset: int
    at_ms: Annotated[int, Field(description="When the record was appended: Unix epoch, milliseconds.")]
    deleted: bool
    value: Annotated[dict[str, Any] | None, Field(description="The rate as it was set; null for its deletion.")]


def change_out(key: str, change: RateChange, value: dict[str, Any] | None) -> ChangeOut:
    """A change out of its row."""
    return ChangeOut(key=key, offset=change.offset, at_ms=change.timestamp_ms, deleted=value is None, value=value)


class RateWritten(BaseModel):
    """What took effect, and from when."""

    model_config = ConfigDict(title="RateWritten")

    rate: RateOut
    changed: Annotated[bool, Field(description="False if the very same rate stood there before: nothing was written.")]
    dry_run: Annotated[bool, Field(description="True: this is what would take effect, and nothing was written.")]
    topic: str
    partition: Annotated[int | None, Field(description="Null for a dry run that would change something.")]
    offset: Annotated[
        int | None,
        Field(description="Of the record that says so, acknowledged by every in-sync replica; null as `partition`."),
    ]
    inherited: Annotated[
        list[str], Field(description="Fields that were not named and are the replaced card's, as `inherit` says.")
    ]
    dropped: Annotated[
        list[str], Field(description="What the replaced card has and this rate cannot say, in sentences.")
    ]
    card: Annotated[
        CardOut | None, Field(description="In force for event times from `effective_from` on; null for a pattern.")
    ]
    before: Annotated[CardOut | None, Field(description="What was in force for them until now.")]


class RateDeleted(BaseModel):
    """What was deleted, and what holds in its place."""

    model_config = ConfigDict(title="RateDeleted")

    rate: RateOut
    topic: str
    partition: int
    offset: int
    card: Annotated[
        CardOut | None,
        Field(description="In force again for event times from its `effective_from` on; null for a pattern."),
    ]
