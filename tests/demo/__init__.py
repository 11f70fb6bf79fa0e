"""The demo: trace, scenario, replay, screen, and whole runs of it."""
