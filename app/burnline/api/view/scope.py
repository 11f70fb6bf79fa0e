"""What the live routes have in common: whose data a caller sees, and the envelope of their answers."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Annotated, Literal

from fastapi import Query

from burnline.api.access.principal import Principal
from burnline.api.envelope import Envelope, Note, Unpriced
from burnline.api.view.live import LiveView
from burnline.finance.bounds import UnpricedBounds

MAX_NAMES = 100
_Name = Annotated[str, Query(min_length=1, max_length=256)]

OrgFilter = Annotated[
    list[_Name] | None,
    Query(max_length=MAX_NAMES, description="Only these organisations; may be repeated. `org` is its former name."),
]
AgentFilter = Annotated[
    list[_Name] | None,
    Query(
        max_length=MAX_NAMES,
        description="Only sessions that these agents began; may be repeated. `agent` is its former name. What an agent "
        "spends in sessions of others is told by `/trends` and `/allocations`.",
    ),
]
Anomalous = Annotated[bool | None, Query(description="Only with an open anomaly, or only without.")]
Search = Annotated[
    str | None,
    Query(min_length=1, max_length=256, description="Only with this in the session's, agent's or organisation's id."),
]
Order = Annotated[Literal["desc", "asc"], Query(description="Greatest or least first.")]


def visible(caller: Principal, orgs: list[str] | None) -> frozenset[str] | None:
    """The organisations that are asked for and that the caller may see; None is all there are."""
    if orgs is None:
        return caller.orgs
    wanted = frozenset(orgs)
    return wanted if caller.orgs is None else wanted & caller.orgs


def unpriced_of(bounds: UnpricedBounds, tokens_by_model: Mapping[str, int]) -> Unpriced:
    """What tokens without a rate may have cost; ledgers do not say whose models they were."""
    return Unpriced.of(*bounds.total({"": sum(tokens_by_model.values())}))


def envelope_json(live: LiveView, unpriced_by_model: Mapping[str, int], notes: Sequence[Note] = ()) -> bytes:
    """The envelope's fields as the beginning of a JSON object, without its closing brace.

    Raises:
        Problem: 503, there is nothing to answer from.
    """
    freshness = replace(live.freshness(), notes=tuple(notes))
    envelope = Envelope(**freshness.envelope(unpriced_of(live.bounds, unpriced_by_model)))
    return envelope.model_dump_json().encode()[:-1]
