"""What the demo shows, on a terminal and off it."""

import dataclasses
import io
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from rich.console import Console

from burnline.demo.output import LiveOutput, Picture, PlainOutput, notice_line, output_for, progress_line
from burnline.demo.screen import Screen
from burnline.demo.tally import SessionBurn
from burnline.demo.view import Phase, Place, View
from burnline.detection.anomaly import Severity
from burnline.pricing.money import PICO_PER_USD
from tests.demo.examples import story

PLACE = Place(
    metrics_url="http://127.0.0.1:49464/metrics",
    docs_url="http://127.0.0.1:48080/docs",
    brokers="127.0.0.1:9092",
    topic_prefix="finops.",
    warning_pico_usd_per_hour=5 * PICO_PER_USD,
    critical_pico_usd_per_hour=15 * PICO_PER_USD,
    short_window_s=60,
    long_window_s=300,
)
VIEW = View(
    place=PLACE,
    phase=Phase.REPLAYING,
    speed=60,
    elapsed_s=34.2,
    offset_ms=1_950_000,
    length_ms=3_435_949,
    published=7_012,
    counted=6_801,
    counted_of_others=0,
    events_per_second=214.3,
    lag=3,
    spent_pico_usd=20_456 * PICO_PER_USD // 1000,
    burn_pico_usd_per_hour=41 * PICO_PER_USD,
    top=[
        SessionBurn("runaway", "acme", "coder", "gpt-4o", 20 * PICO_PER_USD, 16 * PICO_PER_USD, 1, Severity.CRITICAL),
        *(SessionBurn(f"quiet-{n}", "acme", "coder", "gpt-4o", 0, PICO_PER_USD, 1, None) for n in range(9)),
    ],
    notices=story("runaway"),
    open_anomalies=1,
    dead_letters=0,
)


def drawn(view: View, width: int, height: int) -> str:
    console = Console(file=io.StringIO(), width=width, height=height, force_terminal=True, record=True)
    console.print(Screen(view))
    return console.export_text()


@pytest.mark.parametrize(("width", "height"), [(80, 24), (100, 30), (160, 50)])
def test_the_screen_fits_the_terminal(width: int, height: int) -> None:
    lines = drawn(VIEW, width, height).splitlines()
    assert len(lines) <= height - 1  # the cursor's line
    assert max(map(len, lines)) <= width


@pytest.mark.parametrize("size", [(80, 24), (110, 32)], ids=str)
def test_the_screen_says_where_to_look(size: tuple[int, int]) -> None:
    text = drawn(VIEW, *size)
    assert f" API http://127.0.0.1:48080/docs   metrics {PLACE.metrics_url}" in text
    without = drawn(dataclasses.replace(VIEW, place=dataclasses.replace(PLACE, docs_url=None)), *size)
    assert f"\n metrics {PLACE.metrics_url}" in without
    assert "API" not in without


def test_the_screen_shows_what_matters() -> None:
    text = drawn(VIEW, 110, 32)
    for part in (
        "32:30 of 57:15",
        "6,801 of 7,012",
        "20.46 USD",
        "41.00 USD/h",
        "● runaway",
        "opened as warning",
        "escalated to critical",
        "resolved",
        "20.05 USD/h over 60s, 5.12 over 300s",
    ):
        assert part in text, part


def test_a_narrow_screen_keeps_figures_whole() -> None:
    text = drawn(VIEW, 80, 24)
    assert "6,801" in text
    assert "burn, 5 min" in text
    assert "20.00" in text


def test_before_anything_has_happened_the_screen_says_so() -> None:
    text = drawn(dataclasses.replace(VIEW, top=[], notices=[], offset_ms=0), 100, 30)
    assert "none so far" in text


def test_the_height_of_the_screen_does_not_change_with_what_is_on_it() -> None:
    empty = dataclasses.replace(VIEW, top=[], notices=[])
    assert len(drawn(empty, 110, 32).splitlines()) == len(drawn(VIEW, 110, 32).splitlines())


def test_lines_say_the_same_without_colours() -> None:
    assert progress_line(VIEW) == (
        "32:30 of 57:15 | 6,801 events counted, 214/s | 20.46 USD spent, burning 41.00 USD/h | "
        "top USD/h: runaway 16.00, quiet-0 1.00, quiet-1 1.00"
    )
    assert notice_line(VIEW.notices[1]) == (
        "anomaly escalated to critical: session runaway of acme/coder, 20.05 USD/h over 60s, 5.12 over 300s, "
        "0.42 USD spent, event time 2025-11-13T02:15:20.000Z"
    )


def test_plain_output_writes_a_line_every_few_seconds_and_one_for_each_change() -> None:
    out = io.StringIO()
    with PlainOutput(Console(file=out, soft_wrap=True)) as output:
        output.note("broker")
        for tenths in range(151):
            output.show(dataclasses.replace(VIEW, elapsed_s=tenths / 10))
        output.changed(VIEW.notices[0])
    lines = out.getvalue().splitlines()
    assert lines[0] == "broker"
    assert lines[1:5] == [progress_line(VIEW)] * 4
    assert lines[5:] == [notice_line(VIEW.notices[0])]
    assert "\x1b" not in out.getvalue()


def test_plain_output_writes_a_line_when_the_replay_is_over() -> None:
    out = io.StringIO()
    with PlainOutput(Console(file=out, soft_wrap=True)) as output:
        for phase in (Phase.REPLAYING, Phase.REPLAYING, Phase.SETTLING, Phase.LIVE, Phase.LIVE):
            output.show(dataclasses.replace(VIEW, phase=phase))
    assert len(out.getvalue().splitlines()) == 3


def test_live_output_draws_the_screen_and_gives_the_cursor_back() -> None:
    out = io.StringIO()
    console = Console(file=out, width=100, height=30, force_terminal=True, _environ={"TERM": "xterm-256color"})
    with output_for(console) as output:
        output.note("worker")
        output.show(VIEW)
        output.changed(VIEW.notices[0])
    assert isinstance(output, LiveOutput)
    text = out.getvalue()
    assert text.index("worker") < text.index("runaway")
    assert text.rindex("\x1b[?25h") > text.rindex("\x1b[?25l")


def test_without_a_terminal_there_is_no_live_screen() -> None:
    assert isinstance(output_for(Console(file=io.StringIO())), PlainOutput)


def test_a_picture_is_of_the_moment_when_the_runaway_is_at_its_height(tmp_path: Path) -> None:
    file = tmp_path / "screen.svg"
    with Picture(PlainOutput(Console(file=io.StringIO())), file) as output:
        for percent in (10, 69, 71, 100):
            output.show(dataclasses.replace(VIEW, offset_ms=VIEW.length_ms * percent // 100, counted=percent))
    picture = file.read_text()
    assert ET.fromstring(picture).tag.endswith("svg")  # noqa: S314  # written just now
    assert "url(" not in picture.replace("url(#", "")
    assert "39:30" in picture
    assert "runaway" in picture


def test_events_of_others_are_shown_once_there_are_some() -> None:
    assert "of yours" not in progress_line(VIEW)
    shown = dataclasses.replace(VIEW, counted_of_others=12)
    assert "6,801 events counted and 12 of yours" in progress_line(shown)
