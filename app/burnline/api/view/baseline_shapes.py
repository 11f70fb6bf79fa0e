"""What answers about baselines look like, and baselines as a request sends them."""

from typing import Annotated, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, StrictStr

from burnline.api.envelope import Envelope
from burnline.api.view.shapes import NextCursor
from burnline.detection.baseline import MULTIPLIER_DECIMALS, EffectiveBaseline
from burnline.pricing.money import usd_text

_UsdPerHour = Annotated[
    StrictStr, Field(pattern=r"^([0-9]{1,9}(\.[0-9]{1,12})?|1000000000(\.0{1,12})?)$", max_length=23, examples=["2.5"])
]
_Multiplier = Annotated[
    StrictStr,
    Field(
        pattern=rf"^([0-9]{{1,6}}(\.[0-9]{{1,{MULTIPLIER_DECIMALS}}})?|1000000(\.0{{1,6}})?)$",
        max_length=14,
        examples=["5"],
    ),
]


class BaselineBody(BaseModel):
    """A baseline to set."""

    model_config = ConfigDict(title="BaselineToSet", extra="forbid")

    usd_per_hour: Annotated[_UsdPerHour, Field(description="Usual burn: 0 to 10^9 USD per hour, as decimal text.")]
    multiplier: Annotated[
        _Multiplier | None,
        Field(description="A burn above baseline × this is an anomaly: 0 to 10^6, and not 0; the setting's if absent."),
    ] = None
    source: Annotated[StrictStr, Field(min_length=1, max_length=256, description="Who or what sets it.")] = "api"


class Place(NamedTuple):
    """A baseline's place in the list."""

    org_id: str
    agent_id: str


class InForce(BaseModel):
    """The baseline that counts for an agent."""

    model_config = ConfigDict(title="BaselineInForce")

    usd_per_hour: Annotated[str, Field(examples=["2.5"])]
    multiplier: Annotated[str, Field(examples=["5"])]
    anomaly_above_usd_per_hour: Annotated[str, Field(description="Baseline × multiplier.", examples=["12.5"])]
    baseline_source: Annotated[str, Field(description="Key of the baseline that matched, or default.")]

    @classmethod
    def of(cls, found: EffectiveBaseline) -> "InForce":
        """From the lookup's answer."""
        return cls(
            usd_per_hour=usd_text(found.usd_per_hour_pico),
            multiplier=f"{found.multiplier:f}",
            anomaly_above_usd_per_hour=usd_text(int(found.usd_per_hour_pico * found.multiplier)),
            baseline_source=found.source,
        )


class BaselineRow(InForce):
    """A baseline that was set."""

    model_config = ConfigDict(title="BaselineRow")

    org_id: str
    agent_id: str
    source: Annotated[str, Field(description="Who or what set it.")]
    updated_at: Annotated[int | None, Field(description="When it was set: Unix epoch, milliseconds.")]


class BaselineList(Envelope):
    """A page of the baselines that were set, and the default below them."""

    default: InForce
    rows: list[BaselineRow]
    next_cursor: NextCursor


class BaselineWritten(BaseModel):
    """What took effect."""

    model_config = ConfigDict(title="BaselineWritten")

    org_id: str
    agent_id: str
    key: Annotated[str, Field(description="Key of its record.", examples=["acme/code-reviewer"])]
    changed: Annotated[bool, Field(description="False if the very same stood there before: nothing was written.")]
    effective_from_ms: Annotated[
        int, Field(description="From when on: Unix epoch, milliseconds. Workers follow within two seconds.")
    ]
    topic: str
    partition: int
    offset: Annotated[int, Field(description="Of the record that says so, acknowledged by every in-sync replica.")]
    now: Annotated[InForce, Field(description="What counts for it now.")]
    before: Annotated[InForce, Field(description="What counted until now.")]
