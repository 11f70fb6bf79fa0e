"""Our prices against another list of the same day: coverage, no guesses, and a reason for every difference.

The list is `llmprice-kit`'s, in LiteLLM's format; `tests.pricing.reference` compares LiteLLM's own.
"""

import pytest

from burnline.pricing.dated import day_ms
from tests.pricing.reference import Found, compare, reference, report

OF_THE_LIST_MS = day_ms(2026, 4, 3)


@pytest.fixture(scope="module")
def found() -> Found:
    return compare(reference(), OF_THE_LIST_MS)


@pytest.mark.parametrize(
    ("group", "least", "names"),
    [
        pytest.param("makers", 95, 300, id="through their maker's own API"),
        pytest.param("hosts", 90, 400, id="Bedrock, Vertex and Azure"),
    ],
)
def test_models_that_the_catalogue_lists_are_priced(found: Found, group: str, least: int, names: int) -> None:
    """In percent of those that it lists under any spelling; of so many names at least."""
    assert found.listed[group] >= names
    assert found.priced[group] * 100 >= found.listed[group] * least, report(found)


def test_no_host_that_the_catalogue_does_not_know_is_priced(found: Found) -> None:
    assert found.guesses == []


def test_every_difference_of_more_than_a_percent_has_a_reason(found: Found) -> None:
    assert [each for each in found.differences if each.reason is None] == [], report(found)
