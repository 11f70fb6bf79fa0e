"""Budgets over a real broker."""
