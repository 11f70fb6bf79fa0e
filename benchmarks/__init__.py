"""Benchmarks: real brokers, real workers, and sums that are checked in every run."""
