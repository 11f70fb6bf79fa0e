"""Pathway at the worker's job."""
