"""`burnline demo`: dumping alone, and what its exit codes mean. Whole runs are in `tests/demo`."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from burnline.cli.demo import _exit_code
from burnline.cli.root import cli
from burnline.demo.publishing import clock_ms
from burnline.demo.summary import Summary
from burnline.events.decode import decode_batch

SUMMARY = Summary(
    missing=[],
    published=1,
    acknowledged=1,
    counted=1,
    sessions=1,
    dead_letters=0,
    totals={},
    cost_usd="0",
    cache_savings_usd="0",
    embedding_cost_usd="0",
    anomalies=[],
    duration_s=1,
    topic_prefix="",
    brokers="",
    api_url=None,
    events_over_http=None,
    usd_over_http=None,
)
INCOMPLETE = Summary(**{**{name: getattr(SUMMARY, name) for name in Summary.__slots__}, "missing": ["something"]})


@pytest.mark.parametrize("target", ["file", "-"])
def test_dump_alone_writes_good_events_that_end_now_and_starts_nothing(target: str, tmp_path: Path) -> None:
    file = tmp_path / "events.jsonl"
    before_ms = clock_ms()
    result = CliRunner().invoke(cli, ["demo", "--dump", str(file) if target == "file" else "-"])
    after_ms = clock_ms()
    assert result.exit_code == 0
    assert result.stderr == "12,552 events written\n"
    lines = (file.read_text() if target == "file" else result.stdout).splitlines()
    assert len(lines) == 12_552
    usages, rejections = decode_batch([line.encode() for line in lines], now_ms=after_ms, max_clock_skew_ms=0)
    assert rejections == []
    times = [usage.occurred_at for usage in usages if usage is not None]
    assert times == sorted(times)
    assert before_ms <= times[-1] <= after_ms


def test_two_dumps_differ_in_their_dates_only() -> None:
    first, second = (
        [json.loads(line) for line in CliRunner().invoke(cli, ["demo", "--dump", "-"]).stdout.splitlines()]
        for _ in range(2)
    )
    shift_ms = second[0]["occurred_at"] - first[0]["occurred_at"]
    assert [{**event, "occurred_at": event["occurred_at"] + shift_ms} for event in first] == second


def test_a_dump_that_cannot_be_written_is_a_wrong_argument(tmp_path: Path) -> None:
    assert CliRunner().invoke(cli, ["demo", "--dump", str(tmp_path / "no" / "folder")]).exit_code == 2


@pytest.mark.parametrize("speed", ["0", "0.9", "100001"])
def test_speeds_that_make_no_sense_are_wrong_arguments(speed: str) -> None:
    assert CliRunner().invoke(cli, ["demo", "--speed", speed]).exit_code == 2


def test_wrong_settings_are_listed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BURNLINE_PARTITIONS", "0")
    result = CliRunner().invoke(cli, ["demo", "--once"])
    assert result.exit_code == 2
    assert "BURNLINE_PARTITIONS" in result.stderr


@pytest.mark.parametrize(
    ("summary", "once", "interrupted", "code"),
    [
        pytest.param(SUMMARY, True, None, 0, id="once, whole"),
        pytest.param(INCOMPLETE, True, None, 1, id="once, something is missing"),
        pytest.param(SUMMARY, True, 2, 130, id="once, interrupted"),
        pytest.param(None, True, 15, 143, id="once, terminated before anything was published"),
        pytest.param(INCOMPLETE, False, 2, 0, id="until Ctrl-C"),
        pytest.param(None, False, 15, 0, id="until SIGTERM"),
    ],
)
def test_exit_codes(*, summary: Summary | None, once: bool, interrupted: int | None, code: int) -> None:
    assert _exit_code(summary, once=once, interrupted=interrupted) == code
