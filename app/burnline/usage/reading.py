"""Reading what a provider answers without knowing its package: objects by attribute, dicts by key."""

from collections.abc import Mapping
from enum import Enum
from typing import Any

Reading = dict[str, Any]
"""What a response says of its usage: fields of a usage event, without who used it and when."""


class UsageMissing(ValueError):
    """The response says nothing of its usage, so what it cost is not known; the sentence says what to ask for."""


class UsageUnreadable(ValueError):
    """A count of the response is no count; the sentence names field and value."""


def part(thing: object, *names: str) -> Any:
    """The first of `names` that `thing` has and that is not None; a dict may write them in camel case, too."""
    for name in names:
        if isinstance(thing, Mapping):
            found = thing.get(name)
            found = thing.get(_camel(name)) if found is None else found
        else:
            found = getattr(thing, name, None)
        if found is not None:
            return found
    return None


def count(thing: object, *names: str) -> int:
    """The first of these counts that is there, 0 without one.

    Raises:
        UsageUnreadable: It is no whole number from 0 up.
    """
    found = part(thing, *names)
    if found is None:
        return 0
    if isinstance(found, bool) or not isinstance(found, int) or found < 0:
        raise UsageUnreadable(f"{names[0]} of the response's usage must be a whole number, not {found!r}")
    return found


def text(thing: object, *names: str) -> str | None:
    """The first of these that is a text with something in it, an enumeration's value included."""
    for name in names:
        found = part(thing, name)
        if isinstance(found, Enum):
            found = found.value
        if isinstance(found, str) and found:
            return found
    return None


def usage_of(response: object, *names: str, hint: str) -> Any:
    """The part of a response that holds the counts.

    Raises:
        UsageMissing: There is none; `hint` says what to do about it.
    """
    found = part(response, *names)
    if found is None:
        raise UsageMissing(f"The response has no {names[0]}, so what it used is not known. {hint}")
    return found


def filled(**fields: Any) -> Reading:
    """A reading without what is absent, empty or 0, but for the two counts that every event has."""
    always = ("input_tokens", "output_tokens")
    return {name: value for name, value in fields.items() if value or name in always}


def _camel(name: str) -> str:
    first, *others = name.split("_")
    return first + "".join(word.capitalize() for word in others)
