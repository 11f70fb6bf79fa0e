"""Baselines: what an agent may usually burn. The wire contract of the topic `baselines`, and the lookup by agent."""

from collections.abc import Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, NamedTuple, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from burnline.events.contract import Id
from burnline.events.keyed import record_in
from burnline.pricing.money import PICO_PER_USD, pico_from_text, usd_text

if TYPE_CHECKING:
    from burnline.settings import Settings

ANY = "*"
"""Stands for any org, or any agent."""

LEARNED = "learned"
"""Source of what counts for an agent without a baseline while the learned rules speak of it."""
MAX_USD_PER_HOUR = 10**9
MAX_MULTIPLIER = 10**6
MULTIPLIER_DECIMALS = 6


class BaselineError(ValueError):
    """A record of the topic `baselines` that cannot be used; the message names its key, the field and the value."""


def _decimal_text(value: object) -> str:
    """Shortest plain decimal text of what was sent; a JSON number counts as the digits it was written with."""
    if isinstance(value, Decimal) or type(value) is int:
        # A huge exponent would be spelt out digit by digit: it keeps its "E", which is refused below.
        value = f"{value:f}" if abs(Decimal(value).adjusted()) < 32 else str(Decimal(value))
    try:
        if isinstance(value, str):
            return usd_text(pico_from_text(value))
    except ValueError:
        pass
    raise ValueError('must be plain decimal text such as "2.50", with at most 12 decimals')


def _usd_per_hour(value: object) -> str:
    text = _decimal_text(value)
    if not 0 <= Decimal(text) <= MAX_USD_PER_HOUR:
        raise ValueError(f"must lie between 0 and {MAX_USD_PER_HOUR}")
    return text


def _multiplier(value: object) -> str:
    text = _decimal_text(value)
    if not 0 < Decimal(text) <= MAX_MULTIPLIER:
        raise ValueError(f"must be greater than 0 and at most {MAX_MULTIPLIER}")
    if len(text.partition(".")[2]) > MULTIPLIER_DECIMALS:
        raise ValueError(f"must have at most {MULTIPLIER_DECIMALS} decimals")
    return text


def _pattern(decimals: int) -> str:
    return rf"^[0-9]+(\.[0-9]{{1,{decimals}}})?$"


UsdPerHour = Annotated[
    str,
    BeforeValidator(
        _usd_per_hour,
        json_schema_input_type=Annotated[str, Field(pattern=_pattern(12))]
        | Annotated[float, Field(ge=0, le=MAX_USD_PER_HOUR)],
    ),
    Field(pattern=_pattern(12)),
]
"""Decimal text, at most 12 decimals, canonical (`2.5`, not `2.50`). A JSON number is taken by its digits."""

Multiplier = Annotated[
    str,
    BeforeValidator(
        _multiplier,
        json_schema_input_type=Annotated[str, Field(pattern=_pattern(MULTIPLIER_DECIMALS))]
        | Annotated[float, Field(gt=0, le=MAX_MULTIPLIER)],
    ),
    Field(pattern=_pattern(MULTIPLIER_DECIMALS)),
]
"""Decimal text, at most 6 decimals, canonical."""


class Baseline(BaseModel):
    """Baseline v1. Key: `org_id/agent_id`; `*` stands for any. A null value deletes the baseline of that key.

    A baseline of 0 is for an agent that should not spend at all: whatever it spends is above the line, and critical at
    once, as soon as the long window holds the minimum spend. Unknown fields are refused: a misspelt multiplier that was
    passed over in silence would let money go.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    org_id: Annotated[Id, Field(description="The org, or * for any.")]
    agent_id: Annotated[Id, Field(description="The agent, or * for any.")]
    usd_per_hour: Annotated[UsdPerHour, Field(description="Usual burn: 0 to 10^9 USD per hour.", examples=["2.5"])]
    multiplier: Annotated[
        Multiplier | None,
        Field(
            description="A burn above baseline × this is an anomaly: greater than 0, at most 10^6. Null or absent: the "
            "setting's value."
        ),
    ] = None
    source: Annotated[str, Field(description="Who or what set it.", min_length=1, max_length=256)] = "manual"
    updated_at: Annotated[int | None, Field(description="When it was set: Unix epoch, milliseconds.", ge=0)] = None

    def key(self) -> str:
        """The record's key."""
        return baseline_key(self.org_id, self.agent_id)

    @classmethod
    def parse(cls, key: bytes | str | None, value: bytes | str) -> Self:
        """Read a record of the topic.

        Args:
            key: The record's key.
            value: The record's value; a null value is a deletion and none of this function's business.

        Raises:
            BaselineError: The record is no baseline, or its key is not that of its fields.
        """
        return record_in(cls, key, value, name="baseline", refused=BaselineError, key_of="org_id and agent_id")


def baseline_key(org_id: str, agent_id: str) -> str:
    """The key `org_id/agent_id`; slash and percent sign in the org id are percent-encoded, so none stands for two."""
    return f"{org_id.replace('%', '%25').replace('/', '%2F')}/{agent_id}"


class EffectiveBaseline(NamedTuple):
    """The baseline that counts for one agent.

    Attributes:
        usd_per_hour_pico: Usual burn in pico-USD per hour.
        multiplier: A burn above baseline × this is an anomaly.
        source: Key of the record that matched, such as `acme/agent-7`, `*/agent-7`, `acme/*`, `*/*`; or `default`;
            or `learned`, which is no line but the agent's own range.
    """

    usd_per_hour_pico: int
    multiplier: Decimal
    source: str


def default_baseline(settings: "Settings") -> EffectiveBaseline:
    """What counts where no record matches, from the settings: a line, or none that is ever crossed."""
    if settings.learned == "auto":
        return EffectiveBaseline(MAX_USD_PER_HOUR * PICO_PER_USD, settings.anomaly_multiplier, LEARNED)
    return EffectiveBaseline(int(settings.baseline_usd_per_hour * PICO_PER_USD), settings.anomaly_multiplier, "default")


class Baselines:
    """An immutable snapshot of all baselines. A change makes a new snapshot."""

    __slots__ = ("_by_agent", "default")

    def __init__(self, default: EffectiveBaseline, entries: Mapping[str, Baseline]) -> None:
        """Take the default (it also lends its multiplier to baselines without one) and the records by key."""
        self.default = default
        self._by_agent = {
            (entry.org_id, entry.agent_id): EffectiveBaseline(
                pico_from_text(entry.usd_per_hour),
                default.multiplier if entry.multiplier is None else Decimal(entry.multiplier),
                entry.key(),
            )
            for entry in entries.values()
        }

    def lookup(self, org_id: str, agent_id: str) -> EffectiveBaseline:
        """The baseline of an agent: org and agent, else any org and agent, else org, else `*/*`, else the default."""
        for names in ((org_id, agent_id), (ANY, agent_id), (org_id, ANY), (ANY, ANY)):
            found = self._by_agent.get(names)
            if found is not None:
                return found
        return self.default
