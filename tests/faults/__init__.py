"""Faults on purpose: real brokers and workers as processes, a schedule from a seed, and sums that must be right."""
