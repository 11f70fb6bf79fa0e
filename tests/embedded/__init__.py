"""The embedded broker, run for real."""
