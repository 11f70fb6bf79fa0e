"""What is published, and what it must come to."""

from decimal import Decimal

import msgspec
import pytest

from benchmarks.load import ACTIVE, Expected, Load, Popularity, events
from burnline.events.decode import decode_batch
from burnline.pricing.book import RateBook
from burnline.pricing.card import charge

LOAD = Load(2_000, sessions=50)


def made(load: Load) -> tuple[list[str], list[bytes], Expected]:
    expected = Expected()
    pairs = list(events(load, expected))
    return [session for session, _ in pairs], [value for _, value in pairs], expected


def test_a_load_comes_to_what_the_catalogue_charges_for_it() -> None:
    _, values, expected = made(LOAD)
    usages, rejections = decode_batch(values, now_ms=2**43 - 1, max_clock_skew_ms=0)
    assert not rejections
    book = RateBook.bundled()
    total = 0
    for usage in usages:
        assert usage is not None
        card = book.resolve(usage.provider, usage.model, usage.occurred_at)
        total += charge(card, usage.input_tokens, usage.output_tokens, usage.cached_input_tokens, 0, 0)[0]
    assert total == sum(expected.pico_by_session.values())
    assert total > 0


def test_the_same_seed_makes_the_same_events_at_another_time() -> None:
    first, second = (made(LOAD._replace(begins_at_ms=1_800_000_000_000 + shift)) for shift in (0, 60_000))
    assert first[0] == second[0]
    assert first[2].pico_by_session == second[2].pico_by_session


@pytest.mark.parametrize("size", [240, 1_024, 4_096])
def test_events_are_about_as_large_as_they_are_to_be(size: int) -> None:
    _, values, _ = made(LOAD._replace(padding=size - 240))
    mean = sum(map(len, values)) / len(values)
    assert mean == pytest.approx(size, rel=0.08)


@pytest.mark.parametrize("padding", [0, 784, 3_856])
def test_padded_events_are_events(padding: int) -> None:
    _, values, _ = made(LOAD._replace(padding=padding))
    assert decode_batch(values, now_ms=2**43 - 1, max_clock_skew_ms=0)[1] == []


@pytest.mark.parametrize(
    ("popularity", "least", "most"),
    [
        pytest.param("each", 5_000, 5_000, id="each: no session is left out"),
        pytest.param("uniform", 3_000, 3_400, id="uniform: 5,000 draws of 5,000 meet about 63 %"),
        pytest.param("active", ACTIVE, ACTIVE + 5_000 // 50, id="active: the set, and as far as it has moved"),
        pytest.param("skewed", 2_000, 3_000, id="skewed: the rear ones are met less often"),
    ],
)
def test_how_many_sessions_have_events(popularity: Popularity, least: int, most: int) -> None:
    sessions, _, _ = made(Load(5_000, sessions=5_000, popularity=popularity))
    assert least * 0.9 <= len(set(sessions)) <= most


def test_loads_that_follow_each_other_add_up_and_repeat_no_id() -> None:
    expected = Expected()
    ids = []
    for first in (0, 2_000):
        ids += [msgspec.json.decode(value)["event_id"] for _, value in events(LOAD._replace(first=first), expected)]
    assert expected.events == len(set(ids)) == 4_000
    assert Decimal(sum(expected.pico_by_session.values())) > 0
