"""Floods of lines are cut to what a person reads, and say what was left out; nothing else changes."""

import logging

import pytest

from burnline.api.access.gate import audit_log
from burnline.cli.sparing import AT_ONCE, KINDS, PER_MINUTE, Sparing


class Log:
    """What is told of the lines given to it, with a clock set by hand."""

    def __init__(self) -> None:
        self.now_s = 0.0
        self._sparing = Sparing(lambda: self.now_s)

    def told(self, template: str, *arguments: object, level: int = logging.ERROR, name: str = "burnline.x") -> str:
        record = logging.LogRecord(name, level, "x.py", 1, template, arguments, None)
        return record.getMessage() if self._sparing.filter(record) else ""


@pytest.fixture
def log() -> Log:
    return Log()


def lines(log: Log, count: int, **how: int | str) -> list[str]:
    told = (log.told("record %d: %s", number, "100 %", **how) for number in range(count))  # type: ignore[arg-type]
    return [line for line in told if line]


def test_ten_thousand_lines_of_a_kind_are_a_hundred(log: Log) -> None:
    told = lines(log, 10_000)
    assert len(told) == AT_ONCE
    assert told[:-1] == [f"record {number}: 100 %" for number in range(AT_ONCE - 1)]
    assert told[-1] == "record 99: 100 % (of such lines 10 a minute are told from now on)"


def test_what_goes_on_is_told_ten_times_a_minute_with_what_was_left_out(log: Log) -> None:
    lines(log, AT_ONCE + 5)
    log.now_s = 60.0
    told = lines(log, 1_000)
    assert len(told) == PER_MINUTE
    assert told[0] == "record 0: 100 % (5 more such lines were left out)"


def test_after_a_calm_time_a_flood_is_new(log: Log) -> None:
    lines(log, 1_000)
    log.now_s = 60.0 * AT_ONCE / PER_MINUTE
    assert len(lines(log, 1_000)) == AT_ONCE


def test_an_hour_of_a_line_each_second_stays_readable(log: Log) -> None:
    told = 0
    for log.now_s in range(3_600):
        told += bool(log.told("away"))
    assert told <= AT_ONCE + 60 * PER_MINUTE


def test_kinds_are_counted_apart(log: Log) -> None:
    lines(log, 1_000)
    assert log.told("something else") == "something else"
    assert log.told("record %d: %s", 1, "x", name="burnline.y") == "record 1: x"
    assert log.told("record %d: %s", 1, "x", level=logging.WARNING) == "record 1: x"
    assert not log.told("record %d: %s", 1, "x")


def test_what_is_critical_is_told_always(log: Log) -> None:
    assert len(lines(log, 1_000, level=logging.CRITICAL)) == 1_000


def test_the_audit_is_told_whole(log: Log) -> None:
    assert len(lines(log, 1_000, level=logging.INFO, name=audit_log.name)) == 1_000


def test_texts_without_arguments_may_hold_a_percent_sign(log: Log) -> None:
    told = [line for line in (log.told("at 5 %") for _ in range(AT_ONCE)) if line]
    assert told[-1] == "at 5 % (of such lines 10 a minute are told from now on)"


def test_kinds_without_end_take_no_more_memory(log: Log) -> None:
    lines(log, AT_ONCE)
    for number in range(KINDS):
        assert log.told(f"made up {number}")
    assert lines(log, 1)  # forgotten, and so told anew
