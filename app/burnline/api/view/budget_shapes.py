"""What answers about budgets look like, and a budget as a request sends it."""

from datetime import datetime
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, StrictInt, StrictStr

from burnline.api.amounts import Usd
from burnline.api.envelope import Envelope
from burnline.api.questions import moment
from burnline.budgets.budget import DEFAULT_THRESHOLDS, MAX_THRESHOLDS, Budget, Scope
from burnline.budgets.standing import Standing, ratio_text
from burnline.controls.control import Action, Mode
from burnline.pricing.money import usd_text

_Offsets = Annotated[
    dict[str, int | None],
    Field(
        description="By partition of usage, the offset up to which all events are in, and no other: there the sums "
        "equal the ledgers. Null where that is not known at this moment; a partition without usage is left out.",
        examples=[{"0": 81205, "1": 79377}],
    ),
]


class BudgetBody(BaseModel):
    """A budget to set."""

    model_config = ConfigDict(title="BudgetToSet", extra="forbid")

    scope: Scope
    org_id: Annotated[StrictStr, Field(description="The organisation, or * for each.", examples=["acme"])]
    name: Annotated[
        StrictStr, Field(description="Team, project or agent, or * for each; empty for an organisation's.")
    ] = ""
    amount_usd: Annotated[StrictStr, Field(max_length=32, description="Decimal text.", examples=["500"])]
    period: Annotated[
        StrictStr, Field(max_length=16, description="hour, day, week, month, or rolling-24h.", examples=["month"])
    ] = "month"
    time_zone: Annotated[StrictStr, Field(max_length=64, description="IANA time zone of the period.")] = "UTC"
    thresholds_percent: Annotated[
        list[StrictInt], Field(min_length=1, max_length=MAX_THRESHOLDS, description="Each is told once in a period.")
    ] = list(DEFAULT_THRESHOLDS)
    action: Annotated[Action | None, Field(description="What runtimes are asked to do from 100 % on.")] = None
    mode: Annotated[Mode, Field(description="Whether that is obeyed, or only recorded.")] = Mode.OBSERVE
    source: Annotated[StrictStr, Field(min_length=1, max_length=256, description="Who or what sets it.")] = "api"


class BudgetSet(BaseModel):
    """A budget that was set."""

    model_config = ConfigDict(title="BudgetSet")

    key: Annotated[str, Field(description="Key of its record.", examples=["agent/acme/code-reviewer@month"])]
    scope: Scope
    org_id: str
    name: str
    amount_usd: Usd
    period: str
    time_zone: str
    thresholds_percent: list[int]
    action: Action | None
    mode: Mode
    source: str
    updated_at: Annotated[int | None, Field(description="When it was set: Unix epoch, milliseconds.")]

    @classmethod
    def of(cls, budget: Budget) -> Self:
        """From the record."""
        return cls(key=budget.key(), **budget.model_dump(mode="json"))


class BudgetStanding(BaseModel):
    """How a budget of one subject stands."""

    model_config = ConfigDict(title="BudgetStanding")

    scope: Scope
    org_id: Annotated[str, Field(description="Whose it is.", examples=["acme"])]
    name: Annotated[str, Field(description="Team, project or agent; empty for an organisation.")]
    budget: Annotated[str, Field(description="Key of the budget that counts for it.", examples=["agent/acme/*@day"])]
    amount_usd: Usd
    period: str
    time_zone: str
    period_start: datetime
    period_end: datetime
    spent_usd: Annotated[Usd, Field(description="In the period so far.")]
    remaining_usd: Annotated[Usd, Field(description="Up to the amount; below 0 when more is spent.")]
    saturation: Annotated[str, Field(description="Spent over amount, to four decimals.", examples=["0.8312"])]
    reached_percent: Annotated[int, Field(ge=0, description="The highest threshold that is reached; 0 if none is.")]
    burn_usd_per_hour: Annotated[Usd, Field(description="Of the last hour, by quarters of an hour.")]
    projected_usd: Annotated[
        Usd | None, Field(description="What the period comes to at its own pace so far; null for a rolling one.")
    ]
    projected_at_burn_usd: Annotated[Usd | None, Field(description="The same, at the burn of the last hour.")]
    exhausted_at: Annotated[
        datetime | None,
        Field(
            description="When the amount is used up at that burn; null if it is already, or is not within the period."
        ),
    ]

    @classmethod
    def of(cls, one: Standing) -> Self:
        """From what was worked out."""
        budget, ahead = one.budget, one.outlook
        return cls(
            scope=one.subject.scope,
            org_id=one.subject.org_id,
            name=one.subject.name,
            budget=budget.key(),
            amount_usd=budget.amount_usd,
            period=budget.period,
            time_zone=budget.time_zone,
            period_start=moment(one.span.start_ms),
            period_end=moment(one.span.end_ms),
            spent_usd=usd_text(ahead.spent_pico),
            remaining_usd=usd_text(ahead.remaining_pico),
            saturation=ratio_text(one.saturation),
            reached_percent=one.reached_percent,
            burn_usd_per_hour=usd_text(ahead.burn_pico_per_hour),
            projected_usd=_text(ahead.projected_pico),
            projected_at_burn_usd=_text(ahead.projected_at_burn_pico),
            exhausted_at=None if ahead.exhausted_at_ms is None else moment(ahead.exhausted_at_ms),
        )


class BudgetStandings(Envelope):
    """A page of budgets as they stand, the fullest first."""

    at: Annotated[datetime, Field(description="The moment whose periods are meant.")]
    offsets: _Offsets
    subjects: Annotated[int, Field(ge=0, description="How many there are on all pages.")]
    offset: Annotated[int, Field(ge=0, description="Passed over.")]
    rows: list[BudgetStanding]


class BudgetList(Envelope):
    """The budgets that were set."""

    rows: list[BudgetSet]


class BudgetForecast(Envelope):
    """What a subject will spend, by the straight line through its days."""

    days_known: Annotated[int, Field(ge=0, description="Whole days that the line is through, 30 at most.")]
    next_days_usd: Annotated[
        dict[str, Usd], Field(description="Of the next 7, 14 and 30 days together.", examples=[{"7": "71.5"}])
    ]


class BudgetWritten(BaseModel):
    """What took effect."""

    model_config = ConfigDict(title="BudgetWritten")

    key: str
    changed: Annotated[bool, Field(description="False if the very same stood there before: nothing was written.")]
    topic: str
    partition: int
    offset: Annotated[int, Field(description="Of the record that says so, acknowledged by every in-sync replica.")]
    now: Annotated[BudgetSet | None, Field(description="The budget; null if it was deleted.")]
    before: Annotated[BudgetSet | None, Field(description="What stood there until now.")]


def _text(pico: int | None) -> str | None:
    return None if pico is None else usd_text(pico)
