"""Burnline: watch what AI agents spend while they spend it."""

__version__ = "0.1.0"
