"""Brokers for tests: three ways to run a real one."""
