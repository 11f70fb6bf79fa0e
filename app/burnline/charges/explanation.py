"""All there is to say of one offset: what arrived, what it costs and why, and whether it was counted."""

from typing import Any, NamedTuple

import msgspec

from burnline.events.rejection import Reason
from burnline.events.usage import Usage
from burnline.pricing.card import Charge, RateCard
from burnline.pricing.explain import Step, describe
from burnline.pricing.money import usd_text


class Refusal(NamedTuple):
    """Why a record is no usage event."""

    reason: Reason
    field: str
    detail: str
    recorded: bool
    """Whether the worker said so, on a dead letter; else it is what is found now."""


class Priced(NamedTuple):
    """What an event costs, and how that comes about: by the rates that are set now, over the catalogue that charged it.

    Where that catalogue is not kept, or it was not charged yet, over the catalogue in force.
    """

    card: RateCard
    steps: list[Step]
    charge: Charge
    catalogue: str
    """Version of the catalogue that they are."""


class Looked(NamedTuple):
    """What was found in the log for an event's identity before it came."""

    repeat_of: int | None
    """Offset of the same event, counted there."""
    since_offset: int
    """From here on the log was read."""
    whole: bool
    """Whether that was all of the partition's log, its very first record included."""
    differs_in: tuple[str, ...] = ()
    """Fields in which it is not what it repeats, of those that decide what is counted."""


class SessionCost(NamedTuple):
    """What the event's session has spent in all, as it stands now."""

    session_id: str
    org_id: str
    cost_pico_usd: int


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
    looked: Looked | None
    """None where the log was not looked through: the event cannot be read, or repeats are not watched for."""
    session: SessionCost | None
    """None if it has no ledger."""
    charged_by: str | None = None
    """Version of the catalogue that was in force when it was counted; None if that is not known."""

    @property
    def other_catalogue(self) -> bool:
        """Whether it was counted by another catalogue than the one that is shown."""
        return self.charged_by is not None and self.priced is not None and self.charged_by != self.priced.catalogue

    @property
    def counted(self) -> bool | None:
        """Whether its tokens are in the sums; None where the log is too long to say."""
        if not self.applied or self.refusal is not None:
            return False
        if self.looked is None:
            return None
        if self.looked.repeat_of is not None:
            return False
        return True if self.looked.whole else None


def standing(found: Explanation) -> str:
    """Where the event stands, in a sentence."""
    if not found.applied:
        return "No worker has come to this offset yet."
    if found.refusal is not None:
        return "It is on dead-letters." if found.refusal.recorded else "Its dead letter is no longer kept."
    if found.looked is not None and found.looked.repeat_of is not None:
        told = f"It repeats the event at offset {found.looked.repeat_of}, and is counted there only."
        if found.looked.differs_in:
            told += f" Its {', '.join(found.looked.differs_in)} differ from that one's: the first counts."
        return told
    where = (
        "in its session's ledger"
        if found.session is not None
        else "and its session is idle for so long that its ledger was folded into a rollup"
    )
    if found.counted:
        return f"It is counted {where}."
    since = "" if found.looked is None else f" of one before offset {found.looked.since_offset}"
    return f"It is counted {where}, unless its event id was a repeat{since}."


def as_json(found: Explanation) -> dict[str, Any]:
    """The same as a JSON object; USD as exact decimal text, rates as they stand at `rates_as_of_ms`."""
    priced = found.priced if found.refusal is None else None
    return {
        "topic": found.topic,
        "partition": found.partition,
        "offset": found.offset,
        "key": text(found.key),
        "value": text(found.value),
        "dead_letter": None if found.refusal is None else found.refusal._asdict(),
        "event": None if found.event is None else msgspec.to_builtins(found.event),
        "rates_as_of_ms": found.now_ms,
        "catalogue_version": priced and priced.catalogue,
        "charged_by_catalogue_version": found.charged_by,
        "card": priced and describe(priced.card),
        "steps": [_step(step) for step in priced.steps] if priced else [],
        "cost_usd": priced and usd_text(priced.charge.cost_pico_usd),
        "cache_savings_usd": priced and usd_text(priced.charge.cache_savings_pico_usd),
        "unpriced_tokens": priced and priced.charge.unpriced_tokens,
        "applied": found.applied,
        "counted": found.counted,
        "repeat_of": None if found.looked is None else found.looked.repeat_of,
        "repeat_differs_in": [] if found.looked is None else list(found.looked.differs_in),
        "standing": standing(found),
        "session_cost_usd": None if found.session is None else usd_text(found.session.cost_pico_usd),
    }


def text(data: bytes | None) -> str | None:
    """Bytes for people; what is no UTF-8 is shown as such."""
    return None if data is None else data.decode(errors="replace")


def _step(step: Step) -> dict[str, Any]:
    return {name: value for name, value in step._asdict().items() if "pico" not in name}
