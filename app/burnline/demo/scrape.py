"""The worker's own figures, as Prometheus would scrape them."""

import http.client
import time
from collections import deque
from typing import NamedTuple

from prometheus_client.parser import text_string_to_metric_families

from burnline.embedded.asking import ask

_RATE_OVER_S = 4.0


class Figures(NamedTuple):
    """What the screen takes from the worker's metrics."""

    accepted: int = 0
    lag: int = 0


def parse_figures(text: str) -> Figures:
    """Events accepted so far, and events not yet applied, over all partitions."""
    accepted = lag = 0.0
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            if sample.name == "burnline_events_total" and sample.labels.get("outcome") == "accepted":
                accepted += sample.value
            elif sample.name == "burnline_lag_events":
                lag += sample.value
    return Figures(int(accepted), int(lag))


class Scraper:
    """Reads one worker's `/metrics` and knows how fast it accepts events."""

    def __init__(self, url: str) -> None:
        self.figures = Figures()
        self._url = url
        self._seen: deque[tuple[float, int]] = deque()

    def scrape(self) -> None:
        """Ask once; an answer that does not come leaves the figures as they are."""
        try:
            self.figures = parse_figures(ask(self._url, timeout_s=0.5).decode())
        except (OSError, http.client.HTTPException, ValueError):
            return
        now_s = time.monotonic()
        self._seen.append((now_s, self.figures.accepted))
        while len(self._seen) > 2 and now_s - self._seen[0][0] > _RATE_OVER_S:
            self._seen.popleft()

    @property
    def events_per_second(self) -> float:
        """Events accepted per second, over the last few seconds."""
        if len(self._seen) < 2:
            return 0.0
        (first_s, first), (last_s, last) = self._seen[0], self._seen[-1]
        return (last - first) / max(last_s - first_s, 0.001)
