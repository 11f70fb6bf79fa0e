"""The wire contract of topic `valuation-rates` v1: rates that go before the catalogue's, from a date on."""

import json
from fractions import Fraction
from typing import Annotated, Self

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from burnline.events.contract import Id
from burnline.events.keyed import record_in
from burnline.events.meters import METERS
from burnline.events.usage import END_TIME_MS, MIN_TIME_MS
from burnline.pricing.card import STANDARD, Tier, meter_rates
from burnline.pricing.money import PICO_PER_USD, amount_text, pico_from_text

MAX_USD_PER_MILLION = 10**6
RATE_DECIMALS = 6
"""So many decimals of USD per million tokens make whole pico-USD per token."""
MAX_USD_PER_REQUEST = 1000
MAX_MULTIPLIER = 1000
MAX_LINES = 7
"""Lines of input tokens above which a rate may change; with the base that are as many tiers as the kernel holds."""
MAX_SERVICE_TIERS = 16
MAX_STARS = 4
_TOKENS = 10**6
_PARTS = ("input", "output", "cached_input", "cache_write", "reasoning")
METER_FIELDS = {meter.rate_field: meter for meter in METERS}
"""Names of rates of rare meters, as cards show them."""


class ValuationRateError(ValueError):
    """A record of the topic `valuation-rates` that cannot be used; the message names its key, field and value."""


def _rate(value: object) -> str:
    text = amount_text(value)
    if not 0 <= pico_from_text(text) <= MAX_USD_PER_MILLION * PICO_PER_USD:
        raise ValueError(f"must lie between 0 and {MAX_USD_PER_MILLION}")
    if len(text.partition(".")[2]) > RATE_DECIMALS:
        raise ValueError(f"must have at most {RATE_DECIMALS} decimals")
    return text


def _provider(name: str) -> str:
    if "/" in name:
        raise ValueError("must not hold a slash: it ends the provider in the record's key")
    return name.strip().lower()


def _model(name: str) -> str:
    name = name.strip()
    if not name:
        raise ValueError("must name a model; * stands for any")
    if name.count("*") > MAX_STARS:
        raise ValueError(f"must hold at most {MAX_STARS} stars")
    return name


def _fee(value: object) -> str:
    text = amount_text(value)
    if not 0 <= pico_from_text(text) <= MAX_USD_PER_REQUEST * PICO_PER_USD:
        raise ValueError(f"must lie between 0 and {MAX_USD_PER_REQUEST}")
    return text


def _multiplier(value: object) -> str:
    text = amount_text(value)
    if not 0 <= pico_from_text(text) <= MAX_MULTIPLIER * PICO_PER_USD:
        raise ValueError(f"must lie between 0 and {MAX_MULTIPLIER}")
    if len(text.partition(".")[2]) > RATE_DECIMALS:
        raise ValueError(f"must have at most {RATE_DECIMALS} decimals")
    return text


def _same_as(name: str) -> str:
    provider, slash, model = name.strip().partition("/")
    if not slash or not provider or not model.strip() or "*" in model:
        raise ValueError('must be a provider (* for any), a slash and one model, such as "openai/gpt-4o"')
    return f"{provider.strip().lower()}/{model.strip()}"


def _service_tiers(factors: dict[str, str]) -> dict[str, str]:
    named = {name.strip().lower(): factor for name, factor in factors.items()}
    if len(named) < len(factors):
        raise ValueError("must name each service tier once; case does not matter")
    plain = sorted(STANDARD & named.keys())
    if plain:
        raise ValueError(f"must not name {plain[0]!r}: the rates themselves hold without a service tier")
    return named


def _effective_from(at_ms: int) -> int:
    if at_ms != 0 and not MIN_TIME_MS <= at_ms < END_TIME_MS:
        raise ValueError("must be 0 (always) or epoch milliseconds from 2001-09-09 on; seconds are not")
    return at_ms


_PATTERN = r"^[0-9]+(\.[0-9]{1,6})?$"
_Written = Annotated[str, Field(pattern=_PATTERN)] | Annotated[float, Field(ge=0, le=MAX_USD_PER_MILLION)]
Rate = Annotated[
    str,
    BeforeValidator(_rate, json_schema_input_type=_Written),
    Field(pattern=_PATTERN, examples=["2.5"]),
]
"""USD per million tokens as decimal text: 0 to 10^6, at most 6 decimals."""
OptionalRate = Rate | None
_Multiplied = Annotated[str, Field(pattern=_PATTERN)] | Annotated[float, Field(ge=0, le=MAX_MULTIPLIER)]
Multiplier = Annotated[
    str,
    BeforeValidator(_multiplier, json_schema_input_type=_Multiplied),
    Field(pattern=_PATTERN, examples=["0.85"]),
]
"""A factor as decimal text: 0 to 1000, at most 6 decimals."""
_FEE_PATTERN = r"^[0-9]+(\.[0-9]{1,12})?$"
Fee = Annotated[
    str,
    BeforeValidator(
        _fee,
        json_schema_input_type=Annotated[str, Field(pattern=_FEE_PATTERN)]
        | Annotated[float, Field(ge=0, le=MAX_USD_PER_REQUEST)],
    ),
    Field(pattern=_FEE_PATTERN, examples=["0.005"]),
]
"""USD as decimal text: 0 to 1000, at most 12 decimals."""


def _meters(rates: dict[str, str]) -> dict[str, str]:
    unknown = sorted(rates.keys() - METER_FIELDS.keys())
    if unknown:
        raise ValueError(f"must not name {unknown[0]!r}: known are {', '.join(METER_FIELDS)}")
    return rates


_example = {METERS[0].rate_field: "10"}
Meters = Annotated[
    Annotated[dict[str, Rate], AfterValidator(_meters)] | None,
    Field(
        description="Rates of rare meters (cache writes for an hour, audio, images, searches), by the names that cards "
        "show: USD per million tokens, or per thousand. Tokens that have none cost what others of their part do.",
        examples=[_example],
        json_schema_extra={"propertyNames": {"enum": [*METER_FIELDS]}},
    ),
]


class RatesAbove(BaseModel):
    """Rates of requests with more than so many input tokens; what is absent costs what it does below the line."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    above_input_tokens: Annotated[int, Field(ge=1, le=10**9, description="The line; the whole request is above it.")]
    input_usd_per_million_tokens: OptionalRate = None
    output_usd_per_million_tokens: OptionalRate = None
    cached_input_usd_per_million_tokens: OptionalRate = None
    cache_write_usd_per_million_tokens: OptionalRate = None
    reasoning_usd_per_million_tokens: OptionalRate = None
    meters: Meters = None


class ValuationRate(BaseModel):
    """What a model costs at a provider from `effective_from` on, until a later record for the same.

    It says so in one of three ways: by rates (`input_…` and `output_…`, and what else is known), as another model
    (`same_as`), or as a part of what would hold without it (`multiplier`).

    Key: `provider/model@effective_from`; of one organisation's record a JSON array of the organisation and that text. A
    null value deletes the record, and what lay below it counts again. Rates are USD per million tokens, each token
    priced once. Unknown fields are refused: a misspelt rate that was passed over in silence would cost money.
    """

    model_config = ConfigDict(title="Valuation rate, version 1", frozen=True, extra="forbid", strict=True)

    provider: Annotated[
        Id,
        AfterValidator(_provider),
        Field(description="Provider as events name it, or the catalogue's id for it; * for any. Case does not matter."),
    ]
    model: Annotated[
        Id,
        AfterValidator(_model),
        Field(
            description="Model as events name it, or the catalogue's id for it. * stands for any characters: alone for "
            "any model, gpt-4o* for all that begin so. Case does not matter."
        ),
    ]
    org_id: Annotated[
        Id | None, Field(description="Only for this organisation's events, before all that hold for any.")
    ] = None
    effective_from: Annotated[
        int,
        Field(description="Event time from which the rate holds: Unix epoch, milliseconds; 0 for always.", ge=0),
        AfterValidator(_effective_from),
    ]
    multiplier: Annotated[
        Multiplier | None,
        Field(
            description="So many times what would hold without this: 0.85 is a discount of 15 %, 1 ends one. Of "
            "several only the nearest counts."
        ),
    ] = None
    same_as: Annotated[
        Annotated[str, Field(max_length=513), AfterValidator(_same_as)] | None,
        Field(
            description="Costs what this provider/model does: for names of deployments and profiles. Followed once.",
            examples=["azure/gpt-4o"],
        ),
    ] = None
    input_usd_per_million_tokens: Annotated[OptionalRate, Field(description="Input tokens.")] = None
    output_usd_per_million_tokens: Annotated[OptionalRate, Field(description="Output tokens.")] = None
    cached_input_usd_per_million_tokens: Annotated[
        OptionalRate, Field(description="Input tokens read from the cache; the input rate if absent.")
    ] = None
    cache_write_usd_per_million_tokens: Annotated[
        OptionalRate, Field(description="Input tokens written to the cache; the input rate if absent.")
    ] = None
    reasoning_usd_per_million_tokens: Annotated[
        OptionalRate, Field(description="Reasoning tokens; the output rate if absent.")
    ] = None
    meters: Meters = None
    usd_per_request: Annotated[Fee | None, Field(description="Fee of each request that used tokens.")] = None
    above: Annotated[
        Annotated[tuple[RatesAbove, ...], Field(max_length=MAX_LINES, strict=False)] | None,
        Field(description="Rates of long requests, by ascending lines."),
    ] = None
    service_tiers: Annotated[
        Annotated[dict[str, Multiplier], Field(max_length=MAX_SERVICE_TIERS), AfterValidator(_service_tiers)] | None,
        Field(
            description="So many times these rates at a service tier; the rates as they stand at any other.",
            examples=[{"batch": "0.5"}],
        ),
    ] = None
    note: Annotated[str | None, Field(description="For people: a contract, a ticket.", max_length=1024)] = None

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        """It says what is paid in one way, and completely."""
        stated = [name for name in RATE_FIELDS if getattr(self, name) is not None]
        ways = [name for name in ("multiplier", "same_as") if getattr(self, name) is not None]
        if len(ways) + bool(stated) > 1:
            raise ValueError(f"{' and '.join([*ways, *stated[:1]])} exclude one another")
        if not ways and (self.input_usd_per_million_tokens is None or self.output_usd_per_million_tokens is None):
            raise ValueError(
                "must state input_usd_per_million_tokens and output_usd_per_million_tokens, or multiplier, or same_as"
            )
        lines = [each.above_input_tokens for each in self.above or ()]
        if lines != sorted(set(lines)):
            raise ValueError(f"above must hold ascending lines, each once, not {lines}")
        return self

    @property
    def is_pattern(self) -> bool:
        """Whether it concerns more than one model."""
        return "*" in self.model

    def key(self) -> str:
        """The record's key."""
        return rate_key(self.provider, self.model, self.effective_from, self.org_id)

    def factor(self) -> Fraction | None:
        """`multiplier`, exactly; None where there is none."""
        return None if self.multiplier is None else Fraction(self.multiplier)

    def tiers(self) -> tuple[Tier, ...]:
        """The rates as integers, the base first; none where it has no rates of its own.

        What is absent costs what the whole costs of which it is a part.
        """
        if self.input_usd_per_million_tokens is None:
            return ()
        rates: dict[str, str | None] = {}
        meters: dict[str, str] = {}
        found = []
        above: list[tuple[int, ValuationRate | RatesAbove]] = [
            (each.above_input_tokens, each) for each in self.above or ()
        ]
        for line, stated in ((0, self), *above):
            rates |= {part: rate for part, rate in _stated(stated).items() if rate is not None or part not in rates}
            meters |= stated.meters or {}
            found.append(_tier(line, rates, meters, self.usd_per_request))
        return tuple(found)

    @classmethod
    def parse(cls, key: bytes | str | None, value: bytes | str) -> Self:
        """Read a record of the topic.

        Args:
            key: The record's key.
            value: The record's value; a null value is a deletion and none of this function's business.

        Raises:
            ValuationRateError: The record is no rate, or its key is not that of its fields: it could not be deleted.
        """
        return record_in(cls, key, value, name="valuation rate", refused=ValuationRateError)


RATE_FIELDS = tuple(
    name for name in ValuationRate.model_fields if "usd_per" in name or name in ("meters", "above", "service_tiers")
)
"""Fields of a `ValuationRate` that state rates."""


def rate_key(provider: str, model: str, effective_from: int, org_id: str | None = None) -> str:
    """The key `provider/model@effective_from`, the provider in lower case, and whose it is.

    An organisation's key is a JSON array and ends as one: no name can make the key of another one's record.
    """
    key = f"{provider.strip().lower()}/{model.strip()}@{effective_from}"
    return key if org_id is None else json.dumps([org_id, key], ensure_ascii=False, separators=(",", ":"))


def parts_of_key(key: str) -> tuple[str, str, str]:
    """The organisation ("": any), provider and model of a key that `rate_key` has made; of no other one anything."""
    org_id = ""
    if key.endswith('"]'):
        org_id, key = json.loads(key)
    provider, _, rest = key.partition("/")
    return org_id, provider, rest.rpartition("@")[0]


def _stated(rates: ValuationRate | RatesAbove) -> dict[str, str | None]:
    return {part: getattr(rates, f"{part}_usd_per_million_tokens") for part in _PARTS}


def _tier(line: int, rates: dict[str, str | None], meters: dict[str, str], fee: str | None) -> Tier:
    plain, answer = rates["input"] or "0", rates["output"] or "0"
    return Tier(
        above_input_tokens=line,
        input=_pico_per_token(plain),
        output=_pico_per_token(answer),
        cached_input=_pico_per_token(rates["cached_input"] or plain),
        cache_write=_pico_per_token(rates["cache_write"] or plain),
        reasoning=_pico_per_token(rates["reasoning"] or answer),
        per_request=pico_from_text(fee) if fee else 0,
        meters=meter_rates(
            {METER_FIELDS[field].name: pico_from_text(usd) // METER_FIELDS[field].per for field, usd in meters.items()}
        ),
    )


def _pico_per_token(usd_per_million: str) -> int:
    return pico_from_text(usd_per_million) // _TOKENS
