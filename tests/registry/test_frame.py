"""Where a frame ends, and which schema it names."""

from uuid import UUID

import pytest

from burnline.registry.frame import SCHEMA_HEADER, Frame, frame_of, shown_schema

GUID = UUID("0197f3c2-5d1e-7c3a-9b51-2f60c1a7e4d8")


@pytest.mark.parametrize(
    ("value", "headers", "frame"),
    [
        pytest.param(b"\0\0\0\0\7abc", [], Frame(7, b"abc"), id="id"),
        pytest.param(b"\0\xff\xff\xff\xff", [], Frame(2**32 - 1, b""), id="largest id, nothing behind it"),
        pytest.param(b"\0\0\0\0", [], None, id="cut within the id"),
        pytest.param(b"\1" + GUID.bytes + b"abc", [], Frame(GUID, b"abc"), id="GUID"),
        pytest.param(b"\1" + GUID.bytes[:15], [], None, id="cut within the GUID"),
        pytest.param(b"abc", [(SCHEMA_HEADER, b"\1" + GUID.bytes)], Frame(GUID, b"abc"), id="GUID in a header"),
        pytest.param(b"abc", [(SCHEMA_HEADER, b"\1" + GUID.bytes + b"\0")], Frame(GUID, b"\0abc"), id="and indexes"),
        pytest.param(b"abc", [(SCHEMA_HEADER, None)], None, id="a header without a value"),
        pytest.param(b'{"event_id": 1}', [("h", b"1")], None, id="plain JSON"),
        pytest.param(b"", [], None, id="nothing"),
    ],
)
def test_a_frame(value: bytes, headers: list[tuple[str, bytes | None]], frame: Frame | None) -> None:
    assert frame_of(value, headers) == frame


def test_a_schema_as_a_sentence_has_it() -> None:
    assert (shown_schema(7), shown_schema(GUID)) == ("schema id 7", f"schema GUID {GUID}")
