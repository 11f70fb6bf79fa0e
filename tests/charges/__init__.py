"""Explaining single charges."""
