"""Times on the command line: ISO 8601, epoch milliseconds, or a word."""

import re
import time
from datetime import UTC, datetime, timedelta

import typer

from burnline.events.usage import END_TIME_MS, MIN_TIME_MS

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
_MILLISECONDS_DIGITS = 13  # what has fewer digits may be a date, or seconds
_UNITS_MS = {"m": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 7 * 86_400_000}
_DURATION = re.compile(r"([1-9][0-9]{0,4})([mhdw])", re.ASCII)

TIME_HELP = 'ISO 8601 (UTC where it names no offset), epoch milliseconds, or "now"'


def clock_ms() -> int:
    """The machine's clock, epoch milliseconds."""
    return time.time_ns() // 1_000_000


def duration_ms(text: str, option: str) -> int:
    """A length of time given on the command line, such as `30m` or `4w`, in milliseconds.

    Raises:
        typer.BadParameter: It is none; the option is named.
    """
    found = _DURATION.fullmatch(text)
    if found is None:
        raise typer.BadParameter("is no time such as 30m, 12h, 90d or 4w", param_hint=option)
    return int(found[1]) * _UNITS_MS[found[2]]


def epoch_ms(text: str, *, always: bool = False) -> int:
    """A time given on the command line, as epoch milliseconds.

    Args:
        text: ISO 8601, 13 digits, "now"; with `always`, also "always" (or 0) for 0.
        always: Whether 0 is a time.

    Raises:
        typer.BadParameter: It is none, or no time that an event could have.
    """
    if text == "now":
        return clock_ms()
    if always and text in ("always", "0"):
        return 0
    if len(text) == _MILLISECONDS_DIGITS and text.isdecimal():
        at_ms = int(text)
    else:
        try:
            at = datetime.fromisoformat(text)
        except ValueError:
            raise typer.BadParameter(f"{text!r} is no time: {TIME_HELP} is wanted") from None
        at_ms = ((at if at.tzinfo else at.replace(tzinfo=UTC)) - _EPOCH) // _MILLISECOND
    if not MIN_TIME_MS <= at_ms < END_TIME_MS:
        raise typer.BadParameter(f"{text!r} lies outside the years 2001 to 2286")
    return at_ms
