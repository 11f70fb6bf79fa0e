"""Why a burn rate changed: the change in USD per hour split among its causes, adding up exactly.

A burn rate is calls per hour × price of a usual call × what made calls dearer: dearer models, lost cache hits, dearer
prices, and the rest, which is size. Each factor's part of the change is its logarithm times the logarithmic mean of the
two rates (the additive LMDI method: B. W. Ang, "LMDI decomposition approach: a guide for implementation", Energy Policy
86, 2015), so that the parts sum to the change and none depends on an order.
"""

import math
from typing import NamedTuple

_TINY = 1e-9


class Factors(NamedTuple):
    """How many times as much as usual: calls per hour, and a call's cost by models, cache hits and prices."""

    calls: float
    model: float
    cache: float
    price: float


class Split(NamedTuple):
    """The parts of a change in pico-USD per hour; they sum to it exactly."""

    volume: int
    size: int
    model: int
    cache: int
    price: int


def split(usual_pico_usd_per_hour: int, now_pico_usd_per_hour: int, factors: Factors) -> Split:
    """Split the change from the usual rate to the present one.

    Args:
        usual_pico_usd_per_hour: The rate before, above 0.
        now_pico_usd_per_hour: The rate now, above 0.
        factors: What is known of its causes; what they leave unexplained is the size of calls.

    Raises:
        ValueError: A rate or a factor is not above 0.
    """
    for name, value in (
        ("usual_pico_usd_per_hour", usual_pico_usd_per_hour),
        ("now_pico_usd_per_hour", now_pico_usd_per_hour),
        *factors._asdict().items(),
    ):
        if not value > 0:
            raise ValueError(f"{name}={value} is not above 0")
    change = now_pico_usd_per_hour - usual_pico_usd_per_hour
    ratio = math.log(now_pico_usd_per_hour / usual_pico_usd_per_hour)
    mean = change / ratio if abs(ratio) > _TINY else float(now_pico_usd_per_hour)
    volume, model, cache, price = (round(mean * math.log(factor)) for factor in factors)
    return Split(volume, change - volume - model - cache - price, model, cache, price)
