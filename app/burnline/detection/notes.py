"""What people say of an anomaly: acknowledged, silenced, and whether it was one. Contract of topic `anomaly-notes`.

Each of the three has a record of its own, with a key of its own: whoever acknowledges and whoever gives feedback at the
same moment take nothing from each other, and of two that say the same thing the later record counts. All decisions are
pure; the moment is an argument.
"""

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Annotated, NamedTuple, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from burnline.detection.anomaly import Anomaly, Severity, State
from burnline.events.contract import Id
from burnline.events.keyed import record_in

DAY_MS = 86_400_000
MAX_SILENCE_MS = 90 * DAY_MS
"""A silence may not outlive what is known of its anomaly."""
MAX_WORDS = 1_000

Words = Annotated[str, Field(min_length=1, max_length=MAX_WORDS, description="Why, in words.", examples=["a backfill"])]
_WHERE_SAID = Field(exclude_if=lambda value: value is None)
By = Annotated[str, Field(min_length=1, max_length=256, description="Who says so.", examples=["token:7f3a"])]


class NoteError(ValueError):
    """Something that cannot be said of an anomaly, or a record that says nothing; the message names it."""


class NoteKind(StrEnum):
    """What is said: somebody looks after it, nobody wants to hear of it for a while, or what it was."""

    ACKNOWLEDGEMENT = "acknowledgement"
    SILENCE = "silence"
    FEEDBACK = "feedback"


class Verdict(StrEnum):
    """What an anomaly was: `true` (something went wrong), `false` (nothing did), `planned` (it was meant to be)."""

    TRUE = "true"
    FALSE = "false"
    PLANNED = "planned"


class AnomalyNote(BaseModel):
    """Anomaly note v1. Key: `anomaly_id/kind`. A null value takes the note back."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    anomaly_id: Annotated[str, Field(min_length=1, max_length=64)]
    kind: NoteKind
    org_id: Id
    agent_id: Id
    by: By
    at: Annotated[int, Field(ge=0, description="When it was said: Unix epoch, milliseconds, the writer's clock.")]
    revision: Annotated[int, Field(ge=1, description="The newest notice that whoever says so could know.")]
    words: Annotated[Words | None, _WHERE_SAID] = None
    severity: Annotated[
        Severity | None,
        _WHERE_SAID,
        Field(description="Acknowledgement: it holds up to this severity, and ends where that rises."),
    ] = None
    until: Annotated[
        int | None,
        _WHERE_SAID,
        Field(ge=0, description="Silence: until this moment. Unix epoch, milliseconds, wall clock."),
    ] = None
    verdict: Annotated[Verdict | None, _WHERE_SAID, Field(description="Feedback: what it was.")] = None

    @model_validator(mode="after")
    def _of_its_kind(self) -> Self:
        for kind, name in _OWN_FIELD.items():
            if (getattr(self, name) is not None) != (kind is self.kind):
                raise ValueError(f"{name} belongs to a note of kind {kind}, and to no other")
        return self

    def key(self) -> str:
        """The record's key."""
        return note_key(self.anomaly_id, self.kind)

    @classmethod
    def parse(cls, key: bytes | str | None, value: bytes | str) -> Self:
        """Read a record of the topic that is no deletion.

        Raises:
            NoteError: It is no note, or its key is not that of its fields.
        """
        return record_in(cls, key, value, name="anomaly note", refused=NoteError)


_OWN_FIELD = {NoteKind.ACKNOWLEDGEMENT: "severity", NoteKind.SILENCE: "until", NoteKind.FEEDBACK: "verdict"}


def note_key(anomaly_id: str, kind: NoteKind) -> str:
    """The key of a note: one for each anomaly and kind."""
    return f"{anomaly_id}/{kind}"


class Notes(NamedTuple):
    """What stands of one anomaly; None where nobody said anything."""

    acknowledgement: AnomalyNote | None = None
    silence: AnomalyNote | None = None
    feedback: AnomalyNote | None = None


NOTHING_SAID = Notes()


def by_anomaly(notes: Iterable[AnomalyNote]) -> Mapping[str, Notes]:
    """Notes by the id of their anomaly; of two of one kind the later in order counts."""
    found: dict[str, Notes] = {}
    for note in notes:
        found[note.anomaly_id] = found.get(note.anomaly_id, NOTHING_SAID)._replace(**{note.kind.value: note})
    return found


def acknowledged(newest: Anomaly, *, by: str, at_ms: int, words: str | None) -> AnomalyNote:
    """Somebody looks after it: no further notices until its severity rises.

    Args:
        newest: Its newest notice.
        by: Who says so.
        at_ms: Now, epoch milliseconds.
        words: Why.

    Raises:
        NoteError: It is resolved.
    """
    _still_open(newest, "acknowledged")
    return _note(NoteKind.ACKNOWLEDGEMENT, newest, by, at_ms, words, severity=newest.severity)


def silenced(newest: Anomaly, *, until_ms: int, by: str, at_ms: int, words: str | None) -> AnomalyNote:
    """Nobody wants to hear of it until a moment, at most 90 days ahead; the rest as `acknowledged`.

    Raises:
        NoteError: It is resolved, or the moment has passed or is too far.
    """
    _still_open(newest, "silenced")
    if not 0 < until_ms - at_ms <= MAX_SILENCE_MS:
        raise NoteError(f"until={until_ms}: a silence ends after now ({at_ms}), and at most 90 days from then")
    return _note(NoteKind.SILENCE, newest, by, at_ms, words, until=until_ms)


def judged(newest: Anomaly, verdict: Verdict, *, by: str, at_ms: int, words: str | None) -> AnomalyNote:
    """Say what it was, open or not; the rest as `acknowledged`."""
    return _note(NoteKind.FEEDBACK, newest, by, at_ms, words, verdict=verdict)


def _still_open(newest: Anomaly, done: str) -> None:
    if newest.state is State.RESOLVED:
        raise NoteError(f"anomaly {newest.anomaly_id} is resolved: it cannot be {done}, only judged by feedback")


def _note(
    kind: NoteKind, newest: Anomaly, by: str, at_ms: int, words: str | None, **own: Severity | int | Verdict
) -> AnomalyNote:
    fields = {
        "anomaly_id": newest.anomaly_id,
        "kind": kind,
        "org_id": newest.org_id,
        "agent_id": newest.agent_id,
        "by": by,
        "at": at_ms,
        "revision": newest.revision,
        "words": words,
    }
    return AnomalyNote.model_validate({**fields, **own})


class Quiet(StrEnum):
    """Whether people want to hear of a notice, and if not, why."""

    HEARD = "heard"
    ACKNOWLEDGED = "acknowledged"
    SILENCED = "silenced"


def quiet(notes: Notes, notice: Anomaly, *, now_ms: int) -> Quiet:
    """Whether a notice is kept from people.

    An acknowledgement holds while the severity is no higher than it was then; a silence up to, not including, its end.

    Args:
        notes: What was said of its anomaly.
        notice: The notice.
        now_ms: Now, epoch milliseconds.
    """
    silence, seen = notes.silence, notes.acknowledgement
    if silence is not None and silence.until is not None and now_ms < silence.until:
        return Quiet.SILENCED
    if seen is not None and (notice.severity is seen.severity or seen.severity is Severity.CRITICAL):
        return Quiet.ACKNOWLEDGED
    return Quiet.HEARD
