"""Whether what a filter names was ever seen: so that a name that is misspelt does not read as "0 USD"."""

from collections.abc import Collection, Iterable, Mapping
from typing import NamedTuple, get_args

import polars as pl

from burnline.events.usage import Kind
from burnline.finance.frames import COLUMNS, Dimension
from burnline.finance.near import nearest

_LABELS = {
    Dimension.ORG: "organisation",
    Dimension.AGENT: "agent",
    Dimension.TEAM: "team",
    Dimension.PROJECT: "project",
    Dimension.PROVIDER: "provider",
    Dimension.MODEL: "model",
    Dimension.KIND: "kind",
}

Names = Mapping[Dimension, Mapping[str, Collection[str]]]
"""By dimension and organisation: the names that its usage had."""


class Unknown(NamedTuple):
    """A value that nobody has ever used, as far as was looked."""

    dimension: Dimension
    value: str
    did_you_mean: str | None

    def sentence(self, looked: str) -> str:
        """For people. `looked` says where: "in the last 31 days"."""
        hint = "" if self.did_you_mean is None else f"; did you mean {self.did_you_mean!r}?"
        return f"No usage of {_LABELS[self.dimension]} {self.value!r} was seen {looked}{hint}"


def names_of(frame: pl.DataFrame) -> Names:
    """The names in a frame, by organisation; null and the empty name are none."""
    found: dict[Dimension, dict[str, set[str]]] = {}
    for dimension, column in COLUMNS.items():
        pairs = frame.select(org="org_id", name=column).unique().drop_nulls().rows()
        for org, name in pairs:
            if name:
                found.setdefault(dimension, {}).setdefault(org, set()).add(name)
    return found


def unknown(filters: Mapping[Dimension, Iterable[str]], names: Names, orgs: Collection[str] | None) -> list[Unknown]:
    """The filters' values that no organisation of these has used; kinds are known by themselves.

    What another organisation uses is as unknown as what nobody does, and is never suggested.

    Args:
        filters: Values per dimension; "" (none) is no name.
        names: What was used.
        orgs: The organisations that whoever asks may see; None is all.
    """
    found = []
    for dimension, values in filters.items():
        by_org = names.get(dimension, {})
        known = {name for org, some in by_org.items() if orgs is None or org in orgs for name in some}
        if dimension is Dimension.KIND:
            known |= set(get_args(Kind))
        missing = [value for value in dict.fromkeys(values) if value and value not in known]
        found += [Unknown(dimension, value, nearest(value, known)) for value in missing]
    return found
