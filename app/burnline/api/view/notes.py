"""What people say of anomalies, as answers show it: beside the notice, one field for each kind."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field

from burnline.detection.anomaly import Anomaly
from burnline.detection.notes import AnomalyNote, NoteKind, Words, note_key

NOTHING_SAID = b'{"acknowledgement":null,"silence":null,"feedback":null}'


class NotesOut(BaseModel):
    """What stands of one anomaly; null where nobody said anything, or it was taken back."""

    model_config = ConfigDict(title="AnomalyNotes")

    acknowledgement: Annotated[
        AnomalyNote | None, Field(description="Somebody looks after it: no further notices until its severity rises.")
    ] = None
    silence: Annotated[AnomalyNote | None, Field(description="No notices before its `until`, which may be past.")] = (
        None
    )
    feedback: Annotated[AnomalyNote | None, Field(description="What it was: true, false or planned.")] = None

    @classmethod
    def read(cls, anomaly_id: str, values: Sequence[bytes | None]) -> Self:
        """From what Redis has for `note_fields`, in their order.

        Raises:
            NoteError: One of them is no note.
        """
        named = zip(NoteKind, values, strict=True)
        found = {kind: None if value is None else AnomalyNote.parse(note_key(anomaly_id, kind), value)
                 for kind, value in named}  # fmt: skip
        return cls.model_validate({kind.value: note for kind, note in found.items()})


class SeenAnomaly(Anomaly):
    """An anomaly's newest notice, and what people say of it."""

    notes: NotesOut


class NoteBody(BaseModel):
    """What an acknowledgement says."""

    model_config = ConfigDict(title="NoteToWrite", extra="forbid")

    words: Words | None = None


def note_fields(anomaly_id: str) -> list[str]:
    """Fields of `Keys.anomaly_notes` for one anomaly."""
    return [note_key(anomaly_id, kind) for kind in NoteKind]


def note_texts(found: Mapping[bytes, bytes]) -> dict[str, bytes]:
    """The whole of `Keys.anomaly_notes` as JSON of `NotesOut`, by anomaly id."""
    by_id: dict[str, dict[str, bytes]] = {}
    for key, value in found.items():
        anomaly_id, _, kind = key.decode().rpartition("/")
        by_id.setdefault(anomaly_id, {})[kind] = value
    return {
        anomaly_id: b"{%s}" % b",".join(b'"%s":%s' % (kind.encode(), values.get(kind, b"null")) for kind in NoteKind)
        for anomaly_id, values in by_id.items()
    }
