"""Bytewax at the worker's job."""
