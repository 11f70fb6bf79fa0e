"""The statistics that agents are watched by: what each says, and how its range is learned.

Each is brought up to date in constant time per call (`meters`), and each is a reason of its own: a cause (calls that
repeat, dearer models, lost cache hits, parallel runs, growing prompts) or money. A cause out of the agent's own range
together with money out of its range is what tells a runaway from a big day.
"""

import math
from enum import Enum, IntEnum

PICO = 10**12
MICRO = 10**6
NOTHING_YET = -math.inf
"""The value of a statistic that cannot be told yet."""


class Scale(Enum):
    """How a value becomes the logarithm that ranges are learned of."""

    MONEY = "pico-USD"
    COUNT = "count"
    SHARE = "ratio"
    RATIO = "natural logarithm of a ratio, in millionths"


class Statistic(IntEnum):
    """What is measured with each call, of its session unless it says agent."""

    STREAK = 0
    """Money since the last pause of more than two minutes, less the dearest call: work without a person."""
    STREAK_TO_USUAL = 1
    """The same, over what an hour of the agent's other sessions usually costs."""
    MONEY_5M = 2
    """Money of the last five minutes, less the dearest call: one pasted book is nothing."""
    AGENT_1H = 3
    """The agent's money of the last hour."""
    AGENT_6H = 4
    """The agent's money of the last six hours."""
    LEAST_COST = 5
    """The cheapest of the last 20 calls: rises only if all of them became dearer."""
    CALLS_1M = 6
    """Calls of the last minute."""
    CALLS_5M = 7
    """Calls of the last five minutes."""
    SAME_CALLS = 8
    """Calls in a row with one model, one run and the same input, within 8 tokens."""
    ALIKE_CALLS = 9
    """Calls in a row with one model, one run and nearly the same input, within 300 tokens or 0.2 %."""
    MODEL_5 = 10
    """Of the last 5 calls: cost over their cost by the agent's usual models, at one price list."""
    CACHE_5 = 11
    """Of the last 5 calls: cost over their cost with the agent's usual cache hits."""
    CACHE_15 = 12
    """Of the last 15 calls: the same."""
    AGENT_CACHE_50 = 13
    """Of the agent's last 50 calls: the same."""
    PARALLEL_RUNS = 14
    """Runs with a call in the last minute."""
    AGENT_STARTED_2M = 15
    """The agent's sessions that began in the last two minutes."""
    AGENT_ACTIVE_2M = 16
    """The agent's sessions with a call in the last two minutes."""
    AGENT_COST_24H = 17
    """The agent's geometric mean cost per call over a day, from 20 calls on (logarithm of pico-USD)."""
    AGENT_MODEL_50 = 18
    """Of the agent's last 50 calls: cost over their cost by the agent's usual models, at one price list."""
    STREAK_CALLS = 19
    """Calls since the last pause of more than two minutes."""
    AGENT_HOUR_TO_BEFORE = 20
    """The agent's money of the last hour, over what an hour of activity of its sessions cost before that hour."""

    @property
    def scale(self) -> Scale:
        """How its values are measured."""
        return _SCALES.get(self, Scale.MONEY)

    @property
    def scale_free(self) -> bool:
        """Whether it is alike for small and large agents, so that a newcomer can borrow its peers' range."""
        return self in _SCALE_FREE

    @property
    def drops_outliers(self) -> bool:
        """Whether a single peak far above the others is left out as an incident that nobody saw."""
        return self in _DROPS_OUTLIERS

    @property
    def least_spread(self) -> float:
        """Peaks are never held to be steadier than this (natural logarithm)."""
        return _LEAST_SPREADS.get(self, 0.15)

    @property
    def least_borrowed(self) -> float:
        """The highest peak that a newcomer borrows is no lower (natural logarithm)."""
        return 0.0 if self is Statistic.AGENT_HOUR_TO_BEFORE else -math.inf

    @property
    def of_agent(self) -> bool:
        """Whether it speaks of the agent as a whole."""
        return self.name.startswith("AGENT")

    def logarithm(self, value: float) -> float:
        """The logarithm of a value, or `NOTHING_YET`."""
        match self.scale:
            case Scale.RATIO:
                return value / MICRO if value > NOTHING_YET else NOTHING_YET
            case Scale.COUNT:
                return math.log(value + 1)
            case Scale.SHARE:
                return math.log(value) if value > 0 else NOTHING_YET
            case Scale.MONEY:
                return math.log(value / PICO) if value > _LEAST_PICO_USD else NOTHING_YET

    def value_at(self, logarithm: float) -> float:
        """The value with this logarithm: what `logarithm` undoes."""
        if math.isinf(logarithm):
            return logarithm
        match self.scale:
            case Scale.RATIO:
                return logarithm * MICRO
            case Scale.COUNT:
                return math.exp(logarithm) - 1
            case Scale.SHARE:
                return math.exp(logarithm)
            case Scale.MONEY:
                return math.exp(logarithm) * PICO


_LEAST_PICO_USD = 1000
_COUNTS = {
    Statistic.CALLS_1M, Statistic.CALLS_5M, Statistic.STREAK_CALLS,
    Statistic.SAME_CALLS, Statistic.ALIKE_CALLS, Statistic.PARALLEL_RUNS,
    Statistic.AGENT_STARTED_2M, Statistic.AGENT_ACTIVE_2M,
}  # fmt: skip
_RATIOS = {
    Statistic.MODEL_5, Statistic.CACHE_5, Statistic.CACHE_15, Statistic.AGENT_CACHE_50,
    Statistic.AGENT_MODEL_50, Statistic.AGENT_COST_24H,
}  # fmt: skip
_SCALES = {
    **dict.fromkeys(_COUNTS, Scale.COUNT),
    **dict.fromkeys(_RATIOS, Scale.RATIO),
    Statistic.STREAK_TO_USUAL: Scale.SHARE,
    Statistic.AGENT_HOUR_TO_BEFORE: Scale.SHARE,
}
_SCALE_FREE = {
    Statistic.STREAK_TO_USUAL, Statistic.SAME_CALLS, Statistic.ALIKE_CALLS, Statistic.MODEL_5, Statistic.CACHE_5,
    Statistic.CACHE_15, Statistic.PARALLEL_RUNS, Statistic.AGENT_HOUR_TO_BEFORE,
}  # fmt: skip
_DROPS_OUTLIERS = {
    Statistic.SAME_CALLS, Statistic.ALIKE_CALLS, Statistic.MODEL_5, Statistic.CACHE_5, Statistic.CACHE_15,
}  # fmt: skip
_LEAST_SPREADS = {
    Statistic.MODEL_5: 0.12, Statistic.CACHE_5: 0.12, Statistic.CACHE_15: 0.12, Statistic.AGENT_COST_24H: 0.1,
    Statistic.AGENT_MODEL_50: 0.12,
    Statistic.ALIKE_CALLS: 0.35, Statistic.PARALLEL_RUNS: 0.25, Statistic.AGENT_STARTED_2M: 0.25,
    Statistic.AGENT_ACTIVE_2M: 0.25,
}  # fmt: skip
