"""A catalogue as bytes: all that its prices follow from, so that another process prices by it to the last digit.

The bytes are compressed JSON, about 50 kB: providers as genai-prices lists them (`listed`), and what Burnline knows
beside that (corrections, surcharges by region). How names are read is the program's, and in no snapshot.
"""

import json
import re
import zlib
from collections.abc import Mapping, Sequence
from decimal import Decimal
from fractions import Fraction
from hashlib import sha256
from typing import Any, NamedTuple

import msgspec
from genai_prices.types import Provider

from burnline.events.meters import NAMES
from burnline.pricing.card import Tier, meter_rates
from burnline.pricing.compiled import CompiledPrice
from burnline.pricing.corrections import Correction
from burnline.pricing.dated import Always, Condition, Daily, Dated, Since, Workdays
from burnline.pricing.listed import CatalogueError, read_providers, written_providers
from burnline.pricing.regions import NotSold, Regions, Surcharge

FORMAT = 1
MAX_BYTES = 64 * 1_048_576
"""Most bytes of a snapshot's JSON: what is larger is none, and would only fill the memory."""
_DIGITS = 12

_encode = msgspec.json.Encoder(decimal_format="number", order="sorted").encode


class Contents(NamedTuple):
    """All that a catalogue's prices follow from."""

    providers: Sequence[Provider]
    corrections: Sequence[Correction]
    regions: Regions


class Snapshot(NamedTuple):
    """A catalogue's contents, which they are, and where they came from."""

    version: str
    contents: Contents
    source: str


def digest(contents: Contents) -> str:
    """Which prices they are: 12 hexadecimal digits of a hash, the same wherever and however they were read."""
    return sha256(_encode(_written(contents))).hexdigest()[:_DIGITS]


def encode(contents: Contents, source: str) -> bytes:
    """The contents as bytes.

    Args:
        contents: Of a catalogue.
        source: Where they came from, for people; not part of the digest.
    """
    return zlib.compress(_encode({"format": FORMAT, "source": source, **_written(contents)}), 9)


def decode(value: bytes) -> Snapshot:
    """What `encode` has made.

    Raises:
        CatalogueError: It is damaged, or of a version that this one cannot price by.
    """
    document = _document(value)
    if document.get("format") != FORMAT:
        raise CatalogueError(f"format={document.get('format')!r:.40}: this is Burnline for format {FORMAT}")
    try:
        contents = Contents(
            read_providers(document["providers"]),
            tuple(_correction(each) for each in document["corrections"]),
            _regions(document),
        )
    except CatalogueError:
        raise
    except (ValueError, TypeError, KeyError, AttributeError, ArithmeticError, re.error) as error:
        raise CatalogueError(f"corrections or surcharges cannot be read: {type(error).__name__}: {error}") from error
    return Snapshot(digest(contents), contents, str(document.get("source", "")))


def _document(value: bytes) -> Mapping[str, Any]:
    try:
        unpacked = zlib.decompressobj()
        text = unpacked.decompress(value, MAX_BYTES)
        found = json.loads(text, parse_float=Decimal) if unpacked.eof else None
    except (zlib.error, ValueError, RecursionError) as error:
        raise CatalogueError(f"no snapshot of a catalogue: {error}") from error
    if not isinstance(found, dict):
        raise CatalogueError("no snapshot of a catalogue: cut off, too large, or no JSON object")
    return found


def _written(contents: Contents) -> dict[str, Any]:
    regions = contents.regions
    return {
        "providers": written_providers(contents.providers),
        "corrections": [_written_correction(each) for each in contents.corrections],
        "surcharges": [
            {**_where(each), "since_ms": each.since_ms, "factor": str(each.factor)} for each in regions.surcharges
        ],
        "not_sold": [_where(each) for each in regions.not_sold],
    }


def _where(each: Surcharge | NotSold) -> dict[str, Any]:
    return {
        "provider": each.provider,
        "regions": each.regions.pattern,
        "models": each.models.pattern,
        "source": each.source,
    }


def _regions(document: Mapping[str, Any]) -> Regions:
    return Regions(
        tuple(
            Surcharge(*_patterns(each), int(each["since_ms"]), Fraction(each["factor"]), str(each["source"]))
            for each in document["surcharges"]
        ),
        tuple(NotSold(*_patterns(each), str(each["source"])) for each in document["not_sold"]),
    )


def _patterns(each: Mapping[str, Any]) -> tuple[str, re.Pattern[str], re.Pattern[str]]:
    return str(each["provider"]), re.compile(each["regions"]), re.compile(each["models"])


def _written_correction(correction: Correction) -> dict[str, Any]:
    return {
        "provider": correction.provider,
        "name": correction.name,
        "source": correction.source,
        "prices": [
            {
                "when": _written_condition(each.condition),
                "tiers": [_written_tier(tier) for tier in each.value.tiers],
                "note": each.value.note,
            }
            for each in correction.prices
        ],
    }


def _correction(entry: Mapping[str, Any]) -> Correction:
    prices = tuple(
        Dated(_condition(each["when"]), CompiledPrice(tuple(map(_tier, each["tiers"])), str(each["note"])))
        for each in entry["prices"]
    )
    return Correction(str(entry["provider"]), str(entry["name"]), prices, str(entry["source"]))


_TIER = ("above_input_tokens", "input", "output", "cached_input", "cache_write", "reasoning", "per_request")


def _written_tier(tier: Tier) -> dict[str, Any]:
    meters = {name: rate for name, rate in zip(NAMES, tier.meters, strict=True) if rate is not None}
    return {**{name: getattr(tier, name) for name in _TIER}, "meters": meters}


def _tier(entry: Mapping[str, Any]) -> Tier:
    return Tier(**{name: int(entry[name]) for name in _TIER}, meters=meter_rates(entry["meters"]))


_CONDITIONS = {"since": Since, "daily": Daily, "workdays": Workdays}


def _written_condition(condition: Condition) -> dict[str, Any]:
    match condition:
        case Always():
            return {}
        case Since():
            return {"since": [condition.start_ms]}
        case Daily():
            return {"daily": [condition.start_ms_of_day, condition.end_ms_of_day]}
        case Workdays(since_ms, until_ms, start, end):
            return {"workdays": [since_ms, until_ms, start, end]}


def _condition(entry: Mapping[str, Any]) -> Condition:
    if not entry:
        return Always()
    ((kind, values),) = entry.items()
    condition: Condition = _CONDITIONS[kind](*values)
    return condition
