"""The small files of a backtest: rates, calendar, feedback. A wrong line is an error with line, field and value."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal, TypeVar

import msgspec

from burnline.detection.learned.calendar import Planned
from burnline.pricing.valuation import ValuationRate, ValuationRateError, rate_key

Read = TypeVar("Read")


class FileError(ValueError):
    """A file that cannot be used; the message names file, line and what is wrong."""


class Feedback(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A line of a feedback file: what people said of an incident."""

    anomaly_id: str
    verdict: Literal["true", "false", "planned"]


def read_rates(path: Path) -> list[ValuationRate]:
    """Valuation rates, one a line, as the topic has them."""
    return _lines(path, _rate)


def read_planned(path: Path) -> list[Planned]:
    """Announced spikes, one a line."""
    return _lines(path, msgspec.json.Decoder(Planned).decode)


def read_feedback(path: Path) -> dict[str, str]:
    """The verdict on each incident by its id; of several the last one counts."""
    return {each.anomaly_id: each.verdict for each in _lines(path, msgspec.json.Decoder(Feedback).decode)}


def _rate(line: bytes) -> ValuationRate:
    fields: dict[str, Any] = json.loads(line)
    if not isinstance(fields, dict):
        raise FileError(f"no JSON object but {fields!r:.64}")
    org_id = fields.get("org_id")
    names = str(fields.get("provider")), str(fields.get("model"))
    key = rate_key(*names, fields.get("effective_from", 0), None if org_id is None else str(org_id))
    return ValuationRate.parse(key, line)


def _lines(path: Path, read: Callable[[bytes], Read]) -> list[Read]:
    found = []
    try:
        with path.open("rb") as file:
            for number, line in enumerate(file, 1):
                if line.strip():
                    try:
                        found.append(read(line))
                    except (ValueError, ValuationRateError) as error:
                        raise FileError(f"{path}, line {number}: {error}") from error
    except OSError as error:
        raise FileError(f"{path}: {error.strerror}") from error
    return found
