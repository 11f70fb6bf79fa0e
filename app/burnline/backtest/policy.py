"""Policies of the learned rules, as a TOML file: `sensitivity` for everybody, and tables `[[policy]]` by agent."""

import tomllib
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from burnline.backtest.files import FileError
from burnline.detection.learned.policy import ANY, Policies, Policy
from burnline.detection.policy_record import EVERYBODY, PolicyFields, PolicyRecord
from burnline.pricing.money import PICO_PER_USD, usd_text


def _is_number(value: Any) -> Any:
    if isinstance(value, bool) or not isinstance(value, (int, float, Decimal)):
        raise ValueError("is no number")  # noqa: TRY004  # what pydantic takes for a wrong value
    return value


Sensitivity = Annotated[
    float,
    BeforeValidator(_is_number),
    Field(ge=0.25, le=4, description="1 as tuned; above it more is found and more is told in vain, below it less."),
]


class PolicyTable(PolicyFields):
    """One `[[policy]]`. Unknown names are errors."""

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

    def policy(self, sensitivity: float) -> Policy:
        """As the rules take it; the sensitivity is the file's."""
        return Policy(
            name=self.name,
            org_id=self.org,
            agent_id=self.agent,
            sensitivity=sensitivity if self.sensitivity is None else self.sensitivity,
            minimum_pico_usd=int(self.minimum_spend_usd * PICO_PER_USD),
            quiet=self.quiet_hours(),
            usd_per_hour_pico=None if self.agent_usd_per_hour is None else int(self.agent_usd_per_hour * PICO_PER_USD),
        )

    def record(self, sensitivity: float, source: str, at_ms: int) -> PolicyRecord:
        """As it stands on the topic; the sensitivity is the file's."""
        line = self.agent_usd_per_hour
        return PolicyRecord(
            name=self.name,
            org=self.org,
            agent=self.agent,
            quiet=self.quiet,
            time_zone=self.time_zone,
            sensitivity=sensitivity if self.sensitivity is None else self.sensitivity,
            minimum_spend_usd=usd_text(int(self.minimum_spend_usd * PICO_PER_USD)),
            agent_usd_per_hour=None if line is None else usd_text(int(line * PICO_PER_USD)),
            source=source,
            updated_at=at_ms,
        )


class PolicyFile(BaseModel):
    """The whole file."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    sensitivity: Sensitivity = 1.0
    policy: list[PolicyTable] = []


def read_policies(path: Path) -> Policies:
    """The policies of a TOML file.

    Raises:
        FileError: It cannot be read, or a name or value in it is wrong.
    """
    return _policies(path, _read(path))


def _policies(path: Path, read: PolicyFile) -> Policies:
    named = [table.policy(read.sensitivity) for table in read.policy]
    plain = [] if any(policy.key == (ANY, ANY) for policy in named) else [Policy(sensitivity=read.sensitivity)]
    try:
        return Policies([*named, *plain])
    except ValueError as error:  # two about the same
        raise FileError(f"{path}: {error}") from error


def read_records(path: Path, at_ms: int) -> list[PolicyRecord]:
    """The policies of a TOML file as records of the topic; what it says for everybody is one of them.

    Raises:
        FileError: As `read_policies`; or two policies have one name.
    """
    read, source = _read(path), path.name
    _policies(path, read)  # raises where two are about the same
    records = [table.record(read.sensitivity, source, at_ms) for table in read.policy]
    if read.sensitivity != 1 and all((one.org, one.agent) != (ANY, ANY) for one in records):
        everybody = PolicyRecord(name=EVERYBODY, sensitivity=read.sensitivity, source=source, updated_at=at_ms)
        records.append(everybody)
    names = [one.name for one in records]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise FileError(f"{path}: name={twice[0]!r}: two policies have it")
    return records


def _read(path: Path) -> PolicyFile:
    try:
        return PolicyFile.model_validate(tomllib.loads(path.read_text(encoding="utf-8"), parse_float=Decimal))
    except OSError as error:
        raise FileError(f"{path}: {error.strerror}") from error
    except ValidationError as error:
        raise FileError(f"{path}: {'; '.join(_mistake(item) for item in error.errors())}") from error
    except ValueError as error:  # no TOML, or no UTF-8
        raise FileError(f"{path}: {error}") from error


def _mistake(item: Any) -> str:
    place = ".".join(str(part) for part in item["loc"])
    return f"{place}={item['input']!s:.64}: {item['msg'].removeprefix('Value error, ')}"
