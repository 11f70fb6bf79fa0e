"""Rows that were found, held against the contract: what can be sent, and what cannot and why."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from pydantic import ValidationError

from burnline.events.usage import Usage
from burnline.imports.found import Found, Unread
from burnline.publisher.encoding import Encoded, encode, usage_of

NAMED = 20
"""So many rows that could not be read are kept by name; all are counted."""


@dataclass(slots=True)
class Gathered:
    """How many rows became what."""

    found: int = 0
    too_old: int = 0
    unread: int = 0
    named: list[Unread] = field(default_factory=list)


def gather(
    rows: Iterable[Found | Unread], counts: Gathered, *, org: str, agent: str, since_ms: int
) -> Iterator[tuple[Usage, Encoded]]:
    """Each event that may be sent, as the worker will see it and as it is written.

    Args:
        rows: What an importer gives.
        counts: Kept up to date.
        org: Organisation that pays.
        agent: Agent of rows that name none.
        since_ms: Older events are left out, Unix epoch ms.
    """
    for row in rows:
        if isinstance(row, Unread):
            _note(counts, row)
            continue
        event: dict[str, Any] = {"agent_id": agent, **row.event, "org_id": org}
        if event["occurred_at"] < since_ms:
            counts.too_old += 1
            continue
        try:
            encoded = encode(event)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            name = ".".join(map(str, first["loc"])) or "the event"
            _note(counts, Unread(row.where, f"{name}: {first['msg']}"))
            continue
        counts.found += 1
        yield usage_of(encoded), encoded


def _note(counts: Gathered, row: Unread) -> None:
    counts.unread += 1
    if len(counts.named) < NAMED:
        counts.named.append(row)
