"""The wire contract of topic `valuation-rates` v1: rates that go before the catalogue's, from a date on."""

import json
from decimal import Decimal
from typing import Annotated, Any, Self

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from burnline.events.contract import Id
from burnline.events.text import shown
from burnline.events.usage import END_TIME_MS, MIN_TIME_MS
from burnline.pricing.card import Tier
from burnline.pricing.money import PICO_PER_USD, amount_text, pico_from_text

MAX_USD_PER_MILLION = 10**6
RATE_DECIMALS = 6
"""So many decimals of USD per million tokens make whole pico-USD per token."""
_TOKENS = 10**6


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
    if name.strip() in ("", "*"):
        raise ValueError("must name one model: * stands for any provider, not for any model")
    return name.strip()


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


class ValuationRate(BaseModel):
    """What a model costs at a provider from `effective_from` on, until a later rate for the same two.

    Key: `provider/model@effective_from`. A null value deletes the rate, and what lay below it counts again. Rates are
    USD per million tokens, each token priced once. Unknown fields are refused: a misspelt rate that was passed over in
    silence would cost money.
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
        Field(description="Model as events name it, or the catalogue's id for it. Case does not matter."),
    ]
    effective_from: Annotated[
        int,
        Field(description="Event time from which the rate holds: Unix epoch, milliseconds; 0 for always.", ge=0),
        AfterValidator(_effective_from),
    ]
    input_usd_per_million_tokens: Annotated[Rate, Field(description="Input tokens.")]
    output_usd_per_million_tokens: Annotated[Rate, Field(description="Output tokens.")]
    cached_input_usd_per_million_tokens: Annotated[
        OptionalRate, Field(description="Input tokens read from the cache; the input rate if absent.")
    ] = None
    cache_write_usd_per_million_tokens: Annotated[
        OptionalRate, Field(description="Input tokens written to the cache; the input rate if absent.")
    ] = None
    reasoning_usd_per_million_tokens: Annotated[
        OptionalRate, Field(description="Reasoning tokens; the output rate if absent.")
    ] = None
    note: Annotated[str | None, Field(description="For people: a contract, a ticket.", max_length=1024)] = None

    def key(self) -> str:
        """The record's key."""
        return rate_key(self.provider, self.model, self.effective_from)

    def tier(self) -> Tier:
        """The rates as integers; what is absent costs what the whole costs of which it is a part."""
        plain, answer = self.input_usd_per_million_tokens, self.output_usd_per_million_tokens
        return Tier(
            above_input_tokens=0,
            input=_pico_per_token(plain),
            output=_pico_per_token(answer),
            cached_input=_pico_per_token(self.cached_input_usd_per_million_tokens or plain),
            cache_write=_pico_per_token(self.cache_write_usd_per_million_tokens or plain),
            reasoning=_pico_per_token(self.reasoning_usd_per_million_tokens or answer),
        )

    @classmethod
    def parse(cls, key: bytes | str | None, value: bytes | str) -> Self:
        """Read a record of the topic.

        Args:
            key: The record's key.
            value: The record's value; a null value is a deletion and none of this function's business.

        Raises:
            ValuationRateError: The record is no rate, or its key is not that of its fields: it could not be deleted.
        """
        name = shown(key.decode(errors="replace") if isinstance(key, bytes) else key)
        try:
            fields = json.loads(value, parse_float=Decimal)
        except (ValueError, RecursionError) as error:
            raise ValuationRateError(f"valuation rate {name}: value is not JSON: {error}") from error
        if not isinstance(fields, dict):
            raise ValuationRateError(f"valuation rate {name}: value is no JSON object but {shown(fields)}")
        try:
            rate = cls.model_validate(fields)
        except ValidationError as error:
            mistakes = "; ".join(_sentence(item) for item in error.errors(include_url=False))
            raise ValuationRateError(f"valuation rate {name}: {mistakes}") from error
        wanted = rate.key()
        if key not in (wanted, wanted.encode()):
            raise ValuationRateError(f"valuation rate {name}: its fields make the key {shown(wanted)}")
        return rate


def rate_key(provider: str, model: str, effective_from: int) -> str:
    """The key `provider/model@effective_from`, the provider in lower case."""
    return f"{provider.strip().lower()}/{model.strip()}@{effective_from}"


def _sentence(item: Any) -> str:
    field = ".".join(str(part) for part in item["loc"])
    value = "" if item["type"] == "missing" else f"={shown(item['input'])}"
    return f"{field}{value}: {item['msg'].removeprefix('Value error, ')}"


def _pico_per_token(usd_per_million: str) -> int:
    return pico_from_text(usd_per_million) // _TOKENS
