"""Quix Streams at the worker's job."""
