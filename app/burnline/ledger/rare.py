"""Sums that most sessions do not have: what the meters of the table count and cost, and what else is rare.

They are attributes like the common sums, and 0 where nobody has added anything: then they take no memory, and no bytes
in a record. Which there are follows from `burnline.events.meters`, and from the few lines here.
"""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple, TypeVar

import msgspec
from msgspec import UNSET, UnsetType
from pydantic import BaseModel, Field, create_model
from pydantic.json_schema import SkipJsonSchema

from burnline.events.meters import METERS
from burnline.pricing.money import pico_from_text, usd_text


class RareSum(NamedTuple):
    """One of them."""

    name: str
    """The attribute: a count, or an amount in pico-USD."""
    field: str
    """In records: the count, or the amount as decimal text in USD."""
    description: str

    @property
    def is_amount(self) -> bool:
        """Whether it is an amount."""
        return self.name.endswith("_pico_usd")


LEDGER_SUMS = (
    *(RareSum(meter.name, meter.name, meter.description) for meter in METERS),
    RareSum("errors", "errors", "Events that say that they failed."),
    RareSum("cache_hits", "cache_hits", "Answers out of a semantic cache; no call was made, and they cost nothing."),
    RareSum(
        "semantic_savings_pico_usd", "semantic_cache_savings_usd", "What the calls would have cost that were not made."
    ),
    RareSum("reported_pico_usd", "reported_cost_usd", "Of cost_usd, what was reported of events that no rate prices."),
    RareSum("compared_pico_usd", "compared_cost_usd", "Of cost_usd, that of events which also say what they cost."),
    RareSum("compared_reported_pico_usd", "compared_reported_usd", "What those same events say that they cost."),
)
"""Of each model in a session's ledger; in the order of records."""

METER_COSTS = tuple(
    RareSum(
        f"{meter.stem}_pico_usd",
        f"{meter.stem}_cost_usd",
        f"Of {meter.part}_cost_usd, what {meter.name} cost"
        + (" that no other field counts." if any(other.within == meter.name for other in METERS) else "."),
    )
    for meter in METERS
)
ROLLUP_SUMS = (*LEDGER_SUMS, *METER_COSTS)
"""Of each row of the usage rollups; in the order of records."""

LEDGER_NAMES = tuple(each.name for each in LEDGER_SUMS)
ROLLUP_NAMES = tuple(each.name for each in ROLLUP_SUMS)
_NONE = (0,) * len(LEDGER_NAMES)


NOTHING_RARE: Mapping[str, int] = {}
"""What most events add to rare sums."""


class _Rare:
    """Any of the sums by name; those that were never added to are 0."""

    __slots__ = ("rare",)
    rare: Mapping[str, int]
    """Those that something was added to, by name; `NOTHING_RARE` before, so that a look at it costs next to nothing."""

    def add_rare(self, more: Mapping[str, int]) -> None:
        """Add to some of them, by name."""
        if more:
            held = dict(self.rare)
            for name, value in more.items():
                held[name] = held.get(name, 0) + value
            self.rare = held

    def rare_values(self) -> tuple[int, ...]:
        """Those of a ledger, in the order of `LEDGER_NAMES`."""
        held = self.rare
        return tuple(held.get(name, 0) for name in LEDGER_NAMES) if held else _NONE


def _by_name(sums: tuple[RareSum, ...]) -> type:
    def attribute(name: str) -> property:
        def held(self: _Rare) -> int:
            return self.rare.get(name, 0)

        def hold(self: _Rare, value: int) -> None:
            self.rare = {**self.rare, name: value}

        return property(held, hold)

    return type("RareSums", (), {"__slots__": (), **{each.name: attribute(each.name) for each in sums}})


class LedgerRare(_Rare, _by_name(LEDGER_SUMS)):  # type: ignore[misc]  # its attributes are those of the table
    """The rare sums of a model in a ledger."""

    __slots__ = ()


class RollupRare(_Rare, _by_name(ROLLUP_SUMS)):  # type: ignore[misc]  # its attributes are those of the table
    """The rare sums of a usage rollup."""

    __slots__ = ()


Struct = TypeVar("Struct", bound=type[msgspec.Struct])
Model = TypeVar("Model", bound=type[BaseModel])
if TYPE_CHECKING:
    _Absent = None
else:
    _Absent = SkipJsonSchema[None]
_Natural = Annotated[int, msgspec.Meta(ge=0)]


def struct_with(struct: Struct, sums: Iterable[RareSum], usd: Any = str) -> Struct:
    """A struct of records with a field for each of some sums, behind its own; what is zero is left out.

    Args:
        struct: The struct without them.
        sums: Which.
        usd: The type of its amounts.
    """
    fields = [(each.field, (usd if each.is_amount else _Natural) | UnsetType, UNSET) for each in sums]
    return msgspec.defstruct(  # type: ignore[return-value]  # a subclass of it
        struct.__name__,
        fields,
        bases=(struct,),
        module=struct.__module__,
        namespace={"__doc__": struct.__doc__},
        kw_only=True,
        gc=False,
    )


def model_with(model: Model, sums: Iterable[RareSum], usd: Any) -> Model:
    """The same of a pydantic model, for schemas and answers."""
    count = Annotated[int, Field(ge=0)]
    fields: dict[str, Any] = {
        each.field: (
            (usd if each.is_amount else count) | _Absent,
            Field(None, description=each.description, exclude_if=_absent, json_schema_extra=_without_default),
        )
        for each in sums
    }
    return create_model(  # type: ignore[return-value]  # a subclass of it
        model.__name__, __base__=model, __doc__=model.__doc__, __module__=model.__module__, **fields
    )


def _absent(value: object) -> bool:
    return value is None


def _without_default(schema: dict[str, Any]) -> None:
    schema.pop("default", None)


def write_rare(record: msgspec.Struct, held: _Rare, sums: Iterable[RareSum]) -> None:
    """Fill a record's fields from the sums that are not zero."""
    rare = held.rare
    if rare:
        for each in sums:
            if value := rare.get(each.name, 0):
                setattr(record, each.field, usd_text(value) if each.is_amount else value)


def read_rare(record: object, sums: Iterable[RareSum]) -> dict[str, int]:
    """The sums in a record that are not zero.

    Raises:
        ValueError: An amount in it is none.
    """
    read: dict[str, int] = {}
    for each in sums:
        written = getattr(record, each.field)
        if written is UNSET or written is None:
            continue
        value = pico_from_text(written) if each.is_amount else int(written)
        if value:
            read[each.name] = value
    return read
