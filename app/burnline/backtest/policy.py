"""Policies of the learned rules, as a TOML file: `sensitivity` for everybody, and tables `[[policy]]` by agent."""

import tomllib
from datetime import time
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, field_validator

from burnline.backtest.files import FileError
from burnline.detection.learned.policy import ANY, Policies, Policy, Quiet
from burnline.pricing.money import PICO_PER_USD

_MIDNIGHT = "24:00"


def _is_number(value: Any) -> Any:
    if isinstance(value, bool) or not isinstance(value, (int, float, Decimal)):
        raise ValueError("is no number")  # noqa: TRY004  # what pydantic takes for a wrong value
    return value


def _is_named(text: str) -> str:
    if not text.strip() or any(ord(each) < 32 for each in text):
        raise ValueError("has no text, or a control character")
    return text


Sensitivity = Annotated[
    float,
    BeforeValidator(_is_number),
    Field(ge=0.25, le=4, description="1 as tuned; above it more is found and more is told in vain, below it less."),
]
Name = Annotated[str, Field(max_length=256), AfterValidator(_is_named)]


class PolicyTable(BaseModel):
    """One `[[policy]]`. Unknown names are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Name
    org: Name = ANY
    agent: Name = ANY
    sensitivity: Annotated[Sensitivity | None, Field(description="As the file's, if not said.")] = None
    minimum_spend_usd: Annotated[
        Decimal,
        BeforeValidator(_is_number),
        Field(ge=0, le=10**6, decimal_places=12, description="An incident is told once it has spent so much."),
    ] = Decimal()
    agent_usd_per_hour: Annotated[
        Decimal | None,
        BeforeValidator(_is_number),
        Field(gt=0, le=10**6, decimal_places=12, description="What all sessions of one agent together may burn."),
    ] = None
    quiet: Annotated[
        list[str], Field(description="Hours of the day in which nothing is told, such as 22:00-06:00.", max_length=24)
    ] = []
    time_zone: Annotated[str, Field(description="Of these hours, such as Europe/Berlin.")] = "UTC"

    @field_validator("quiet")
    @classmethod
    def _are_hours(cls, spans: list[str]) -> list[str]:
        for span in spans:
            _hours(span)
        return spans

    @field_validator("time_zone")
    @classmethod
    def _is_zone(cls, name: str) -> str:
        try:
            ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError) as error:
            raise ValueError("is no time zone of the IANA database") from error
        return name

    def policy(self, sensitivity: float) -> Policy:
        """As the rules take it; the sensitivity is the file's."""
        zone = ZoneInfo(self.time_zone)
        quiet = tuple(Quiet(*_hours(span), zone) for span in self.quiet)
        return Policy(
            name=self.name,
            org_id=self.org,
            agent_id=self.agent,
            sensitivity=sensitivity if self.sensitivity is None else self.sensitivity,
            minimum_pico_usd=int(self.minimum_spend_usd * PICO_PER_USD),
            quiet=quiet,
            usd_per_hour_pico=None if self.agent_usd_per_hour is None else int(self.agent_usd_per_hour * PICO_PER_USD),
        )


class PolicyFile(BaseModel):
    """The whole file."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    sensitivity: Sensitivity = 1.0
    policy: list[PolicyTable] = []


def _hours(span: str) -> tuple[time, time]:
    begin, _, end = span.partition("-")
    try:
        found = time.fromisoformat(begin.strip()), time.fromisoformat(end.strip().replace(_MIDNIGHT, "00:00"))
    except ValueError as error:
        raise ValueError(f"{span!r} is no span of hours such as 22:00-06:00") from error
    if found[0] == found[1]:
        raise ValueError(f"{span!r} is empty")
    return found


def read_policies(path: Path) -> Policies:
    """The policies of a TOML file.

    Raises:
        FileError: It cannot be read, or a name or value in it is wrong.
    """
    try:
        fields = tomllib.loads(path.read_text(encoding="utf-8"), parse_float=Decimal)
        read = PolicyFile.model_validate(fields)
        named = [table.policy(read.sensitivity) for table in read.policy]
        plain = [] if any(policy.key == (ANY, ANY) for policy in named) else [Policy(sensitivity=read.sensitivity)]
        return Policies([*named, *plain])
    except OSError as error:
        raise FileError(f"{path}: {error.strerror}") from error
    except ValidationError as error:
        raise FileError(f"{path}: {'; '.join(_mistake(item) for item in error.errors())}") from error
    except ValueError as error:  # no TOML, no UTF-8, or two policies about the same
        raise FileError(f"{path}: {error}") from error


def _mistake(item: Any) -> str:
    place = ".".join(str(part) for part in item["loc"])
    return f"{place}={item['input']!s:.64}: {item['msg'].removeprefix('Value error, ')}"
