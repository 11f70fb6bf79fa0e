"""What the demo shows at one moment, and how figures are written for people."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from burnline.demo.tally import SessionBurn
from burnline.detection.anomaly import Anomaly, State
from burnline.pricing.money import PICO_PER_USD


class Phase(StrEnum):
    """Where the demo is, as it is shown."""

    REPLAYING = "replaying"
    SETTLING = "counting the last events"
    LIVE = "the trace is over, time goes on by the clock"


@dataclass(frozen=True, slots=True)
class Place:
    """Where to look: addresses that do not change while the demo runs."""

    metrics_url: str
    docs_url: str | None
    """Where the API explains itself; None if there is no API."""
    brokers: str
    topic_prefix: str
    warning_pico_usd_per_hour: int
    """Burn above which the default baseline's sessions are an anomaly; for the bars' colours only."""
    critical_pico_usd_per_hour: int
    short_window_s: int
    long_window_s: int


@dataclass(frozen=True, slots=True)
class View:
    """One moment. Money is in pico-USD, or pico-USD per hour; offsets are milliseconds into the trace."""

    place: Place
    phase: Phase
    speed: float
    elapsed_s: float
    offset_ms: int
    length_ms: int
    published: int
    counted: int
    counted_of_others: int
    events_per_second: float
    lag: int
    spent_pico_usd: int
    burn_pico_usd_per_hour: int
    top: Sequence[SessionBurn]
    notices: Sequence[Anomaly]
    open_anomalies: int
    dead_letters: int


def usd(pico_usd: int) -> str:
    """An amount to the cent, for people."""
    return f"{Decimal(pico_usd) / PICO_PER_USD:,.2f}"


def minutes(offset_ms: int) -> str:
    """A span as `minutes:seconds`."""
    return f"{offset_ms // 60_000:02d}:{offset_ms // 1000 % 60:02d}"


def window_name(window_s: int) -> str:
    """A window's length: `5 min`, or `90 s` where that is shorter."""
    return f"{window_s // 60} min" if window_s % 60 == 0 else f"{window_s} s"


def rounded(decimal_text: str) -> str:
    """An exact decimal, to the cent."""
    return f"{Decimal(decimal_text):,.2f}"


def headline(notice: Anomaly) -> str:
    """What has changed: `opened as warning`, `escalated to critical`, `resolved`."""
    joint = {State.OPENED: " as ", State.ESCALATED: " to "}.get(notice.state)
    return f"{notice.state}{joint}{notice.severity}" if joint else str(notice.state)


def burns(notice: Anomaly) -> str:
    """The burns of a notice: `20.05 USD/h over 60s, 5.12 over 300s`."""
    (first, burn), *others = notice.burn_usd_per_hour.items()
    rest = "".join(f", {rounded(other)} over {window}" for window, other in others)
    return f"{rounded(burn)} USD/h over {first}{rest}"
