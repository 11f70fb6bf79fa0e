"""The worker's figures, from its own metrics."""

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from burnline.demo.scrape import Figures, Scraper, parse_figures
from burnline.metrics import WorkerMetrics
from tests.demo.conftest import Serve


def test_figures_are_found_under_the_workers_own_names() -> None:
    registry = CollectorRegistry()
    metrics = WorkerMetrics(registry, label_limit=10)
    metrics.events.labels("accepted").inc(41)
    metrics.events.labels("duplicate").inc(7)
    metrics.lag.labels("0").set(3)
    metrics.lag.labels("1").set(4)
    assert parse_figures(generate_latest(registry).decode()) == Figures(accepted=41, lag=7)


def test_a_worker_that_has_counted_nothing_yet() -> None:
    assert parse_figures("") == Figures(accepted=0, lag=0)


def test_scraping_a_worker(serve: Serve) -> None:
    scraper = Scraper(serve('burnline_events_total{outcome="accepted"} 5\n'))
    scraper.scrape()
    assert scraper.figures.accepted == 5
    assert scraper.events_per_second == 0


@pytest.mark.parametrize("answer", ["no metrics {", "\xff"], ids=["unreadable", "odd bytes"])
def test_an_answer_that_makes_no_sense_changes_nothing(serve: Serve, answer: str) -> None:
    scraper = Scraper(serve(answer))
    scraper.scrape()
    assert scraper.figures == Figures()


def test_no_answer_changes_nothing() -> None:
    scraper = Scraper("http://127.0.0.1:9/metrics")
    scraper.scrape()
    assert scraper.figures == Figures()
