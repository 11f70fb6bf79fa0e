"""What requests say in their own way: times, and names in paths that may hold a slash."""

from datetime import UTC, datetime, timedelta
from urllib.parse import unquote

from fastapi import Request

from burnline.api.problems import Mistake, Problem
from burnline.events.usage import END_TIME_MS, MIN_TIME_MS
from burnline.pricing.dated import utc_text

ALWAYS = "always"

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)


def instant_ms(text: str) -> int:
    """A time in a request as epoch milliseconds.

    Args:
        text: ISO 8601 with an offset (or Z), or "always" for 0.

    Raises:
        ValueError: It is none, or no time that an event could have.
    """
    if text == ALWAYS:
        return 0
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError("must be ISO 8601 with an offset, such as 2026-11-24T00:00:00Z") from None
    if at.tzinfo is None:
        raise ValueError("must name its offset, such as Z")
    at_ms = (at - _EPOCH) // _MILLISECOND
    if not MIN_TIME_MS <= at_ms < END_TIME_MS:
        raise ValueError("must lie in the years 2001 to 2286")
    return at_ms


def query_instant_ms(name: str, text: str) -> int:
    """As `instant_ms`, for a query parameter.

    Raises:
        Problem: 422.
    """
    try:
        return instant_ms(text)
    except ValueError as error:
        raise invalid(Mistake(where=f"query.{name}", detail=f"{name} {error}")) from None


def instant_text(at_ms: int) -> str:
    """What `instant_ms` reads: ISO 8601 in UTC, or "always"."""
    return utc_text(at_ms) if at_ms else ALWAYS


def invalid(*mistakes: Mistake) -> Problem:
    """A 422 that names the mistakes."""
    detail = "; ".join(f"{mistake.where}: {mistake.detail}" for mistake in mistakes)
    return Problem(422, detail, kind="invalid-request", errors=list(mistakes))


def two_names(request: Request, below: str) -> tuple[str, str]:
    """The two names that a path ends with, by the path as it was sent: a slash within a name is `%2F` there.

    Servers decode a path before it is routed, and `a%2Fb/c` and `a/b%2Fc` would be the same. A slash that was not
    encoded is taken for one of the second name's.

    Args:
        request: The request.
        below: The part of the path before the names.
    """
    sent: bytes = request.scope.get("raw_path") or request.url.path.encode()
    names = sent.partition(b"?")[0].decode("ascii", "replace").partition(f"/{below}/")[2]
    first, _, second = names.partition("/")
    return unquote(first), unquote(second)
