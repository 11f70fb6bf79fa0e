"""Budgets, pure."""
