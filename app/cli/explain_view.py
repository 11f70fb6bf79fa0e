"""One explained event, for people and as JSON."""

from typing import Any, NamedTuple

import msgspec

from app.cli.rate_view import card_view
from app.cli.reference import print_whole
from app.cli.root import console
from app.events.rejection import Reason
from app.events.usage import Usage
from app.ledger.view import SessionView
from app.pricing.card import Charge, RateCard
from app.pricing.explain import Step, describe, step_text
from app.pricing.money import usd_text


class Refusal(NamedTuple):
    """Why a record is no usage event."""

    reason: Reason
    field: str
    detail: str
    recorded: bool
    """Whether the worker said so, on a dead letter; else it is what this command finds now."""


class Priced(NamedTuple):
    """What an event costs by the rates that stand now, and how that comes about."""

    card: RateCard
    steps: list[Step]
    charge: Charge


class Explanation(NamedTuple):
    """All there is to say of one offset."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    now_ms: int
    refusal: Refusal | None
    event: Usage | None
    """None if it cannot be read now."""
    priced: Priced | None
    applied: bool
    """Whether the worker's progress is past it."""
    session: SessionView | None
    """As it stands now; None if it has no ledger."""


def show(found: Explanation) -> None:
    """Print it for people."""
    _say(f"{found.topic}, partition {found.partition}, offset {found.offset}", "bold")
    _say(_text(found.value) or "(no value)")
    _say("")
    if found.refusal is not None:
        _say(f"A dead letter: {found.refusal.reason}. {found.refusal.detail}", "red")
    elif found.priced is not None:
        _show_price(found.priced)
    _say(standing(found))
    if found.session is not None:
        total = usd_text(found.session.cost_pico_usd)
        _say(f"Session {found.session.session_id} has spent {total} USD in all.")


def standing(found: Explanation) -> str:
    """Where the event stands, in a sentence."""
    if not found.applied:
        return "No worker has come to this offset yet."
    if found.refusal is not None:
        return "It is on dead-letters." if found.refusal.recorded else "Its dead letter is no longer kept."
    if found.session is None:
        return "It is counted; its session is idle for so long that its ledger was folded into a rollup."
    return "It is counted in its session's ledger, unless its event id was a repeat."


def as_json(found: Explanation) -> dict[str, Any]:
    """The same as a JSON object; USD as exact decimal text, rates as they stand at `rates_as_of_ms`."""
    priced = found.priced if found.refusal is None else None
    return {
        "topic": found.topic,
        "partition": found.partition,
        "offset": found.offset,
        "key": _text(found.key),
        "value": _text(found.value),
        "dead_letter": None if found.refusal is None else found.refusal._asdict(),
        "event": None if found.event is None else msgspec.to_builtins(found.event),
        "rates_as_of_ms": found.now_ms,
        "card": priced and describe(priced.card),
        "steps": [_step(step) for step in priced.steps] if priced else [],
        "cost_usd": priced and usd_text(priced.charge.cost_pico_usd),
        "cache_savings_usd": priced and usd_text(priced.charge.cache_savings_pico_usd),
        "unpriced_tokens": priced and priced.charge.unpriced_tokens,
        "applied": found.applied,
        "session_cost_usd": None if found.session is None else usd_text(found.session.cost_pico_usd),
    }


def _show_price(priced: Priced) -> None:
    _say("By the rates that stand now:")
    print_whole(card_view(priced.card))
    _say("")
    for step in priced.steps:
        _say(f"  {step_text(step)}")
    if priced.card.priced:
        _say(f"  = {usd_text(priced.charge.cost_pico_usd)} USD", "bold")
    else:
        _say("  unpriced: its tokens are counted, its cost is not known", "yellow")
    if priced.charge.cache_savings_pico_usd:
        _say(f"  The cache saved {usd_text(priced.charge.cache_savings_pico_usd)} USD.")
    _say("")


def _step(step: Step) -> dict[str, Any]:
    return {name: value for name, value in step._asdict().items() if "pico" not in name}


def _say(text: str, style: str | None = None) -> None:
    console.print(text, style=style, markup=False, highlight=False)


def _text(data: bytes | None) -> str | None:
    return None if data is None else data.decode(errors="replace")
