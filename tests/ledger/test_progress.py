"""The progress record."""

import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from burnline.events.usage import END_TIME_MS
from burnline.ledger.progress import MAX_CATALOGUES, CatalogueSince, Progress, SourceProgress, charged_by, going_on_by
from tests.ledger.examples import BOOK, feed, ledger, usage

OFFSETS = st.integers(0, 2**63 - 1)
GOOD = Progress(1, "finops.usage", 3, 17, 1_760_000_000_000, 1_760_000_000_500)


@given(
    st.builds(Progress, st.just(1), st.text(), st.integers(0, 1023), OFFSETS, st.integers(0, END_TIME_MS - 1), OFFSETS)
)
def test_what_is_written_is_read_back(progress: Progress) -> None:
    assert Progress.decode(progress.encode()) == progress
    SourceProgress.model_validate_json(progress.encode())


def test_the_key_is_the_partition() -> None:
    assert GOOD.key == b"3"


@pytest.mark.parametrize(
    "value",
    [
        pytest.param(b"", id="empty"),
        pytest.param(GOOD.encode()[:-1], id="cut-short"),
        pytest.param(b'{"version":1}', id="fields-missing"),
        pytest.param(msgspec.json.encode({**json.loads(GOOD.encode()), "version": 2}), id="newer-version"),
        pytest.param(msgspec.json.encode({**json.loads(GOOD.encode()), "next_offset": "17"}), id="offset-as-text"),
        pytest.param(b"\xff", id="not-UTF-8"),
    ],
)
def test_damage_is_a_value_error(value: bytes) -> None:
    with pytest.raises(ValueError, match=r"progress record"):
        Progress.decode(value)


KNOWN = (CatalogueSince("a", 10, 1), CatalogueSince("b", 20, 2))


@pytest.mark.parametrize(
    ("offset", "version"),
    [
        pytest.param(9, None, id="before any was noted"),
        pytest.param(10, "a", id="the first one's first"),
        pytest.param(19, "a", id="its last"),
        pytest.param(20, "b", id="the next one's first"),
        pytest.param(10**9, "b", id="ever since"),
    ],
)
def test_which_catalogue_an_offset_was_charged_by(offset: int, version: str | None) -> None:
    assert charged_by(KNOWN, offset) == version


def test_catalogues_are_noted_when_they_change_and_not_for_ever() -> None:
    assert going_on_by(KNOWN, "b", 30, 3) == KNOWN
    assert going_on_by(KNOWN, "c", 20, 3) == (KNOWN[0], CatalogueSince("c", 20, 3))  # no event was charged by b
    assert going_on_by(KNOWN, "a", 20, 3) == (KNOWN[0],)
    assert going_on_by(KNOWN, "a", 30, 3) == (*KNOWN, CatalogueSince("a", 30, 3))
    known: tuple[CatalogueSince, ...] = ()
    for number in range(MAX_CATALOGUES + 1):
        known = going_on_by(known, str(number), number, 0)
    assert [each.since_offset for each in known] == list(range(1, MAX_CATALOGUES + 1))


def test_a_ledger_notes_the_catalogue_that_it_goes_on_by() -> None:
    """What another version has charged keeps its mark, and so does what neither has."""
    here = BOOK.catalogue_version
    fresh = ledger()
    fresh.restore(None)
    feed(fresh, usage())
    assert fresh.progress(0).catalogues == (CatalogueSince(here, 0, 0),)
    of_before = Progress(1, "finops.usage", 2, 17, 5, 6, 7, catalogues=(CatalogueSince("other", 3, 4),))
    again = ledger()
    again.restore(of_before)
    assert again.progress(0).catalogues == of_before.catalogues  # nothing is charged yet
    feed(again, usage())
    assert again.progress(0).catalogues == (CatalogueSince("other", 3, 4), CatalogueSince(here, 17, 7))
    without = ledger()
    without.restore(Progress(1, "finops.usage", 2, 17, 5, 6, 7))
    feed(without, usage())
    assert without.progress(0).catalogues == (CatalogueSince(here, 17, 7),)
    assert charged_by(without.progress(0).catalogues, 16) is None
