"""From figures to the page: spreads, targets, tables, and what becomes of what was not run."""

from pathlib import Path

import pytest

from benchmarks import report
from benchmarks.report import BEGIN, END
from benchmarks.results import Figure, Results, Spread, spread
from benchmarks.tables import tables
from benchmarks.targets import target_table


def run(subject: str, events_per_s: int, cpu_us_per_event: float) -> Figure:
    return {"subject": subject, "at": {}, "events_per_s": events_per_s, "cpu_us_per_event": cpu_us_per_event}


@pytest.fixture
def results(tmp_path: Path) -> Results:
    results = Results.begin(tmp_path / "results.json", scale="quick", cpus=2)
    figures: list[Figure] = [run("worker", rate, 3.0) for rate in (380, 400, 500)]
    figures += [run("flink", rate, 10.0) for rate in (150, 160, 200)]
    results.keep("peers", [*figures, {"subject": "kstreams", "at": {}, "not_run": "no java"}], 1.0)
    return results


def test_a_spread_is_median_least_and_most() -> None:
    assert spread([3, 1, 2]) == Spread(2, 1, 3, 3)
    assert spread([]) is None


@pytest.mark.parametrize(
    "line",
    [
        pytest.param("| events/s : Flink, whole run | ≥ 2× | **2.5× (1.9 to 3.33)** | yes |", id="reached"),
        pytest.param("| CPU per event : Flink, whole run | ≤ 0.333× | **0.3× (0.3 to 0.3)** | yes |", id="not passed"),
        pytest.param("| events/s : Kafka Streams | ≥ 5× | not measured | |", id="not measured"),
    ],
)
def test_targets_are_held_against_the_ratio_of_medians(results: Results, line: str) -> None:
    assert line in target_table(results)


def test_what_was_not_run_says_why(results: Results) -> None:
    assert "Kafka Streams: not run: no java" in tables(results, set())


def test_finished_parts_outlive_an_interruption_and_failed_ones_are_run_again(results: Results) -> None:
    results.keep("latency", [], 1.0, "TimeoutError: nothing came")
    again = Results.load(results.file)
    assert again.done("peers")
    assert not again.done("latency")
    assert not again.done("sizes")


def test_only_what_stands_between_the_marks_is_replaced(
    results: Results, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = tmp_path / "docs" / "benchmarks.md"
    page.parent.mkdir()
    page.write_text(f"# Ours\n\n{BEGIN}\nold figures\n{END}\n\nOurs, too.\n")
    monkeypatch.setattr(report, "_draw", lambda *_: ([], "no matplotlib here"))
    report.write(results, page.parent)
    text = page.read_text()
    assert text.startswith("# Ours\n")
    assert text.endswith("\n\nOurs, too.\n")
    assert "old figures" not in text
    assert "**Burnline worker** | 3 | 400 (380–500)" in text
    assert "Plots were not drawn: no matplotlib here" in text


def test_a_page_without_marks_is_left_as_it_is(results: Results, tmp_path: Path) -> None:
    (tmp_path / "benchmarks.md").write_text("# Ours\n")
    with pytest.raises(ValueError, match="lacks the marks"):
        report.write(results, tmp_path)
    assert (tmp_path / "benchmarks.md").read_text() == "# Ours\n"
