"""What people say of an anomaly: acknowledged, silenced for a while, and whether it was one."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Body, Path
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from burnline.api.access.principal import Editor, Principal
from burnline.api.problems import Problem, responses
from burnline.api.resources import Resources, WithResources
from burnline.api.routes.anomalies import read_anomaly
from burnline.api.view.notes import NoteBody
from burnline.api.writing import write
from burnline.detection.anomaly import Anomaly
from burnline.detection.notes import (
    AnomalyNote,
    NoteError,
    NoteKind,
    Verdict,
    acknowledged,
    judged,
    note_key,
    silenced,
)
from burnline.topics.catalogue import topics_for

router = APIRouter(tags=["anomalies"])

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_Kind = Annotated[NoteKind, Path(description="What is said: acknowledgement, silence or feedback.")]
_Id = Annotated[UUID, Path(description="The anomaly's id, from any of its notices.")]
_ANSWERS = responses(404, 409)


class SilenceBody(NoteBody):
    """A silence to begin."""

    model_config = ConfigDict(title="SilenceToWrite")

    until: Annotated[AwareDatetime, Field(description="When it ends (RFC 3339): after now, at most 90 days ahead.")]


class FeedbackBody(NoteBody):
    """What an anomaly was."""

    model_config = ConfigDict(title="FeedbackToWrite")

    verdict: Annotated[Verdict, Field(description="true: something went wrong; false: nothing did; planned: as meant.")]


class NoteWritten(BaseModel):
    """A note that stands, or that was taken back (`note` is null)."""

    anomaly_id: str
    kind: NoteKind
    note: AnomalyNote | None
    topic: str
    partition: int
    offset: int


@router.put("/anomalies/{anomaly_id}/acknowledgement", summary="Acknowledge an anomaly", responses=_ANSWERS)
async def acknowledge(
    resources: WithResources,
    caller: Editor,
    anomaly_id: _Id,
    body: Annotated[NoteBody, Body()] = NoteBody(),  # noqa: B008
) -> NoteWritten:
    """Say that you look after it: `burnline notify` sends no further notices of it until its severity rises."""
    return await _say(resources, caller, anomaly_id, lambda newest, by, at_ms: acknowledged(
        newest, by=by, at_ms=at_ms, words=body.words))  # fmt: skip


@router.put("/anomalies/{anomaly_id}/silence", summary="Silence an anomaly for a while", responses=_ANSWERS)
async def silence(resources: WithResources, caller: Editor, anomaly_id: _Id, body: SilenceBody) -> NoteWritten:
    """No notices of it up to a moment; if it is open then, `burnline notify` tells its newest state."""
    until_ms = (body.until - _EPOCH) // timedelta(milliseconds=1)
    return await _say(resources, caller, anomaly_id, lambda newest, by, at_ms: silenced(
        newest, until_ms=until_ms, by=by, at_ms=at_ms, words=body.words))  # fmt: skip


@router.put("/anomalies/{anomaly_id}/feedback", summary="Say what an anomaly was", responses=_ANSWERS)
async def feedback(resources: WithResources, caller: Editor, anomaly_id: _Id, body: FeedbackBody) -> NoteWritten:
    """Whether something went wrong, open or resolved."""
    return await _say(resources, caller, anomaly_id, lambda newest, by, at_ms: judged(
        newest, body.verdict, by=by, at_ms=at_ms, words=body.words))  # fmt: skip


@router.delete("/anomalies/{anomaly_id}/{kind}", summary="Take a note back", responses=responses(404))
async def take_back(resources: WithResources, caller: Editor, anomaly_id: _Id, kind: _Kind) -> NoteWritten:
    """What was said of this kind is said no more. To take back what was never said does no harm."""
    await read_anomaly(resources, caller, str(anomaly_id))
    return await _written(resources, str(anomaly_id), kind, None)


async def _say(
    resources: Resources, caller: Principal, anomaly_id: UUID, decide: Callable[[Anomaly, str, int], AnomalyNote]
) -> NoteWritten:
    timeline, _ = await read_anomaly(resources, caller, str(anomaly_id))
    try:
        note = decide(timeline[-1], caller.subject, resources.now_ms())
    except NoteError as error:
        raise Problem(409, str(error), kind="cannot-be-said") from error
    return await _written(resources, note.anomaly_id, note.kind, note)


async def _written(resources: Resources, anomaly_id: str, kind: NoteKind, note: AnomalyNote | None) -> NoteWritten:
    topic = topics_for(resources.settings).anomaly_notes
    where = await write(resources.settings, topic, note_key(anomaly_id, kind), note)
    return NoteWritten(anomaly_id=anomaly_id, kind=kind, note=note, **where._asdict())
