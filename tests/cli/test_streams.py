"""Ids with characters that break lines or turn text around, in everything that a command writes."""

import io
import json
import sys

import pytest

from burnline.cli.streams import PrintableStream

UNSEEN = [
    "\u2028",
    "\u2029",
    "\u202e",
    "\u2066",
    "\u200b",
    "\u200f",
    "\ufeff",
    "\u00ad",
    "\u0085",
    "\U000e0001",
    "\ue000",
]
SEEN = ["é", "日本", "🙂", "e\u0301", "\u00a0", "\u3000", "\n", "\t", "\x1b[31m", "–"]


def written(text: str) -> str:
    file = io.StringIO()
    assert PrintableStream(file).write(text) == len(text)
    return file.getvalue()


@pytest.mark.parametrize("character", UNSEEN, ids=ascii)
def test_what_nobody_sees_is_escaped(character: str) -> None:
    told = written(f"sess-{character}1")
    assert told.isascii()
    assert told.splitlines() == [told]


@pytest.mark.parametrize("text", SEEN, ids=ascii)
def test_what_people_see_stays(text: str) -> None:
    assert written(text) == text


@pytest.mark.parametrize("character", UNSEEN, ids=ascii)
def test_json_lines_keep_their_meaning(character: str) -> None:
    line = written(json.dumps({"session_id": character}, ensure_ascii=False))
    assert json.loads(line) == {"session_id": character}


def test_the_rest_is_the_streams_own() -> None:
    guarded = PrintableStream(sys.__stdout__)  # type: ignore[arg-type]
    assert sys.__stdout__ is not None
    assert (guarded.encoding, guarded.isatty()) == (sys.__stdout__.encoding, sys.__stdout__.isatty())
