"""Whether a session may go on, by the controls in force."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Path, Query
from pydantic import Field
from redis.asyncio.client import Pipeline

from burnline.api.access.principal import Viewer
from burnline.api.envelope import Envelope, ask_freshness, freshness_from
from burnline.api.problems import Problem, responses
from burnline.api.questions import moment
from burnline.api.resources import WithResources
from burnline.api.view.generation import read_together
from burnline.controls.control import Action, Control, ControlScope, Held, control_key, decide
from burnline.readmodel.keys import Keys
from burnline.readmodel.rows import decode_control

router = APIRouter(tags=["budgets"])

_SHOWN = 80


class ControlVerdict(Envelope):
    """Whether a session may go on, and what its runtime is asked to do."""

    allowed: Annotated[bool, Field(description="False where an enforced control pauses or stops it.")]
    action: Annotated[Action | None, Field(description="What is asked; null if nothing.")]
    would: Annotated[Action | None, Field(description="What would be asked, if the control were enforced.")]
    reason: Annotated[str, Field(description="Why; empty if nothing is asked.")]
    control: Annotated[str | None, Field(description="Key of the control that counts.", examples=["agent/acme/bot"])]
    epoch: Annotated[
        int | None, Field(description="Its fencing epoch: of two answers about it, that with the greater one is newer.")
    ]
    expires_at: Annotated[datetime | None, Field(description="When it ends by itself.")]


@router.get("/controls/{session_id:path}", summary="May it go on?", responses=responses(403, 404))
async def may_go_on(
    resources: WithResources,
    caller: Viewer,
    session_id: Annotated[str, Path(max_length=256, description="The session; it need not have spent anything yet.")],
    org_id: Annotated[str, Query(max_length=256, description="Its organisation.", examples=["acme"])],
    agent_id: Annotated[str | None, Query(max_length=256, description="Its agent, whose controls count, too.")] = None,
) -> ControlVerdict:
    """By the narrowest control in force: the session's, its agent's, its organisation's.

    The SDK's `Controls.allowed` says the same from memory. A control of anybody else is not told.
    """
    if not caller.sees(org_id):
        raise Problem(403, f"This token is for its own organisations only, and {org_id[:_SHOWN]!r} is none of them.")
    wanted = [
        control_key(ControlScope.SESSION, org_id, session_id),
        *([] if agent_id is None else [control_key(ControlScope.AGENT, org_id, agent_id)]),
        control_key(ControlScope.ORG, org_id),
    ]

    def ask(pipe: Pipeline, keys: Keys) -> None:
        pipe.hmget(keys.controls, wanted)
        ask_freshness(pipe, keys)

    _, (found, *fresh) = await read_together(resources, ask)
    held = {key: _held(key, value) for key, value in zip(wanted, found, strict=True) if value is not None}
    now_ms = resources.now_ms()
    verdict = decide(held, org_id=org_id, agent_id=agent_id, session_id=session_id, now_ms=now_ms)
    return ControlVerdict(
        **freshness_from(fresh, now_ms).envelope(),
        allowed=verdict.allowed,
        action=verdict.action,
        would=verdict.would,
        reason=verdict.reason,
        control=verdict.control,
        epoch=verdict.epoch,
        expires_at=None if verdict.expires_at is None else moment(verdict.expires_at),
    )


def _held(key: str, value: bytes) -> Held:
    epoch, record = decode_control(value)
    return Held(Control.parse(key, record), epoch)
