"""Real clients of providers, metered."""
