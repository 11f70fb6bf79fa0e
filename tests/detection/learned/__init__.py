"""Tests of the learned rules."""
