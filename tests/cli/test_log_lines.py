"""A JSON line is one object of ASCII, and says where it happened as numbers."""

import json
import logging
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from burnline.cli.log_lines import formatter, place


def _line(message: str, *arguments: object, exc_info: Any = None) -> str:
    record = logging.LogRecord("burnline.x", logging.WARNING, "x.py", 1, message, arguments, exc_info)
    record.created = 1_760_000_000.25
    return formatter("json").format(record)


def test_a_line_has_time_level_logger_and_message() -> None:
    assert json.loads(_line("all is %s", "well")) == {
        "time": "2025-10-09T08:53:20.250Z",
        "level": "warning",
        "logger": "burnline.x",
        "message": "all is well",
    }


@pytest.mark.parametrize(
    ("template", "arguments", "expected"),
    [
        pytest.param("partition %d: %s", (3, "why"), {"partition": 3}, id="partition first"),
        pytest.param(
            "%s of partition %d at offset %d", ("x", 3, 7), {"partition": 3, "offset": 7}, id="in their places"
        ),
        pytest.param("partition %d, epoch %d", (0, 9), {"partition": 0, "epoch": 9}, id="epoch"),
        pytest.param("after %.1f s: 100 %% of partition %d", (1.5, 4), {"partition": 4}, id="other conversions"),
        pytest.param("from offset %d to offset %d", (5, 8), {"offset": 5}, id="the first of a name"),
        pytest.param("partition %s", ("3",), {}, id="text is no number"),
        pytest.param("partitions %s", ([1, 2],), {}, id="several"),
        pytest.param("partition %(n)d", {"n": 1}, {}, id="arguments by name"),
        pytest.param("partition 3", (), {}, id="nothing to fill in"),
    ],
)
def test_place(template: str, arguments: object, expected: dict[str, int]) -> None:
    assert place(template, arguments) == expected


def test_text_from_outside_is_not_taken_for_a_place() -> None:
    assert json.loads(_line("refused: %s", "partition 5")).keys() == {"time", "level", "logger", "message"}


@given(st.text())
def test_whatever_an_id_holds_the_line_stays_one_of_ascii_and_gives_it_back(text: str) -> None:
    line = _line("refused: %s", text + "\u2028\u202e\n")
    assert line.isascii()
    assert line.isprintable()
    assert json.loads(line)["message"] == f"refused: {text}\u2028\u202e\n"


def test_a_traceback_is_part_of_its_line() -> None:
    try:
        int("inner")
    except ValueError:
        line = _line("failed", exc_info=sys.exc_info())
    assert "\n" not in line
    assert "ValueError: invalid literal" in json.loads(line)["exception"]


def test_text_is_as_it_was() -> None:
    record = logging.LogRecord("burnline.x", logging.INFO, "x.py", 1, "partition %d", (3,), None)
    assert formatter("text").format(record).endswith(" INFO    burnline.x: partition 3")
