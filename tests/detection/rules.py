"""The default rule and what the tests of this room build on it."""

from decimal import Decimal

from burnline.detection.baseline import EffectiveBaseline
from burnline.detection.rule import BurnRule, thresholds
from burnline.pricing.money import PICO_PER_USD

USD = PICO_PER_USD
CENT = USD // 100

RULE = BurnRule(
    short_window_slices=6,
    long_window_slices=30,
    critical_factor=Decimal(3),
    minimum_spend_pico_usd=5 * CENT,
    resolve_after_slices=6,
)
"""Windows of 1 and 5 minutes, 0.05 USD, resolved after a minute."""

BASELINE = EffectiveBaseline(USD, Decimal(5), "default")
"""1.00 USD/h × 5: above 1/12 USD in a minute, 5/12 USD in five."""

LIMITS = thresholds(RULE, BASELINE)
