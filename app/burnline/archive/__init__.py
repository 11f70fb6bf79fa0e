"""Backups: what only the topics and Redis know, in a file, and back from it."""
