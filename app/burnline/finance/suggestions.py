"""Suggested baselines: what an agent's sessions usually burn, and the line that leaves the usual ones alone.

The rule:

- A session's burn is its cost per hour of its life, and of the long window where it lived for less: as in detection,
  one expensive call is no rate of thousands.
- Left out are sessions with an anomaly open, which would make a runaway usual, and sessions with unpriced tokens, whose
  cost is not known.
- From `MIN_SESSIONS` on, the suggestion is the median; more, where 2 × p95 would lie above baseline × multiplier
  otherwise. Rounded up to two digits, and never below a cent per hour: a baseline of 0 forbids spending.
- Fewer sessions give no number.

Median and p95 are by nearest rank: amounts that a session really burned, exactly.
"""

from collections.abc import Iterable, Mapping, Sequence
from decimal import ROUND_CEILING, Context, Decimal
from typing import NamedTuple

from burnline.detection.baseline import Baselines, EffectiveBaseline
from burnline.pricing.money import PICO_PER_USD, usd_text

MIN_SESSIONS = 10
HEADROOM = 2
"""How many times p95 has to fit below the line of an anomaly."""
LEAST_PICO_USD = PICO_PER_USD // 100
HOUR_MS = 3_600_000
QUARTERS_PER_HOUR = 4

Agent = tuple[str, str]
"""Org and agent."""

_TWO_DIGITS = Context(prec=2, rounding=ROUND_CEILING)
_THREE_DIGITS = Context(prec=3)
_WIDE = Context(prec=60)


class SessionSpend(NamedTuple):
    """What one session has spent, over all partitions. Times are epoch milliseconds."""

    org_id: str
    agent_id: str
    cost_pico_usd: int
    first_event_at: int
    last_event_at: int
    unpriced_tokens: int
    anomaly_open: bool

    def burn(self, window_ms: int) -> int:
        """Pico-USD per hour of its life, or of the window if that is longer."""
        life_ms = max(self.last_event_at - self.first_event_at, window_ms)
        return self.cost_pico_usd * HOUR_MS // life_ms


class Spread(NamedTuple):
    """Median and p95 of so many rates, in pico-USD per hour; both 0 if there are none."""

    n: int
    median: int
    p95: int

    @classmethod
    def of(cls, rates: Iterable[int]) -> "Spread":
        """The spread of some rates."""
        ordered = sorted(rates)
        return cls(len(ordered), _rank(ordered, 50), _rank(ordered, 95)) if ordered else cls(0, 0, 0)


class Suggestion(NamedTuple):
    """What is suggested for one agent.

    Attributes:
        sessions: Burn of the sessions that were looked at.
        left_out_anomalous: Sessions left out because an anomaly is open.
        left_out_unpriced: Sessions left out because their cost is not known.
        quarters: Burn of all of the agent's sessions together, per quarter of an hour in which it spent anything.
        current: The baseline in force.
        suggested_pico_usd_per_hour: None if there are too few sessions.
        why: A sentence, with the figures.
    """

    org_id: str
    agent_id: str
    sessions: Spread
    left_out_anomalous: int
    left_out_unpriced: int
    quarters: Spread
    current: EffectiveBaseline
    suggested_pico_usd_per_hour: int | None
    why: str


def suggest(
    sessions: Iterable[SessionSpend],
    spent_per_quarter: Mapping[Agent, Iterable[int]],
    baselines: Baselines,
    *,
    window_ms: int,
) -> list[Suggestion]:
    """A suggestion for every agent that has spent anything, ordered by org and agent.

    Args:
        sessions: Sessions with a ledger.
        spent_per_quarter: Per agent, pico-USD spent in each quarter of an hour in which it spent anything.
        baselines: Those in force.
        window_ms: The long window.
    """
    by_agent: dict[Agent, list[SessionSpend]] = {agent: [] for agent in spent_per_quarter}
    for session in sessions:
        by_agent.setdefault((session.org_id, session.agent_id), []).append(session)
    return [
        _suggestion(agent, found, spent_per_quarter.get(agent, ()), baselines.lookup(*agent), window_ms)
        for agent, found in sorted(by_agent.items())
    ]


def _suggestion(
    agent: Agent, sessions: list[SessionSpend], quarters: Iterable[int], current: EffectiveBaseline, window_ms: int
) -> Suggestion:
    usual = [one for one in sessions if not one.anomaly_open and not one.unpriced_tokens]
    anomalous = sum(one.anomaly_open for one in sessions)
    spread = Spread.of(one.burn(window_ms) for one in usual)
    suggested = _rule(spread, current.multiplier) if spread.n >= MIN_SESSIONS else None
    return Suggestion(
        *agent,
        sessions=spread,
        left_out_anomalous=anomalous,
        left_out_unpriced=len(sessions) - len(usual) - anomalous,
        quarters=Spread.of(spent * QUARTERS_PER_HOUR for spent in quarters),
        current=current,
        suggested_pico_usd_per_hour=suggested,
        why=_why(spread, suggested, current.multiplier),
    )


def _rule(spread: Spread, multiplier: Decimal) -> int:
    by_p95 = _WIDE.divide(Decimal(HEADROOM * spread.p95), multiplier)
    wanted = max(by_p95, Decimal(max(spread.median, LEAST_PICO_USD)))
    # To a whole pico-USD at last: a multiplier may be so large that two digits lie below one.
    return int(_TWO_DIGITS.create_decimal(wanted).to_integral_value(ROUND_CEILING))


def _why(spread: Spread, suggested: int | None, multiplier: Decimal) -> str:
    if suggested is None:
        return f"Too few sessions to say: {spread.n} with a known cost and without an anomaly, {MIN_SESSIONS} wanted."
    by_median = HEADROOM * spread.p95 <= multiplier * spread.median
    lead = (
        "the median itself"
        if by_median
        else f"raised above the median until {HEADROOM} × p95 lies below the line of an anomaly"
    )
    line = usd_text(int(suggested * multiplier))
    return (
        f"Over {spread.n} sessions the median is {_about(spread.median)} and p95 {_about(spread.p95)} USD/h: "
        f"{lead}, rounded up. × {multiplier:f} an anomaly would begin above {line} USD/h."
    )


def _about(pico_usd: int) -> str:
    """USD in three digits: a sentence is no place for twelve, which stand beside it."""
    return usd_text(int(_THREE_DIGITS.create_decimal(pico_usd)))


def _rank(ordered: Sequence[int], percent: int) -> int:
    return ordered[-(-percent * len(ordered) // 100) - 1]
