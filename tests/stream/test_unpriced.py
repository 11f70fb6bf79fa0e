"""A line a minute says which models have no rate, however many publishers make up."""

import pytest

from burnline.stream.unpriced import EVERY_S, MOST_KNOWN, NAMED, UnpricedLog


def models(first: int, count: int) -> dict[str, str]:
    return {f"m-{number}": "not in the catalogue" for number in range(first, first + count)}


@pytest.fixture
def log() -> UnpricedLog:
    return UnpricedLog()


def test_a_model_is_said_at_once_and_once(log: UnpricedLog) -> None:
    log.gather(models(0, 1))
    said = "models without a rate, their tokens cost nothing yet: 'm-0' (not in the catalogue)"
    assert log.line(0.0) == said
    log.gather(models(0, 1))
    assert log.line(EVERY_S) is None


@pytest.mark.parametrize(("later_s", "lines"), [(EVERY_S - 0.1, 0), (EVERY_S, 1)], ids=["too soon", "a minute on"])
def test_what_comes_within_the_minute_waits_for_its_end(log: UnpricedLog, later_s: float, lines: int) -> None:
    log.gather(models(0, 1))
    assert log.line(0.0) is not None
    log.gather(models(1, 1))
    assert [log.line(later_s)].count(None) == 1 - lines


@pytest.mark.parametrize(
    ("count", "ends"),
    [
        (NAMED, f"'m-{NAMED - 1}' (not in the catalogue)"),
        (NAMED + 1, ", 1 more"),
        (MOST_KNOWN, f"{MOST_KNOWN - NAMED} more"),
    ],
    ids=["as many as are named", "one more", "a flood"],
)
def test_a_few_are_named_and_the_others_counted(log: UnpricedLog, count: int, ends: str) -> None:
    log.gather(models(0, count))
    line = log.line(0.0)
    assert line is not None
    assert line.endswith(ends)
    assert line.count("not in the catalogue") == NAMED


def test_ten_minutes_of_made_up_names_are_ten_lines_and_bounded_memory(log: UnpricedLog) -> None:
    lines = []
    for second in range(600):
        log.gather(models(100 * second, 100))
        lines.append(log.line(float(second)))
    said = [line for line in lines if line is not None]
    assert len(said) == 10
    assert said[1].endswith(f"names beyond the first {MOST_KNOWN:,}, {60 * 100 - (MOST_KNOWN - 100):,} times")
    assert said[2] == "models without a rate, their tokens cost nothing yet: names beyond the first 1,000, 6,000 times"
