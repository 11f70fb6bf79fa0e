"""Budgets to test with."""

from typing import Any

from burnline.budgets.budget import Budget

USD = 10**12
"""In pico-USD."""


def budget(**fields: Any) -> Budget:
    """A budget of one agent of acme for 100 USD a day, with some fields of one's own."""
    whole = {"scope": "agent", "org_id": "acme", "name": "bot", "amount_usd": "100", "period": "day", **fields}
    return Budget.model_validate(whole)
