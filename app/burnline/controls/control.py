"""Controls: what a runtime is asked to do, and which one counts. The wire contract of the topic `controls`. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, NamedTuple, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from burnline.events.contract import Id
from burnline.events.keyed import record_in

MAX_REASON = 500


class ControlError(ValueError):
    """A record of the topic `controls` that cannot be used; the message names its key, the field and the value."""


class ControlScope(StrEnum):
    """Whom a control is for; the wider ones come first, the narrowest that is in force counts."""

    ORG = "org"
    AGENT = "agent"
    SESSION = "session"


class Action(StrEnum):
    """What a runtime is asked to do."""

    WARN = "warn"
    """Go on, and tell a human."""
    DOWNGRADE = "downgrade"
    """Go on with a cheaper model."""
    THROTTLE = "throttle"
    """Go on, more slowly."""
    PAUSE = "pause"
    """Wait until this is lifted or over."""
    STOP = "stop"
    """End."""
    RESUME = "resume"
    """Go on, whatever is said of what is wider."""


HOLDS_BACK = frozenset({Action.PAUSE, Action.STOP})
"""Actions with which nothing further may be spent."""


class Mode(StrEnum):
    """Whether a control is obeyed."""

    OBSERVE = "observe"
    """It is recorded what would be done, and nothing is held back."""
    ENFORCE = "enforce"


class Control(BaseModel):
    """Control v1. Key: `scope/org_id/name`, or `org/org_id`. A null value lifts the control of that key.

    The offset of its record is its fencing epoch: of two controls of a key, the one with the greater epoch counts.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    scope: Annotated[ControlScope, Field(strict=False, description="Whom it is for.")]
    org_id: Annotated[Id, Field(description="The organisation.")]
    name: Annotated[str, Field(max_length=256, description="Agent or session; empty for an organisation.")] = ""
    action: Annotated[Action, Field(strict=False, description="What a runtime is asked to do.")]
    mode: Annotated[Mode, Field(strict=False, description="observe: recorded, and not obeyed.")] = Mode.OBSERVE
    reason: Annotated[
        str, Field(min_length=1, max_length=MAX_REASON, description="Why, in words that an agent may be told.")
    ]
    expires_at: Annotated[
        int | None,
        Field(ge=0, description="From then on it counts no more: Unix epoch, milliseconds. Null: until lifted."),
    ] = None
    source: Annotated[str, Field(min_length=1, max_length=600, description="Who or what set it.")] = "manual"
    updated_at: Annotated[int | None, Field(ge=0, description="When it was set: Unix epoch, milliseconds.")] = None

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if (self.scope is ControlScope.ORG) is bool(self.name):
            wanted = "none for an organisation" if self.name else f"the {self.scope}"
            raise ValueError(f"name={self.name[:80]!r}: {wanted}")
        return self

    def key(self) -> str:
        """The record's key."""
        return control_key(self.scope, self.org_id, self.name)

    @classmethod
    def parse(cls, key: bytes | str | None, value: bytes | str) -> Self:
        """Read a record of the topic.

        Raises:
            ControlError: The record is no control, or its key is not that of its fields.
        """
        return record_in(cls, key, value, name="control", refused=ControlError, key_of="scope, org_id and name")


def control_key(scope: ControlScope, org_id: str, name: str = "") -> str:
    """The key, such as `session/acme/sess-4711`; % and / in the organisation are percent-encoded, so none is two's."""
    org = org_id.replace("%", "%25").replace("/", "%2F")
    return f"{scope}/{org}" if scope is ControlScope.ORG else f"{scope}/{org}/{name}"


class Held(NamedTuple):
    """A control as it stands on the topic, with its fencing epoch: the offset of its record."""

    control: Control
    epoch: int


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a session may go on, and what its runtime is asked to do.

    Attributes:
        allowed: False where an enforced control pauses or stops it; or nothing is known, and that is to hold back.
        action: What is asked; None if nothing.
        would: What would be asked if the control were enforced; None if it is, or there is none.
        reason: Why.
        control: Key of the control that counts; None if there is none.
        epoch: Its fencing epoch: a verdict with a greater one is newer.
        expires_at: When it ends by itself, epoch milliseconds.
    """

    allowed: bool
    action: Action | None = None
    would: Action | None = None
    reason: str = ""
    control: str | None = None
    epoch: int | None = None
    expires_at: int | None = None


FREE = Verdict(allowed=True)
"""Nothing is asked."""


def decide(
    held: Mapping[str, Held], *, org_id: str, agent_id: str | None, session_id: str | None, now_ms: int
) -> Verdict:
    """What counts for a session: of the controls in force the narrowest, be it session, agent or organisation.

    Args:
        held: Controls by key.
        org_id: Its organisation.
        agent_id: Its agent; None if that is not known.
        session_id: The session; None for a question about what is wider.
        now_ms: The clock, epoch milliseconds.
    """
    if not held:
        return FREE
    for scope, name in ((ControlScope.SESSION, session_id), (ControlScope.AGENT, agent_id), (ControlScope.ORG, "")):
        found = None if name is None else held.get(control_key(scope, org_id, name))
        if found is not None and (found.control.expires_at is None or now_ms < found.control.expires_at):
            return _verdict(found)
    return FREE


def _verdict(found: Held) -> Verdict:
    control = found.control
    enforced = control.mode is Mode.ENFORCE
    return Verdict(
        allowed=not (enforced and control.action in HOLDS_BACK),
        action=control.action if enforced else None,
        would=None if enforced else control.action,
        reason=control.reason,
        control=control.key(),
        epoch=found.epoch,
        expires_at=control.expires_at,
    )
