"""The detector: `usage` through the learned rules, into notices, by one process with a progress of its own.

It holds up no worker, and no worker it. Time is the events' own; while none come it moves on with the clock, so that
what has ended is told.
"""

import logging
import threading
import time
from collections.abc import Iterable
from functools import partial
from itertools import groupby
from typing import TYPE_CHECKING

import msgspec

from burnline.detection.anomaly import cloudevent_headers, notice_key, notice_value
from burnline.detection.baseline import Baseline, Baselines, default_baseline
from burnline.detection.learned.calendar import Planned
from burnline.detection.learned.policy import Policies
from burnline.detection.learned.rules import RULES
from burnline.detection.notes import AnomalyNote
from burnline.detection.policy_record import PolicyRecord, policies_of
from burnline.detection.rule import BurnRule
from burnline.detector.keeper import TIMEOUT_S, Keeper
from burnline.detector.merging import Logged
from burnline.detector.metrics import DetectorMetrics
from burnline.detector.stage import Stage
from burnline.detector.state import POLICIES_KEY
from burnline.detector.tape import Tape
from burnline.kafka import client_config
from burnline.native.meters import engine_for
from burnline.pricing.book import RateBook
from burnline.pricing.valuation import ValuationRate
from burnline.settings import Settings
from burnline.stream.reference import ReferenceData
from burnline.stream.written import Outgoing
from burnline.topics.catalogue import topics_for
from burnline.topics.compacted import read_newest
from burnline.topics.ensure import ensure_topics
from burnline.topics.shelf import read_shelf
from burnline.windows.slices import SLICE_MS

if TYPE_CHECKING:
    from burnline.detection.anomaly import Anomaly

STATE_EVERY_S = 60.0
STATE_SHARE = 100
"""And no more often than that it takes a hundredth of the time."""
TOLD_EVERY_S = 10.0

_Followed = (
    ReferenceData[Baseline] | ReferenceData[ValuationRate] | ReferenceData[PolicyRecord] | ReferenceData[AnomalyNote]
)

_log = logging.getLogger(__name__)


def clock_ms() -> int:
    """Now, epoch milliseconds."""
    return time.time_ns() // 1_000_000


class Detector:
    """A detector process' parts. `run` blocks until `stop` is set."""

    def __init__(
        self,
        settings: Settings,
        metrics: DetectorMetrics,
        *,
        planned: Iterable[Planned] = (),
        policies: Policies | None = None,
        anew: bool = False,
        state_every_s: float = STATE_EVERY_S,
    ) -> None:
        """Build everything; connects to nothing yet.

        Args:
            settings: Brokers, topics, and how the learned rules are used.
            metrics: Counts.
            planned: Announced spikes.
            policies: What is asked of the learned rules, by agent; None: what the topic `policies` says.
            anew: Forget what was learned, and begin with what `usage` still holds.
            state_every_s: How often all that is known is written.
        """
        self._settings = settings
        self._topics = topics_for(settings)
        self._metrics = metrics
        self._anew = anew
        self._follows_policies = policies is None
        self._state_every_s = state_every_s
        self._tape = Tape(
            client_config(settings), self._topics.usage, clock_ms, by_event_time=settings.judge_by == "event_time"
        )
        self._keeper = Keeper(settings, self._topics.detection, "detect")
        self._base = RateBook.from_settings(settings)
        self._default = default_baseline(settings)
        self._make_stage = partial(
            Stage,
            topic=self._topics.usage.name,
            max_clock_skew_ms=settings.max_clock_skew_ms,
            rule=BurnRule.from_settings(settings),
            kept_slices=settings.window_retention_s * 1000 // SLICE_MS,
            by_event_time=settings.judge_by == "event_time",
            suggests=settings.learned == "suggest",
            planned=list(planned),
            policies=policies,
        )
        self._stage = self._fresh()
        self._pending: list[Anomaly] = []
        self._silent_until: dict[int, int] = {}
        self._settled_ms = 0
        self._newest_at_s = time.monotonic()
        self._state_at_s = time.monotonic()
        self._state_took_s = 0.0
        self._unkept = False
        self.ready = "starting"
        """Why it is not at work yet; empty once it is."""

    def _fresh(self) -> Stage:
        return self._make_stage(engine_for(RULES), self._base, Baselines(self._default, {}))

    def run(self, stop: threading.Event) -> None:
        """Follow the log.

        Raises:
            Fenced: Another detector has begun.
            TopicError: The brokers refuse, or what stands on a topic cannot be read.
        """
        ensure_topics(self._settings)
        self._restore()
        references = self._references()
        told_at_s = time.monotonic()
        while not stop.is_set():
            taken = self._tape.take()
            for topic, key, value in taken.changes:
                references[topic].change(key, value)
            self._apply(taken.records)
            if self._tape.at_end:
                self._be_ready()
            self._settle()
            self._keep()
            if time.monotonic() - told_at_s > TOLD_EVERY_S:
                told_at_s = time.monotonic()
                self._metrics.behind.set(self._tape.behind())
        if self._unkept and not self._silent_until:
            self._write(with_state=True)

    def _be_ready(self) -> None:
        if self.ready:
            for name in (name for name, agents in self._stage.agents_by_policy().items() if not agents):
                _log.warning("policy %r holds for none of the agents that were met so far", name)
        self.ready = ""

    @property
    def offsets(self) -> dict[int, int]:
        """By partition of `usage`, the offset that is next."""
        return self._stage.offsets

    def close(self) -> None:
        """Hang up."""
        self._tape.close()

    def _restore(self) -> None:
        kept = self._keeper.begin()
        if kept.progress is not None and not (self._anew and self._tape.ending_before(kept.progress.offsets)):
            self._silent_until = dict(kept.progress.offsets)
            self._settled_ms = kept.progress.settled_ms
        if kept.state is not None and not self._anew:
            try:
                whole = self._stage.load(kept.state)
            except ValueError as error:
                _log.warning("what was learned cannot be read, and is learned anew: %s", error)
                self._stage = self._fresh()
            else:
                what = "" if whole else "; its meters were of another build, so the windows of the last day begin anew"
                _log.info("going on from a state of %d bytes%s", len(kept.state), what)
        self._heard(self._silent_until)

    def _references(
        self,
    ) -> dict[str, _Followed]:
        """Baselines, rates, policies and notes as they stand; and the log from where the state is, with them."""
        topics, config = self._topics, client_config(self._settings)
        baselines = ReferenceData(
            topics.baselines.name, Baseline.parse, self._set_baselines, self._metrics.reference_errors
        )
        rates = ReferenceData(
            topics.valuation_rates.name, ValuationRate.parse, self._set_rates, self._metrics.reference_errors
        )
        policies = ReferenceData(
            topics.policies.name, PolicyRecord.parse, self._set_policies, self._metrics.reference_errors
        )
        notes = ReferenceData(
            topics.anomaly_notes.name, AnomalyNote.parse, self._set_notes, self._metrics.reference_errors
        )
        followed = [topics.baselines, topics.valuation_rates, topics.anomaly_notes]
        followed += [topics.policies] * self._follows_policies
        ends = {
            topic.name: {partition: span.stable for partition, span in self._tape.ends(topic).items()}
            for topic in followed
        }
        baselines.replace(read_newest(config, topics.baselines, timeout_s=TIMEOUT_S))
        catalogue = read_shelf(config, topics, timeout_s=TIMEOUT_S).current()
        self._base = self._base.with_catalogue(catalogue)  # another one is followed with the next start
        rates.replace(read_newest(config, topics.valuation_rates, timeout_s=TIMEOUT_S))
        if self._follows_policies:
            policies.replace(read_newest(config, topics.policies, timeout_s=TIMEOUT_S))
        notes.replace(read_newest(config, topics.anomaly_notes, timeout_s=TIMEOUT_S))
        self._tape.start(self._stage.offsets, ends)
        return {
            topics.baselines.name: baselines,
            topics.valuation_rates.name: rates,
            topics.policies.name: policies,
            topics.anomaly_notes.name: notes,
        }

    def _set_baselines(self, entries: dict[str, Baseline]) -> None:
        self._stage.baselines = Baselines(self._default, entries)

    def _set_notes(self, entries: dict[str, AnomalyNote]) -> None:
        self._stage.set_notes(entries.values())

    def _set_policies(self, entries: dict[str, PolicyRecord]) -> None:
        try:
            policies = policies_of(entries.values())
        except ValueError as error:  # what held before goes on
            self._metrics.reference_errors.labels(self._topics.policies.name).inc()
            _log.error("%s: %s; those before stay in force", self._topics.policies.name, error)
            return
        self._stage.set_policies(policies)
        self._unkept = True

    def _set_rates(self, entries: dict[str, ValuationRate]) -> None:
        self._stage.set_book(self._base.with_overrides(entries.values()))

    def _apply(self, records: list[Logged]) -> None:
        before_ms = self._stage.newest_ms
        until = self._silent_until
        for silent, some in groupby(records, lambda record: record.offset < until.get(record.partition, 0)):
            notices, counts = self._stage.apply(list(some))
            self._metrics.applied(counts)
            if not silent:
                self._pending += notices
            self._heard(until)  # before the next one: what the clock had ended is not ended again by what came then
        if records:
            self._unkept = True
        if self._stage.newest_ms > before_ms:
            self._newest_at_s = time.monotonic()
        self._metrics.open_incidents.set(self._stage.open_incidents)

    def _heard(self, until: dict[int, int]) -> None:
        """Speak from now on, once all was taken in again whose notices are written."""
        if until and all(self._stage.offsets.get(partition, 0) >= offset for partition, offset in until.items()):
            self._stage.settle(self._settled_ms)
            self._silent_until = {}

    def _settle(self) -> None:
        """Resolve what is over; while no events come, time moves on with the clock."""
        if self._silent_until or not self._stage.newest_ms:
            return
        waited_ms = int((time.monotonic() - self._newest_at_s) * 1000) if self._tape.at_end else 0
        now_ms = self._stage.newest_ms + waited_ms
        if now_ms > self._settled_ms:
            self._settled_ms = now_ms
            self._pending += self._stage.settle(now_ms)

    def _keep(self) -> None:
        if self._silent_until:
            return
        wait_s = max(self._state_every_s, STATE_SHARE * self._state_took_s)
        with_state = self._unkept and time.monotonic() - self._state_at_s > wait_s
        if self._pending or with_state:
            self._write(with_state=with_state)

    def _write(self, *, with_state: bool) -> None:
        began_s = time.monotonic()
        state = self._stage.save() if with_state else None
        notices = [
            Outgoing(self._topics.anomalies.name, notice_key(one), notice_value(one), cloudevent_headers(one))
            for one in self._pending
        ]
        if state is not None:
            used = msgspec.json.encode(self._stage.policies_in_use())
            notices.append(Outgoing(self._topics.detection.name, POLICIES_KEY, used, ()))
        self._keeper.write(notices, self._stage.offsets, self._settled_ms, state)
        self._metrics.written(self._pending)
        self._pending = []
        if state is not None:
            self._unkept = False
            self._state_at_s = time.monotonic()
            self._state_took_s = self._state_at_s - began_s
            self._metrics.state_bytes.set(len(state))
            self._metrics.state_seconds.set(self._state_took_s)
