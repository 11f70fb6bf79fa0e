"""Watching a run: read, look at the worker's figures, show, and tell when it is over."""

import time

from burnline.demo.feed import Feed
from burnline.demo.output import Output
from burnline.demo.publishing import ReplayThread, clock_ms
from burnline.demo.replay import Timetable
from burnline.demo.scenario import RUNAWAY_SESSION
from burnline.demo.scrape import Scraper
from burnline.demo.setup import Setup
from burnline.demo.spending import Spending
from burnline.demo.summary import differences, missing
from burnline.demo.tally import Tally
from burnline.demo.view import Phase, Place, View
from burnline.pricing.money import PICO_PER_USD
from burnline.settings import Settings

_TICK_S = 0.1
_SHOW_EVERY_S = 0.25
_SCRAPE_EVERY_S = 1.0
_ASK_EVERY_S = 0.25
_SETTLE_WITHIN_S = 60.0
_MOST_SESSIONS = 10


class Watch:
    """The demo's loop, a step at a time."""

    def __init__(
        self,
        setup: Setup,
        timetable: Timetable,
        tally: Tally,
        feed: Feed,
        replay: ReplayThread,
        spending: Spending | None,
        output: Output,
        *,
        started_s: float,
    ) -> None:
        self._place = _place(setup)
        self._timetable = timetable
        self._tally = tally
        self._feed = feed
        self._replay = replay
        self._spending = spending
        self._output = output
        self._started_s = started_s
        self._scraper = Scraper(self._place.metrics_url)
        self._next_show_s = self._next_scrape_s = self._next_ask_s = 0.0
        self._settle_until_s: float | None = None
        self._agreed = False

    def step(self) -> None:
        """Read what has come, and show it when it is time to; takes about a tenth of a second."""
        self._feed.read(_TICK_S)
        self._replay.check()
        now_s = time.monotonic()
        if now_s >= self._next_scrape_s:
            self._next_scrape_s = now_s + _SCRAPE_EVERY_S
            self._scraper.scrape()
        if self._replay.done and not self._agreed:
            self._ask(now_s)
        if now_s >= self._next_show_s:
            self._next_show_s = now_s + _SHOW_EVERY_S
            self.show()

    def over(self) -> bool:
        """Whether all is counted, over HTTP too, and the runaway's anomaly resolved; or the wait for it has ended."""
        if not self._replay.done:
            return False
        if self._settle_until_s is None:
            self._settle_until_s = time.monotonic() + _SETTLE_WITHIN_S
        published, acknowledged = self._replay.published, self._replay.acknowledged
        over_http = self._spending.said if self._spending else None
        lacking = missing(
            self._tally, RUNAWAY_SESSION, published=published, acknowledged=acknowledged, over_http=over_http
        )
        return not lacking or time.monotonic() > self._settle_until_s

    def show(self) -> None:
        """Show how things stand."""
        self._output.show(self._view(clock_ms()))

    def _ask(self, now_s: float) -> None:
        """Ask the API what was spent when it is time to, until it says what the ledgers say of the whole trace."""
        if self._spending is None:
            return
        if now_s >= self._next_ask_s:
            self._next_ask_s = now_s + _ASK_EVERY_S
            self._spending.ask()
        self._agreed = not self._tally.uncounted() and not differences(self._tally, self._spending.said)
        if self._agreed:
            self._output.note(f"the API has it all: {self._place.docs_url}")

    def _view(self, now_ms: int) -> View:
        tally, replay = self._tally, self._replay
        # Ledgers are written a moment after their events, which is most of a minute of the trace: while it is
        # replayed, windows end with what is written, and with the clock afterwards.
        at_ms = max(tally.watermark_ms, now_ms) if replay.done else tally.watermark_ms
        return View(
            place=self._place,
            phase=self._phase(),
            speed=self._timetable.speed,
            elapsed_s=time.monotonic() - self._started_s,
            offset_ms=self._timetable.offset_ms(now_ms),
            length_ms=self._timetable.length_ms,
            published=replay.published,
            counted=tally.events,
            counted_of_others=tally.events_of_others,
            events_per_second=self._scraper.events_per_second,
            lag=self._scraper.figures.lag,
            spent_pico_usd=tally.spent_pico_usd,
            burn_pico_usd_per_hour=tally.burn_pico_usd_per_hour(at_ms),
            top=tally.top(_MOST_SESSIONS, at_ms),
            notices=tuple(tally.notices),
            open_anomalies=len(tally.open_anomalies),
            dead_letters=tally.dead_letters,
        )

    def _phase(self) -> Phase:
        if not self._replay.done:
            return Phase.REPLAYING
        return Phase.SETTLING if self._tally.uncounted() else Phase.LIVE


def _place(setup: Setup) -> Place:
    settings = setup.settings
    warning = _pico_usd_per_hour(settings)
    return Place(
        metrics_url=f"{setup.worker.url}/metrics",
        docs_url=f"{setup.api.url}/docs" if setup.has_redis else None,
        brokers=settings.kafka_bootstrap_servers,
        topic_prefix=settings.topic_prefix,
        warning_pico_usd_per_hour=warning,
        critical_pico_usd_per_hour=int(warning * settings.critical_factor),
        short_window_s=settings.short_window_s,
        long_window_s=settings.long_window_s,
    )


def _pico_usd_per_hour(settings: Settings) -> int:
    return int(settings.baseline_usd_per_hour * settings.anomaly_multiplier * PICO_PER_USD)
