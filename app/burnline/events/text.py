"""From bytes to a JSON object, slowly and strictly, with a reason for everything that cannot be one.

This is RFC 8259 in UTF-8 without the liberties of the standard library's reader: no NaN or Infinity, no half surrogate
pairs (which could never be written again as UTF-8), no nesting that would exhaust a stack.
"""

import codecs
import json
import re
from itertools import accumulate
from typing import Any

from burnline.events.rejection import Fault, Reason
from burnline.events.usage import MAX_DEPTH, MAX_EVENT_BYTES

_STRING = re.compile(rb'"(?:[^"\\]++|\\.)*+"?', re.DOTALL)
_STEPS = bytes.maketrans(b"[{]}", b"\x01\x01\xff\xff")
_NO_BRACKETS = bytes(set(range(256)) - set(b"[{]}"))
_SURROGATE = re.compile("[\ud800-\udfff]")
_UNSEEN = re.compile("[^\x00-\x7f]")  # of ASCII only controls are unseen, and no id holds one
_SHOWN_CHARACTERS = 80
_FRAME_BYTES = 5
_FRAME_HEAD = b"\x00\x00"
"""Magic byte, and the first byte of an id: no registry has sixteen million schemas."""
_WRAPPINGS = (
    (b"\x1f\x8b", "compressed with gzip"),
    (b"\x28\xb5\x2f\xfd", "compressed with zstd"),
    (b"\x04\x22\x4d\x18", "compressed with LZ4"),
    (b"\x82SNAPPY\x00", "compressed with Snappy"),
    (b"\xff\x06\x00\x00sNaPpY", "compressed with Snappy"),
    (b"\x78\x01", "compressed with zlib"),
    (b"\x78\x9c", "compressed with zlib"),
    (b"\x78\xda", "compressed with zlib"),
    (b"\xfd7zXZ\x00", "compressed with xz"),
    (b"BZh", "compressed with bzip2"),
    (b"\x03\x00", "framed by AWS Glue's schema registry"),
    (b"\x03\x05", "framed by AWS Glue's schema registry"),
    (b"\xc3\x01", "framed as a single object of Avro"),
    (b"Obj\x01", "an Avro file"),
    (b"PAR1", "a Parquet file"),
    (b"\xac\xed\x00\x05", "an object serialised by Java"),
)
"""How values begin that are no JSON text themselves, and what they are."""
_ENVELOPES = {"payload": "Kafka Connect's converter with schemas.enable=true", "after": "Debezium"}
"""Fields in which an event stands inside of another object, and who writes such objects."""
_LONGEST_INTEGER = 4_000
"""Digits that `int` reads without complaint; what is longer is out of every range and is cut to this."""


class TextError(ValueError):
    """The bytes are no JSON object; `fault` says why."""

    def __init__(self, fault: Fault) -> None:
        self.fault = fault
        super().__init__(fault.detail)


class NotJson(str):
    """Stands in a parsed object where the text had NaN or an infinity."""

    __slots__ = ()


def read_object(value: bytes | None) -> dict[str, Any]:
    """The JSON object that is written in `value`; of a name that stands twice, the last.

    Raises:
        TextError: If it holds anything else, is too large or too deep.
    """
    text = _utf8(_bounded(value))
    constants: list[str] = []

    def refuse_later(name: str) -> NotJson:
        constants.append(name)
        return NotJson(name)

    try:
        parsed = json.loads(text, parse_constant=refuse_later, parse_int=lambda digits: int(digits[:_LONGEST_INTEGER]))
    except json.JSONDecodeError as error:
        _refuse_lines(text, error.pos)
        near = shown_text(text[error.pos : error.pos + 20])
        raise _error(Reason.NOT_JSON, f"{error.msg} at character {error.pos}: {near}") from error
    if constants:
        raise _error(Reason.NOT_JSON, f"{constants[0]} is no JSON value", _holder(parsed, NotJson))
    if isinstance(parsed, list) and parsed and isinstance(parsed[0], dict) and "specversion" in parsed[0]:
        detail = f"the value is a batch of {len(parsed)} CloudEvents; publish each in a record of its own"
        raise _error(Reason.CLOUDEVENTS_BATCH, detail)
    if not isinstance(parsed, dict):
        _refuse_twice(parsed)
        raise _error(Reason.NOT_AN_OBJECT, f"an event is a JSON object, not {shown(parsed)}")
    if "\\u" in text:
        _refuse_half_pairs(parsed)
    return parsed


def is_deeper_than(value: bytes, limit: int) -> bool:
    """Whether arrays and objects are nested deeper than `limit`, brackets in strings not counted."""
    if value.count(b"[") + value.count(b"{") <= limit:
        return False
    steps = _STRING.sub(b"", value).translate(_STEPS, delete=_NO_BRACKETS)
    return max(accumulate(memoryview(steps).cast("b")), default=0) > limit


def shown(value: object) -> str:
    """A value out of a JSON text, for a sentence: scalars as they are written (cut), others by kind and size."""
    if isinstance(value, dict):
        return f"an object with {len(value)} fields"
    if isinstance(value, list):
        return f"an array of {len(value)}"
    if isinstance(value, str):
        return shown_text(value)
    if value is None or isinstance(value, bool):
        return json.dumps(value)
    digits = str(value)
    return digits if len(digits) <= _SHOWN_CHARACTERS else digits[:_SHOWN_CHARACTERS] + "…"


def printable(text: str) -> str:
    """Text in which nothing breaks a line, turns its direction or hides, each such character as JSON escapes it.

    Ids may hold any character but controls; so U+2028, bidirectional marks and zero-width characters come this far.
    Line feeds, tabs and a terminal's own sequences stay: they are not from ids.
    """
    return text if text.isprintable() else _UNSEEN.sub(_escaped, text)


def _escaped(match: re.Match[str]) -> str:
    character = match[0]
    return character if character.isprintable() or character in "\xa0 \u3000" else json.dumps(character)[1:-1]


def shown_text(text: str) -> str:
    """Text in quotes, cut, with everything escaped that could disturb a terminal or has no UTF-8."""
    length = len(text)
    cut = text if length <= _SHOWN_CHARACTERS else f"{text[:_SHOWN_CHARACTERS]}… ({length} characters)"
    return '"' + "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in cut) + '"'


def _bounded(value: bytes | None) -> bytes:
    if value is None:
        raise _error(Reason.NULL_VALUE, "the record has no value")
    if not value:
        raise _error(Reason.EMPTY_VALUE, "the record's value is empty")
    if len(value) > MAX_EVENT_BYTES:
        raise _error(Reason.TOO_LARGE, f"{len(value)} bytes are more than {MAX_EVENT_BYTES}")
    return value


def without_bom(value: bytes) -> bytes:
    """Without a byte order mark at the head, which a reader of JSON may pass over (RFC 8259, 8.1)."""
    return value.removeprefix(codecs.BOM_UTF8)


def is_utf32(head: bytes) -> bool:
    """Whether a text that begins so is UTF-32: by its mark, or a JSON object's first character."""
    return head.startswith((codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE, b"{\x00\x00\x00", b"\x00\x00\x00{"))


def enveloped(fields: dict[str, Any]) -> str:
    """A clause about where an object's event stands instead, if it is one that others wrap events into; else "".

    Args:
        fields: An object that lacks fields of an event.
    """
    for name, writer in _ENVELOPES.items():
        if isinstance(fields.get(name), dict) and "event_id" in fields[name]:
            return f"; there is one in {name!r}, as {writer} writes it: an event is the value itself"
    return ""


def is_utf16(head: bytes) -> bool:
    """Whether a text that begins so is UTF-16, as older PowerShells write it: by its mark, or a JSON object's first."""
    return head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE, b"{\x00", b"\x00{"))


def _refuse_frame(value: bytes) -> None:
    # Confluent's wire format: magic byte 0, the schema's id in four bytes, the value.
    if value.startswith(_FRAME_HEAD) and len(value) > _FRAME_BYTES:
        schema_id = int.from_bytes(value[1:_FRAME_BYTES], "big")
        detail = (
            f"the value is framed for a schema registry (magic byte 0, schema id {schema_id}): publish it without, "
            "or to the topic of `burnline registry`"
        )
        raise _error(Reason.CONFLUENT_FRAME, detail)


def _refuse_wrapping(value: bytes) -> None:
    what = next((what for head, what in _WRAPPINGS if value.startswith(head)), "")
    if what:
        hint = " (Kafka compresses by itself: compression.type)" if what.startswith("compressed") else ""
        raise _error(Reason.NOT_JSON, f"the value is {what}; an event is published as its JSON text{hint}")


def _refuse_lines(text: str, end: int) -> None:
    # Only what is complete up to there and goes on in another line: JSON Lines in one record.
    if text[:end].rstrip(" ")[-1:] == "\n" and text[:end].strip() and text[end : end + 1] == "{":
        lines = sum(1 for line in text.splitlines() if line.strip())
        detail = f"the value is {lines} lines; publish each event in a record of its own"
        raise _error(Reason.NOT_JSON, detail)


def _refuse_twice(parsed: object) -> None:
    if isinstance(parsed, str) and parsed.lstrip()[:1] == "{":
        detail = f"the value is a JSON text within a JSON string, so it was serialised twice: {shown(parsed)}"
        raise _error(Reason.NOT_AN_OBJECT, detail)
    if isinstance(parsed, list) and parsed and all(isinstance(each, dict) for each in parsed):
        detail = f"the value is an array of {len(parsed)} objects; publish each event in a record of its own"
        raise _error(Reason.NOT_AN_OBJECT, detail)


def _utf8(value: bytes) -> str:
    if is_utf32(value):
        raise _error(Reason.NOT_UTF8, "the value is UTF-32; an event is written in UTF-8")
    _refuse_frame(value)
    _refuse_wrapping(value)
    if is_utf16(value):
        raise _error(Reason.NOT_UTF8, "the value is UTF-16; an event is written in UTF-8")
    value = without_bom(value)
    if value.startswith(codecs.BOM_UTF8):
        raise _error(Reason.NOT_JSON, "two byte order marks stand before the value; one at most is passed over")
    try:
        text = value.decode("utf-8")
    except UnicodeDecodeError as error:
        wrong = value[error.start : error.start + 1].hex()
        raise _error(Reason.NOT_UTF8, f"byte 0x{wrong} at {error.start} is not UTF-8 ({error.reason})") from error
    if is_deeper_than(value, MAX_DEPTH):
        raise _error(Reason.TOO_DEEP, f"arrays and objects are nested deeper than {MAX_DEPTH}")
    return text


def _refuse_half_pairs(parsed: dict[str, Any]) -> None:
    if _has_half_pair(parsed):
        field = next((name for name, value in parsed.items() if _has_half_pair({name: value})), "")
        raise _error(Reason.LONE_SURROGATE, "half of a surrogate pair is no character", _printable(field))


def _has_half_pair(value: object) -> bool:
    return _SURROGATE.search(json.dumps(value, ensure_ascii=False)) is not None


def _holder(parsed: object, kind: type) -> str:
    fields = parsed.items() if isinstance(parsed, dict) else ()
    return _printable(next((name for name, value in fields if isinstance(value, kind)), ""))


def _printable(name: str) -> str:
    return shown_text(name)[1:-1]


def _error(reason: Reason, detail: str, field: str = "") -> TextError:
    return TextError(Fault(reason, field, detail))
