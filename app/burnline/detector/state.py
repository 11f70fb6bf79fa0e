"""What a detector leaves on the topic `detection` for the next one: its progress, and from time to time all it knows.

Keys: `progress`; `policies`; `state`, which says how many parts there are and what they hash to; `state/0`, `state/1`
and so on.
All of a state is written in one transaction, so that whoever reads the newest of each key has one state. Pure.
"""

import hashlib
from collections.abc import Mapping
from typing import TypeVar

import msgspec

from burnline.detection.policy_record import PolicyUse

PROGRESS_KEY = b"progress"
STATE_KEY = b"state"
POLICIES_KEY = b"policies"
"""Where each policy has counted, for people: written with the state, and read by no detector."""
PART_BYTES = 1 << 20

Form = TypeVar("Form", bound=msgspec.Struct)
Record = tuple[bytes, bytes | None]
"""Key and value; a value of None deletes."""


class Progress(msgspec.Struct, frozen=True):
    """How far notices are written: all that follow from what stands before these offsets.

    Attributes:
        sequence: Counts writes.
        writer: Of which process this is.
        offsets: By partition of `usage`, the first offset whose notices are not written.
        settled_ms: Up to this event time it was looked what is over.
    """

    sequence: int
    writer: str
    offsets: dict[int, int]
    settled_ms: int


class Parts(msgspec.Struct, frozen=True):
    """What the record `state` says of the parts."""

    count: int
    sha256: str


def encode(progress: Progress) -> bytes:
    """The record's value."""
    return msgspec.json.encode(progress)


def decode_progress(value: bytes) -> Progress:
    """The other way.

    Raises:
        ValueError: The value is none.
    """
    return _read(value, Progress)


def parts_of(state: bytes, parts_before: int) -> list[Record]:
    """The records of a state; what a longer one has left is deleted."""
    parts = [state[place : place + PART_BYTES] for place in range(0, len(state), PART_BYTES)]
    head = msgspec.json.encode(Parts(len(parts), hashlib.sha256(state).hexdigest()))
    records: list[Record] = [(STATE_KEY, head)]
    records += [(_part_key(number), part) for number, part in enumerate(parts)]
    return records + [(_part_key(number), None) for number in range(len(parts), parts_before)]


def joined(newest: Mapping[bytes, bytes]) -> tuple[bytes, int] | None:
    """The state and the number of its parts; None if there is none.

    Args:
        newest: The newest value of each key.

    Raises:
        ValueError: A part is missing, or is not of this state.
    """
    if STATE_KEY not in newest:
        return None
    said = _read(newest[STATE_KEY], Parts)
    missing = [number for number in range(said.count) if _part_key(number) not in newest]
    if missing:
        raise ValueError(f"part {missing[0]} of {said.count} is missing")
    state = b"".join(newest[_part_key(number)] for number in range(said.count))
    if hashlib.sha256(state).hexdigest() != said.sha256:
        raise ValueError(f"the {said.count} parts are not those of one state")
    return state, said.count


def _part_key(number: int) -> bytes:
    return STATE_KEY + b"/%d" % number


def _read(value: bytes, form: type[Form]) -> Form:
    try:
        return msgspec.json.decode(value, type=form)
    except msgspec.DecodeError as error:
        raise ValueError(f"no {form.__name__.lower()}: {error}: {value[:200]!r}") from error


def uses_in(newest: Mapping[bytes, bytes]) -> list[PolicyUse]:
    """What a detector has said of policies; nothing where none has.

    Raises:
        ValueError: The record is none.
    """
    value = newest.get(POLICIES_KEY)
    if value is None:
        return []
    try:
        return msgspec.json.decode(value, type=list[PolicyUse])
    except msgspec.DecodeError as error:
        raise ValueError(f"no uses of policies: {error}: {value[:200]!r}") from error
