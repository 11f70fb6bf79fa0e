"""The catalogue's clauses (equals, starts with, contains, …): in words, as functions, and found by their texts.

A provider has up to some hundred clauses. Tried one after the other, a name that nobody knows would cost them all; so
they are looked up by their texts, which have to stand where a name or a part of it begins.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from genai_prices.types import (
    ClauseAnd,
    ClauseContains,
    ClauseEndsWith,
    ClauseEquals,
    ClauseOr,
    ClauseRegex,
    ClauseStartsWith,
    MatchLogic,
)

from burnline.pricing.names import is_version_of

HEAD = 4
"""Characters of a text by which it is looked for first: most names that nobody knows have none of them."""
_PART = re.compile(r"[./:@]")
_LITERAL = re.compile(r"\^((?:[a-z0-9/-]|\\\.)+)(?![?*+{])")
"""How a regular expression begins that only holds for names that begin so."""


class Leaf(NamedTuple):
    """A clause of the model at a place of its provider's list."""

    place: int
    rule: str
    holds: Callable[[str], bool]


class Leaves:
    """Clauses in the order in which they are added, of which only those are tried whose text stands in a name."""

    def __init__(self) -> None:
        self._leaves: list[Leaf] = []
        self._always: list[int] = []
        self._texts: dict[str, list[int]] = {}
        self._lengths: dict[str, set[int]] = {}
        """Of texts, by how they begin."""
        self._heads: set[int] = set()

    def add(self, place: int, clause: MatchLogic) -> None:
        """Take in a clause; what it leaves open may only be a version (`predicate`)."""
        number = len(self._leaves)
        self._leaves.append(Leaf(place, rule_text(clause), predicate(clause, versions_only=True)))
        text = _beginning(clause)
        if text is None:
            self._always.append(number)
            return
        self._texts.setdefault(text, []).append(number)
        head = text[:HEAD]
        self._heads.add(len(head))
        self._lengths.setdefault(head, set()).add(len(text))

    def of(self, name: str) -> Iterable[Leaf]:
        """Those that may hold for a name, in their order; no other one does."""
        found = self._found(name)
        return [self._leaves[number] for number in sorted({*found, *self._always})]

    def _found(self, name: str) -> list[int]:
        if not self._heads:
            return []
        found: list[int] = []
        for start in (0, *(part.end() for part in _PART.finditer(name))):
            for head in self._heads:
                for length in self._lengths.get(name[start : start + head], ()):
                    found += self._texts.get(name[start : start + length], ())
        return found


def _beginning(clause: MatchLogic) -> str | None:
    """A text with which a name begins, or a part of it, for which the clause holds; None if there is no such."""
    match clause:
        case ClauseStartsWith():
            return clause.starts_with.lower() or None
        case ClauseEndsWith():
            return clause.ends_with.lower() or None
        case ClauseContains():
            return clause.contains.lower() or None
        case ClauseRegex():
            literal = None if "|" in clause.regex else _LITERAL.match(clause.regex)
            return literal[1].replace("\\", "") if literal else None
        case ClauseAnd():
            return next((text for part in clause.and_ if (text := _beginning(part)) is not None), None)
        case _:
            return None


def alternatives(clause: MatchLogic) -> Iterator[MatchLogic]:
    """The clauses of which one has to hold."""
    if isinstance(clause, ClauseOr):
        for part in clause.or_:
            yield from alternatives(part)
    else:
        yield clause


def any_holds(clauses: Iterable[MatchLogic], beginnings: Iterable[str] = ()) -> Callable[[str], bool]:
    """Whether any of many clauses holds for a name in lower case, or it begins so, asked at once."""
    patterns = [f"^{re.escape(text)}" for text in beginnings]
    others = []
    for clause in (each for whole in clauses for each in alternatives(whole)):
        pattern = _pattern(clause)
        if pattern is None:
            others.append(predicate(clause))
        else:
            patterns.append(pattern)
    search = re.compile("|".join(f"(?:{each})" for each in patterns)).search if patterns else lambda _: None
    return lambda name: search(name) is not None or any(holds(name) for holds in others)


def _pattern(clause: MatchLogic) -> str | None:
    match clause:
        case ClauseEquals():
            return rf"^{re.escape(clause.equals.lower())}\Z"
        case ClauseStartsWith():
            return f"^{re.escape(clause.starts_with.lower())}"
        case ClauseEndsWith():
            return rf"{re.escape(clause.ends_with.lower())}\Z"
        case ClauseContains():
            return re.escape(clause.contains.lower())
        case ClauseRegex() if "(?P" not in clause.regex and not re.search(r"\\[1-9]", clause.regex):
            return clause.regex
        case _:
            return None


def predicate(clause: MatchLogic, *, versions_only: bool = False) -> Callable[[str], bool]:
    """The clause as a function of a lower-case name.

    Args:
        clause: The catalogue's.
        versions_only: Of what the clause leaves open, allow only a version behind its text and owners before it:
            "starts_with deepseek-r1" then holds for deepseek-r1-0528 and not for deepseek-r1-distill-qwen-32b, which
            is another product. A regular expression says itself what may follow.
    """
    checked = versions_only
    match clause:
        case ClauseEquals():
            return clause.equals.lower().__eq__
        case ClauseStartsWith():
            prefix = clause.starts_with.lower()
            return lambda name: name.startswith(prefix) and (not checked or is_version_of(name, prefix))
        case ClauseEndsWith():
            suffix = clause.ends_with.lower()
            return lambda name: name.endswith(suffix) and (not checked or _is_owned(name[: -len(suffix)]))
        case ClauseContains():
            part = clause.contains.lower()
            return lambda name: _holds(name, part) if checked else part in name
        case ClauseRegex():
            search = re.compile(clause.regex).search
            return lambda name: search(name) is not None
        case ClauseOr():
            some = [predicate(part, versions_only=checked) for part in clause.or_]
            return lambda name: any(holds(name) for holds in some)
        case ClauseAnd():
            every = [predicate(part, versions_only=checked) for part in clause.and_]
            return lambda name: all(holds(name) for holds in every)


def _holds(name: str, part: str) -> bool:
    before, found, _ = name.partition(part)
    return bool(found) and _is_owned(before) and is_version_of(name, before + part)


def _is_owned(before: str) -> bool:
    """Whether what stands before a model's name says whose or where it is: `us.`, `anthropic/`."""
    return not before or before[-1] in "./:@"


def rule_text(clause: MatchLogic) -> str:
    """The clause in words, as the catalogue's files spell it: `starts_with gpt-4o`."""
    match clause:
        case ClauseEquals():
            return f"equals {clause.equals}"
        case ClauseStartsWith():
            return f"starts_with {clause.starts_with}"
        case ClauseEndsWith():
            return f"ends_with {clause.ends_with}"
        case ClauseContains():
            return f"contains {clause.contains}"
        case ClauseRegex():
            return f"regex {clause.regex}"
        case ClauseOr():
            return " or ".join(rule_text(part) for part in clause.or_)
        case ClauseAnd():
            return " and ".join(rule_text(part) for part in clause.and_)
