"""Usage events for the usage topic, from runtimes without a Kafka client."""

from typing import Annotated

import msgspec
from fastapi import APIRouter, Request
from pydantic import BaseModel, Field

from burnline.api.access.principal import Editor
from burnline.api.problems import Mistake, Problem, responses
from burnline.api.resources import WithResources
from burnline.api.taking import publish
from burnline.events.cloudevents import in_one_piece
from burnline.events.decode import decode_batch
from burnline.publisher.encoding import record_of

router = APIRouter(tags=["events"])

MOST_NAMED = 100
"""So many refused events are named in one answer; all are counted."""
_ONE, _BATCH = "application/cloudevents+json", "application/cloudevents-batch+json"
_EVENT = {
    "event_id": "0197f3c2-5d1e-7c3a-9b51-2f60c1a7e4d8",
    "occurred_at": 1_760_000_000_000,
    "org_id": "acme",
    "agent_id": "code-reviewer",
    "session_id": "sess-4711",
    "model": "gpt-4o",
    "input_tokens": 4808,
    "output_tokens": 310,
}
_DATA = {name: value for name, value in _EVENT.items() if name not in ("event_id", "occurred_at", "session_id")}
_CLOUDEVENT = {
    "specversion": "1.0",
    "id": "4711-8",
    "source": "/agents/code-reviewer",
    "type": "com.example.usage",
    "subject": "sess-4711",
    "time": "2025-10-09T08:53:20Z",
    "data": _DATA,
}
_OBJECT = {"type": "object"}
_BODY = {
    "required": True,
    "content": {
        "application/json": {
            "schema": {"oneOf": [_OBJECT, {"type": "array", "items": _OBJECT, "minItems": 1}]},
            "example": _EVENT,
        },
        _ONE: {"schema": _OBJECT, "example": _CLOUDEVENT},
        _BATCH: {"schema": {"type": "array", "items": _OBJECT, "minItems": 1}, "example": [_CLOUDEVENT]},
    },
}


class RefusedEvent(BaseModel):
    """An event that was not taken, and why."""

    index: Annotated[int, Field(description="Its place in the request, from 0.")]
    reason: Annotated[str, Field(description="As of a dead letter; `forbidden` for an organisation of others.")]
    field: Annotated[str, Field(description="Field at fault; empty when none can be named.")]
    detail: Annotated[str, Field(description="One sentence, with the value at fault.")]


class EventsTaken(BaseModel):
    """What became of the events of a request."""

    accepted: Annotated[int, Field(description="Events that the brokers have.")]
    refused: Annotated[int, Field(description="Events that were not taken; the others were.")]
    refused_events: Annotated[list[RefusedEvent], Field(description="The first hundred of them.")]


@router.post(
    "/events",
    summary="Publish usage events",
    responses=responses(413, 415),
    openapi_extra={"requestBody": _BODY},
)
async def publish_events(request: Request, resources: WithResources, caller: Editor) -> EventsTaken:
    """Usage events or CloudEvents with them, one or several: answered once every in-sync replica has them.

    Each is held against the contract by itself, by the worker's own rules, and counts once however often it is sent.
    When none of them can be taken the answer is 422, with the reasons; after a 503 the same may be sent again.
    """
    values = _values(await request.body(), request)
    now_ms, skew_ms = resources.now_ms(), resources.settings.max_clock_skew_ms
    usages, rejections = decode_batch(values, now_ms=now_ms, max_clock_skew_ms=skew_ms)
    refused = [
        RefusedEvent(index=one.index, reason=one.reason, field=one.field, detail=one.detail) for one in rejections
    ]
    taken = []
    for index, usage in enumerate(usages):
        if usage is None:
            continue
        if caller.sees(usage.org_id):
            taken.append(record_of(usage))
        else:
            detail = f"{caller.subject} may not publish for {usage.org_id}"
            refused.append(RefusedEvent(index=index, reason="forbidden", field="org_id", detail=detail))
    refused.sort(key=lambda one: one.index)
    if not taken:
        raise _none_of(refused)
    await publish(request.app.state.taking, taken)
    return EventsTaken(accepted=len(taken), refused=len(refused), refused_events=refused[:MOST_NAMED])


def _values(body: bytes, request: Request) -> list[bytes | None]:
    """Each event of a request as the value of a record.

    Raises:
        Problem: 415 for another kind of content, 422 where there are no events.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    binary = [(f"ce_{name[3:]}", value.encode()) for name, value in request.headers.items() if name.startswith("ce-")]
    if binary and kind in ("", "application/json"):
        return [in_one_piece(body, binary)]
    if kind not in ("application/json", _ONE, _BATCH):
        raise Problem(415, f"Content-Type {kind!r}: events come as application/json, {_ONE} or {_BATCH}.")
    if body.lstrip()[:1] != b"[":
        return [body]
    try:
        parts: list[bytes | None] = [bytes(part) for part in msgspec.json.decode(body, type=list[msgspec.Raw])]
    except (msgspec.DecodeError, RecursionError) as error:
        raise Problem(422, f"body: {error}", kind="invalid-request") from error
    if not parts:
        raise Problem(422, "body: there are no events in it", kind="invalid-request")
    return parts


def _none_of(refused: list[RefusedEvent]) -> Problem:
    """What is answered where nothing was taken: 403 if that is for others' organisations alone."""
    errors = [
        Mistake(where=f"body[{one.index}].{one.field}".rstrip("."), detail=f"{one.detail} ({one.reason})")
        for one in refused[:MOST_NAMED]
    ]
    if all(one.reason == "forbidden" for one in refused):
        return Problem(403, refused[0].detail, kind="forbidden", errors=errors)
    return Problem(422, f"None of {len(refused)} events could be taken.", kind="invalid-request", errors=errors)
