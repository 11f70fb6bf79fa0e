"""Programs that run beside frameworks too large for the tests' own environment."""
