"""How two AsyncAPI documents of Burnline's topics differ: a running version's, and the installed one's."""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

Document = Mapping[str, Any]


class NoDocument(ValueError):
    """It is no AsyncAPI document of Burnline's topics."""


class Change(NamedTuple):
    """What differs.

    Attributes:
        subject: The topic, or the contract and its field.
        what: What becomes of it, in words.
        breaks: Whether a program that reads or writes it as before may fail.
    """

    subject: str
    what: str
    breaks: bool


def changes(running: Document, installed: Document) -> list[Change]:
    """All that differs, topics first; in the documents' order.

    Raises:
        NoDocument: One of them is none of Burnline's topics.
    """
    before, after = _part(running, "channels"), _part(installed, "channels")
    found = [Change(f"topic {_address(after, role)}", "is new", breaks=False) for role in after if role not in before]
    found += [
        Change(f"topic {_address(before, role)}", "is used no longer", breaks=True)
        for role in before
        if role not in after
    ]
    for role in (role for role in after if role in before):
        found += _channel(before[role], after[role])
    old, new = (_part(_part(one, "components"), "schemas") for one in (running, installed))
    for name in (name for name in new if name in old):
        found += _schema(name, old[name], new[name])
    return found


def version_of(document: Document) -> str:
    """The version of Burnline that wrote it; raises NoDocument if it says none."""
    version = _part(document, "info").get("version")
    if not isinstance(version, str):
        raise NoDocument("info.version is not there: no document of Burnline's topics")
    return version


def _part(document: Document, name: str) -> Mapping[str, Any]:
    part = document.get(name)
    if not isinstance(part, Mapping):
        raise NoDocument(f"{name} is not there: no document of Burnline's topics")
    return part


def _address(channels: Mapping[str, Any], role: str) -> str:
    return str(channels[role]["address"])


def _channel(before: Document, after: Document) -> Iterator[Change]:
    subject = f"topic {after['address']}"
    if before["address"] != after["address"]:
        yield Change(subject, f"was called {before['address']}", breaks=True)
    old, new = (_kept(one) for one in (before, after))
    for name in sorted(old.keys() | new.keys()):
        if old.get(name) != new.get(name):
            yield Change(
                subject, f"{name}: {_told(old.get(name))} → {_told(new.get(name))}", breaks=name == "partitions"
            )


def _kept(channel: Document) -> dict[str, Any]:
    binding = channel["bindings"]["kafka"]
    return {"partitions": binding["partitions"], **binding["topicConfiguration"]}


def _told(value: object) -> str:
    if value is None:
        return "not set"
    return ",".join(map(str, value)) if isinstance(value, list) else str(value)


def _schema(name: str, before: Document, after: Document) -> Iterator[Change]:
    old, new = before.get("properties", {}), after.get("properties", {})
    required_before, required_after = set(before.get("required", ())), set(after.get("required", ()))
    for field in new:
        subject = f"contract {name}: {field}"
        if field not in old:
            must = field in required_after
            yield Change(subject, "is new, and must be there" if must else "is new", breaks=must)
            continue
        if field in required_after - required_before:
            yield Change(subject, "must be there", breaks=True)
        yield from _field(subject, old[field], new[field])
    for field in old:
        if field not in new:
            yield Change(f"contract {name}: {field}", "is gone", breaks=True)


_WORDS = ("description", "title", "examples", "default")


def _field(subject: str, before: Document, after: Document) -> Iterator[Change]:
    old, new = ({key: value for key, value in one.items() if key not in _WORDS} for one in (before, after))
    for key in sorted(old.keys() | new.keys()):
        was, now = old.get(key), new.get(key)
        if was == now:
            continue
        if isinstance(was, list) and isinstance(now, list) and all(one in now for one in was):
            added = [one for one in now if one not in was]
            yield Change(subject, f"{key} takes {_told(added)}, too", breaks=False)
        else:
            yield Change(subject, f"{key}: {_told(was)} → {_told(now)}", breaks=True)
