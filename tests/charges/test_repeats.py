"""Whether the log holds the same event before, on a real broker."""

import json

import pytest

from burnline.charges.repeats import look_back
from burnline.kafka import client_config
from burnline.settings import Settings
from tests.events.examples import accepted, encoded, event
from tests.topics.making import TIMEOUT_S, make_topic, write

SAME = encoded(event_id="e-1").decode()
ESCAPED = SAME.replace('"e-1"', '"\\u0065-1"')


def other(number: int) -> str:
    return encoded(event_id=f"other-{number}").decode()


def looked(
    settings: Settings, log: list[str], records: int, *, ids_per_org: bool = False
) -> tuple[int | None, int, bool]:
    """Look back from the event that comes after this log."""
    topic = make_topic(settings)
    write(settings, topic, [*log, SAME])
    sought = accepted(SAME.encode())
    found = look_back(
        client_config(settings),
        topic,
        0,
        len(log),
        sought,
        ids_per_org=ids_per_org,
        records=records,
        timeout_s=TIMEOUT_S,
    )
    return (found.repeat_of, found.since_offset, found.whole)


def test_the_first_of_several_counts(settings: Settings) -> None:
    assert looked(settings, [other(0), SAME, SAME, other(1)], 10) == (1, 0, True)


def test_it_may_be_written_otherwise(settings: Settings) -> None:
    assert looked(settings, [ESCAPED, other(1)], 10) == (0, 0, True)


@pytest.mark.parametrize(
    ("changed", "found"),
    [({"session_id": "parent"}, (0, 0, True)), ({"org_id": "other"}, (None, 0, True))],
    ids=["of-another-session", "of-another-organisation"],
)
def test_where_ids_are_unique_in_their_org(
    settings: Settings, changed: dict[str, str], found: tuple[int | None, int, bool]
) -> None:
    before = encoded(event_id="e-1", **changed).decode()
    assert looked(settings, [before], 10, ids_per_org=True) == found


@pytest.mark.parametrize(
    "before",
    [
        pytest.param(encoded(event_id="e-1", session_id="sess-2").decode(), id="of-another-session"),
        pytest.param("{broken e-1", id="unreadable"),
        pytest.param(encoded(event_id="e-1", input_tokens=-1).decode(), id="refused"),
        pytest.param(encoded(event_id="e-10").decode(), id="with-a-longer-id"),
        pytest.param(json.dumps(event(event_id="e-2", tags={"x": "e-1"})), id="that-names-it"),
    ],
)
def test_not_the_same(settings: Settings, before: str) -> None:
    assert looked(settings, [before], 10) == (None, 0, True)


@pytest.mark.parametrize(
    ("records", "found"),
    [
        pytest.param(2, (None, 1, False), id="just-after-it"),
        pytest.param(3, (0, 0, True), id="just-at-it"),
    ],
)
def test_only_so_far(settings: Settings, records: int, found: tuple[int | None, int, bool]) -> None:
    assert looked(settings, [SAME, other(1), other(2)], records) == found


def test_the_very_first_event(settings: Settings) -> None:
    assert looked(settings, [], 10) == (None, 0, True)
