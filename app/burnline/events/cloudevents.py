"""CloudEvents 1.0 whose data is a usage event: the envelope is taken off, and says what the data leaves open.

`source` and `id` together say which event it is, as the specification has it: they stand for a missing `event_id`,
`time` for a missing `occurred_at`, and `subject` for a missing `session_id`. Other attributes are ignored.
"""

import base64
import hashlib
import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from burnline.events.rejection import Fault, Reason
from burnline.events.text import TextError, read_object, shown
from burnline.events.usage import MAX_ID_CHARACTERS

STRUCTURED_TYPE: Final = "application/cloudevents"
"""How the content type of a record begins whose value is a whole CloudEvent."""
_HEADER_PREFIX: Final = "ce_"
_ATTRIBUTES: Final = ("id", "source", "type")
_OPEN: Final = (b'"event_id"', b'"occurred_at"', b'"session_id"')
"""What an envelope may say in the data's place."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)


def usage_object(value: bytes | None) -> dict[str, Any]:
    """The JSON object of a usage event in `value`, out of its envelope if it is in one.

    Raises:
        TextError: It holds no JSON object, or an envelope that is wrong.
    """
    found = read_object(value)
    return taken_out(found) if is_cloudevent(found) else found


def is_cloudevent(found: Mapping[str, Any]) -> bool:
    """Whether a JSON object is a CloudEvent: no attribute of one has an underscore, which a usage event's id has."""
    return "specversion" in found and "event_id" not in found


def taken_out(envelope: Mapping[str, Any]) -> dict[str, Any]:
    """The usage event of a CloudEvent in JSON.

    Raises:
        TextError: The envelope is wrong, or its data is no JSON object.
    """
    if envelope["specversion"] != "1.0":
        raise _error("specversion", f'specversion must be "1.0", not {shown(envelope["specversion"])}')
    for name in _ATTRIBUTES:
        if not isinstance(envelope.get(name), str) or not envelope[name]:
            raise _error(name, f"{name} of the CloudEvent must be a text, not {shown(envelope.get(name))}")
    event = dict(_data(envelope))
    if event.get("event_id") is None:
        event["event_id"] = event_id(envelope["source"], envelope["id"])
    if event.get("occurred_at") is None and "time" in envelope:
        event["occurred_at"] = _time_ms(envelope["time"])
    if event.get("session_id") is None and "subject" in envelope:
        event["session_id"] = envelope["subject"]
    return event


def event_id(source: str, cloudevent_id: str) -> str:
    """The usage event's id: source and id with a blank between, which no source holds; a hash of it if it is long."""
    joined = f"{source} {cloudevent_id}"
    return joined if len(joined) <= MAX_ID_CHARACTERS else "ce:" + hashlib.sha256(joined.encode()).hexdigest()


def in_one_piece(value: bytes | None, headers: Iterable[tuple[str, bytes | None]]) -> bytes | None:
    """A record's value with the envelope that its headers are, if they are one; else the value as it is.

    This is the binary mode of the Kafka binding: attributes are headers `ce_…` (in any case), the value is the data.
    A value that names all that an envelope could say is a usage event by itself; so nobody has to look at the headers
    of plain events, which takes longer than to read them.
    """
    named = {name.lower(): (told or b"").decode("utf-8", "replace") for name, told in headers}
    content_type = named.get("content-type", "")
    if value is None or all(name in value for name in _OPEN):
        return value
    if "ce_specversion" not in named or content_type.lower().startswith(STRUCTURED_TYPE):
        return value
    envelope = {
        name.removeprefix(_HEADER_PREFIX): told for name, told in named.items() if name.startswith(_HEADER_PREFIX)
    }
    if content_type:
        envelope["datacontenttype"] = content_type
    return json.dumps({**envelope, "data_base64": base64.b64encode(value).decode()}).encode()


def _data(envelope: Mapping[str, Any]) -> dict[str, Any]:
    kind = envelope.get("datacontenttype")
    if kind is not None and not _is_json(kind):
        raise _error("datacontenttype", f"datacontenttype must be JSON, not {shown(kind)}")
    if "data_base64" in envelope:
        return read_object(_from_base64(envelope["data_base64"]))
    data = envelope.get("data")
    if not isinstance(data, dict):
        raise _error("data", f"data of the CloudEvent must be an object, not {shown(data)}")
    return data


def _is_json(kind: object) -> bool:
    if not isinstance(kind, str):
        return False
    media_type = kind.partition(";")[0].strip().lower()
    return media_type.endswith(("/json", "+json"))


def _from_base64(text: object) -> bytes:
    try:
        return base64.b64decode(text, validate=True) if isinstance(text, str) else b""
    except ValueError as error:
        raise _error("data_base64", f"data_base64 is no Base64: {error}") from error


def _time_ms(text: object) -> int:
    try:
        at = datetime.fromisoformat(text) if isinstance(text, str) else None
        if at is None or at.tzinfo is None:
            raise ValueError(text)  # noqa: TRY301  # the one sentence below says it
        return (at - _EPOCH) // _MILLISECOND
    except (ValueError, OverflowError):
        raise _error("time", f"time must be a time of RFC 3339 with its offset, not {shown(text)}") from None


def _error(field: str, detail: str) -> TextError:
    return TextError(Fault(Reason.CLOUDEVENT, field, detail))
