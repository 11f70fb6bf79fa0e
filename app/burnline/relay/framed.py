"""One record with a value in Confluent's wire format into a plain one. Pure but for whoever knows the schemas."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import Any
from uuid import UUID

import msgspec

from burnline.events.rejection import Fault, Reason
from burnline.registry.formats import Reader, Unfit
from burnline.registry.frame import KEY_SCHEMA_HEADER, SCHEMA_HEADER, frame_of, shown_schema
from burnline.relay.records import PUBLISHED, Record, Transformed, Usage, refused, source_of

PLAIN = "plain"
"""What was not framed, and is passed on as it is."""
_LEFT_BEHIND = frozenset({SCHEMA_HEADER, KEY_SCHEMA_HEADER, "content-type"})
"""Headers that say of the framed value what is not so of the plain one."""
_SUBJECT = "ce_subject"

_encode = msgspec.json.Encoder().encode


def unframed(record: Record, reader_of: Callable[[int | UUID], Reader]) -> Transformed:
    """Read one record.

    Args:
        record: As it came.
        reader_of: Gives a schema's reader; raises `Unfit`, or whatever says that it is not known now.
    """
    frame = frame_of(record.value or b"", record.headers)
    if frame is None:
        headers = [*record.headers, source_of(record.place)]
        return Transformed([Usage(record.key, record.value, headers)], None, Counter([PLAIN]))
    try:
        fields = reader_of(frame.schema)(frame.payload)
        value = _encode(fields)
    except (Unfit, msgspec.EncodeError, ValueError, RecursionError) as error:  # integers beyond 64 bits, half a pair
        fault = Fault(Reason.REGISTRY_SCHEMA, "", f"{shown_schema(frame.schema)}: {error}"[:300])
        return refused(record, fault)
    headers = [header for header in record.headers if header[0].lower() not in _LEFT_BEHIND]
    key = _session_of(fields, headers)
    usage = Usage(record.key if key is None else key, value, [*headers, source_of(record.place)])
    return Transformed([usage], None, Counter([PUBLISHED]))


def _session_of(fields: Mapping[str, Any], headers: Iterable[tuple[str, bytes | None]]) -> bytes | None:
    """The key: the record's own may be framed as well."""
    data = fields.get("data")
    places = (fields.get("session_id"), data.get("session_id") if isinstance(data, dict) else None,
              fields.get("subject"))  # fmt: skip
    if (named := next((place for place in places if isinstance(place, str)), None)) is not None:
        return named.encode("utf-8", "replace")
    return next((told for name, told in headers if name.lower() == _SUBJECT), None)
