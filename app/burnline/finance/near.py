"""Which known name may be meant by one that is not known."""

from collections.abc import Collection
from difflib import get_close_matches

NEAR_AMONG = 5_000
"""So many names are compared with one; more take too long."""


def nearest(value: str, known: Collection[str]) -> str | None:
    """The name that may be meant, whatever its case; None where none is near, or there are too many to compare."""
    if len(known) > NEAR_AMONG:
        return None
    folded: dict[str, str] = {}
    for name in sorted(known, reverse=True):
        folded[name.casefold()] = name
    near = get_close_matches(value.casefold(), folded, 1)
    return folded[near[0]] if near else None
