"""Budgets: what a scope may spend in a period. The wire contract of the topic `budgets`, and the lookup by scope."""

import re
from collections.abc import Iterable
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, NamedTuple, Self

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from burnline.controls.control import Action, Mode
from burnline.events.contract import Id
from burnline.events.keyed import record_in
from burnline.finance.days import zone
from burnline.pricing.money import amount_text, pico_from_text

ANY = "*"
"""Stands for each organisation, team, project or agent: a budget of its own for every one of them."""
MAX_USD = 10**12
MAX_ROLLING_HOURS = 744
"""31 days, as long as the longest month."""
CALENDAR = ("hour", "day", "week", "month")
"""Periods by the clocks of a time zone; a week begins on Monday."""
_ROLLING = re.compile(r"rolling-([1-9][0-9]{0,2})h")
MAX_THRESHOLDS = 10
MAX_THRESHOLD_PERCENT = 1_000
USED_UP_PERCENT = 100
DEFAULT_THRESHOLDS = (50, 80, 95, 100)


class BudgetError(ValueError):
    """A record of the topic `budgets` that cannot be used; the message names its key, the field and the value."""


class Scope(StrEnum):
    """Whose spending a budget is about; the wider ones come first."""

    ORG = "org"
    TEAM = "team"
    PROJECT = "project"
    AGENT = "agent"


class Subject(NamedTuple):
    """What spends: an organisation (whose name is empty), or one of its teams, projects or agents."""

    scope: Scope
    org_id: str
    name: str

    def text(self) -> str:
        """For people, such as `agent acme/code-reviewer`."""
        return f"{self.scope} {self.org_id}" + (f"/{self.name}" if self.scope is not Scope.ORG else "")


def _amount(value: object) -> str:
    text = amount_text(value)
    if not 0 < Decimal(text) <= MAX_USD:
        raise ValueError(f"must be greater than 0 and at most {MAX_USD}")
    return text


def _period(value: str) -> str:
    found = _ROLLING.fullmatch(value)
    if value not in CALENDAR and (found is None or int(found[1]) > MAX_ROLLING_HOURS):
        raise ValueError(f"must be one of {', '.join(CALENDAR)}, or rolling-24h for the last 24 hours (at most 744)")
    return value


def _zone(value: str) -> str:
    return zone(value).key


def _thresholds(value: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(sorted(set(value)))


def _listed(value: object) -> object:
    return tuple(value) if isinstance(value, list) else value


AmountUsd = Annotated[
    str,
    BeforeValidator(_amount, json_schema_input_type=str | float),
    Field(description="What may be spent in a period, in USD: more than 0, at most 10^12.", examples=["500"]),
]
"""Decimal text, at most 12 decimals, canonical (`2.5`, not `2.50`). A JSON number is taken by its digits."""

Percent = Annotated[int, Field(ge=1, le=MAX_THRESHOLD_PERCENT)]


class Budget(BaseModel):
    """Budget v1. Key: `scope/org_id/name@period`, or `org/org_id@period`. A null value deletes it.

    `*` stands for each organisation, team, project or agent. A scope may have one budget for each period.

    Unknown fields are refused: a misspelt period that was passed over in silence would let money go.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    scope: Annotated[Scope, Field(strict=False, description="Whose spending it is about.")]
    org_id: Annotated[Id, Field(description="The organisation, or * for each of them.")]
    name: Annotated[
        str, Field(max_length=256, description="Team, project or agent, or * for each; empty for an organisation's.")
    ] = ""
    amount_usd: AmountUsd
    period: Annotated[
        str,
        AfterValidator(_period),
        Field(
            description="hour, day, week or month, by the clocks of its time zone; or rolling-24h: always the last 24 "
            "hours, or any other number up to 744.",
            examples=["month", "rolling-24h"],
        ),
    ] = "month"
    time_zone: Annotated[
        str, AfterValidator(_zone), Field(description="IANA time zone whose hours, days, weeks and months are meant.")
    ] = "UTC"
    thresholds_percent: Annotated[
        tuple[Percent, ...],
        BeforeValidator(_listed),
        AfterValidator(_thresholds),
        Field(
            min_length=1, max_length=MAX_THRESHOLDS, description="Each is told once in a period, when it is reached."
        ),
    ] = DEFAULT_THRESHOLDS
    action: Annotated[
        Action | None,
        Field(
            strict=False,
            description="What runtimes are asked to do from 100 % to the end of the period; only for org and agent.",
        ),
    ] = None
    mode: Annotated[Mode, Field(strict=False, description="Whether that is obeyed, or only recorded (observe).")] = (
        Mode.OBSERVE
    )
    source: Annotated[str, Field(description="Who or what set it.", min_length=1, max_length=256)] = "manual"
    updated_at: Annotated[int | None, Field(description="When it was set: Unix epoch, milliseconds.", ge=0)] = None

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.scope is Scope.ORG and self.name:
            raise ValueError(f"name={self.name[:80]!r}: the budget of an organisation has none")
        if self.scope is not Scope.ORG and not self.name:
            raise ValueError(f"name is missing: the {self.scope}, or {ANY} for each")
        if self.action is not None and self.scope not in (Scope.ORG, Scope.AGENT):
            raise ValueError(f"action={self.action}: no runtime knows its {self.scope}; only org and agent have one")
        if self.action is not None and USED_UP_PERCENT not in self.thresholds_percent:
            raise ValueError(f"action={self.action}: it is asked at 100 %, and thresholds_percent has no 100")
        return self

    @property
    def amount_pico_usd(self) -> int:
        """What may be spent in a period, pico-USD."""
        return pico_from_text(self.amount_usd)

    @property
    def promise(self) -> str:
        """What is told of once in a period: the amount, and what is asked when it is used up. Another is told anew."""
        return self.amount_usd if self.action is None else f"{self.amount_usd} {self.action} {self.mode}"

    @property
    def rolling_hours(self) -> int | None:
        """How many hours a rolling one looks back; None for one of a calendar."""
        return rolling_hours_of(self.period)

    def key(self) -> str:
        """The record's key."""
        return budget_key(Subject(self.scope, self.org_id, self.name), self.period)

    @classmethod
    def parse(cls, key: bytes | str | None, value: bytes | str) -> Self:
        """Read a record of the topic.

        Args:
            key: The record's key.
            value: The record's value; a null value is a deletion and none of this function's business.

        Raises:
            BudgetError: The record is no budget, or its key is not that of its fields.
        """
        return record_in(cls, key, value, name="budget", refused=BudgetError, key_of="scope, org_id, name and period")


def rolling_hours_of(period: str) -> int | None:
    """How many hours a rolling period looks back; None for one of a calendar."""
    found = _ROLLING.fullmatch(period)
    return None if found is None else int(found[1])


def budget_key(subject: Subject, period: str) -> str:
    """The key, such as `agent/acme/code-reviewer@month` or `org/acme@day`; %, / and @ in names are percent-encoded."""
    parts = [subject.scope.value, subject.org_id, *([] if subject.scope is Scope.ORG else [subject.name])]
    return "/".join(part.replace("%", "%25").replace("/", "%2F").replace("@", "%40") for part in parts) + f"@{period}"


class Budgets:
    """An immutable snapshot of all budgets. A change makes a new snapshot."""

    __slots__ = ("_by_names", "_periods", "entries")

    def __init__(self, entries: Iterable[Budget] = ()) -> None:
        """Take the budgets."""
        self.entries = {entry.key(): entry for entry in entries}
        self._by_names = {(one.scope, one.org_id, one.name, one.period): one for one in self.entries.values()}
        self._periods = sorted({one.period for one in self.entries.values()})

    def of(self, subject: Subject) -> list[Budget]:
        """The budgets that count for a subject, one for each period that has any: the most specific one.

        What names organisation and subject goes before what names the subject alone, then each of its organisation,
        then each of any.
        """
        scope, org_id, name = subject
        wild = "" if scope is Scope.ORG else ANY
        ways = dict.fromkeys(((org_id, name), (ANY, name), (org_id, wild), (ANY, wild)))
        found = []
        for period in self._periods:
            named = (self._by_names.get((scope, *names, period)) for names in ways)
            found += [budget for budget in named if budget is not None][:1]
        return found
