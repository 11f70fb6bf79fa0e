"""What the demo has read from the topics so far: each session's newest ledger, notices, dead letters. No Kafka here."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from burnline.detection.anomaly import Anomaly, Severity, State
from burnline.detection.burn import burn_pico_usd_per_hour
from burnline.ledger.record import LedgerRecord
from burnline.pricing.money import pico_from_text
from burnline.windows.slices import SLICE_MS, Slices, slice_index, window_sum


class SessionBurn(NamedTuple):
    """How fast one session spends, in pico-USD per hour of both windows, and what it has spent, in pico-USD."""

    session_id: str
    org_id: str
    agent_id: str
    model: str
    short_pico_usd_per_hour: int
    long_pico_usd_per_hour: int
    spent_pico_usd: int
    severity: Severity | None


@dataclass(frozen=True, slots=True)
class _Held:
    """A session's newest record, with what is read from it often."""

    record: LedgerRecord
    spent_pico_usd: int
    slices: Slices


class Tally:
    """The demo's picture of the topics.

    Args:
        expected: Events that each of the demo's sessions will have. Of sessions of others on the
            same topics only the events are counted.
        short_window_s: Length of the short window.
        long_window_s: Length of the long window.
    """

    def __init__(self, expected: Mapping[str, int], short_window_s: int, long_window_s: int) -> None:
        self.expected = expected
        self.short_window_s = short_window_s
        self.long_window_s = long_window_s
        self.notices: list[Anomaly] = []
        self.dead_letters = 0
        self.events = 0
        self.spent_pico_usd = 0
        self.watermark_ms = 0
        self._held: dict[str, _Held] = {}
        self._of_others: dict[tuple[str, str], int] = {}
        self._open: dict[str, Severity] = {}

    def add_ledger(self, record: LedgerRecord) -> None:
        """Take a session's newest record in place of the one before."""
        if record.session_id not in self.expected:
            self._of_others[record.org_id, record.session_id] = record.events
            return
        before = self._held.get(record.session_id)
        held = _Held(record, pico_from_text(record.cost_usd), dict(record.slices))
        self._held[record.session_id] = held
        self.events += record.events - (before.record.events if before else 0)
        self.spent_pico_usd += held.spent_pico_usd - (before.spent_pico_usd if before else 0)
        self.watermark_ms = max(self.watermark_ms, record.last_event_at)

    def add_notice(self, notice: Anomaly) -> bool:
        """Take a change of an anomaly's state; False if it is of no session of the demo."""
        if notice.session_id not in self.expected:
            return False
        self.notices.append(notice)
        if notice.state is State.RESOLVED:
            self._open.pop(notice.session_id, None)
        else:
            self._open[notice.session_id] = notice.severity
        return True

    @property
    def events_of_others(self) -> int:
        """Events of sessions that are not the demo's: somebody tries it with events of their own."""
        return sum(self._of_others.values())

    @property
    def ledgers(self) -> list[LedgerRecord]:
        """The newest record of each session."""
        return [held.record for held in self._held.values()]

    @property
    def open_anomalies(self) -> Mapping[str, Severity]:
        """Sessions with an open anomaly, and how severe it is."""
        return self._open

    def uncounted(self) -> dict[str, tuple[int, int]]:
        """Sessions whose ledger does not hold as many events as were planned: (held, planned)."""
        counts = {session_id: held.record.events for session_id, held in self._held.items()}
        return {
            session_id: (counts.get(session_id, 0), planned)
            for session_id, planned in self.expected.items()
            if counts.get(session_id, 0) != planned
        }

    def top(self, count: int, at_ms: int) -> list[SessionBurn]:
        """The sessions that burn most in the long window that ends with the slice of `at_ms`."""
        burns = [self._burn(held, slice_index(at_ms)) for held in self._held.values()]
        burning = [burn for burn in burns if burn.long_pico_usd_per_hour or burn.severity]
        burning.sort(key=lambda burn: (burn.long_pico_usd_per_hour, burn.session_id), reverse=True)
        return burning[:count]

    def burn_pico_usd_per_hour(self, at_ms: int) -> int:
        """What all sessions together burn in the long window."""
        length, end = self._slices(self.long_window_s), slice_index(at_ms)
        spent = sum(window_sum(held.slices, end, length) for held in self._held.values())
        return burn_pico_usd_per_hour(spent, self.long_window_s)

    def _burn(self, held: _Held, end: int) -> SessionBurn:
        record = held.record
        short, long = (
            burn_pico_usd_per_hour(window_sum(held.slices, end, self._slices(window_s)), window_s)
            for window_s in (self.short_window_s, self.long_window_s)
        )
        return SessionBurn(
            record.session_id,
            record.org_id,
            record.agent_id,
            max(record.by_model, key=lambda model: pico_from_text(record.by_model[model].cost_usd), default=""),
            short,
            long,
            held.spent_pico_usd,
            self._open.get(record.session_id),
        )

    @staticmethod
    def _slices(window_s: int) -> int:
        return window_s * 1000 // SLICE_MS
