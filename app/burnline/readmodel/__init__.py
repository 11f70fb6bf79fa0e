"""The projection into Redis: what the API reads, built from the topics alone, so that it can be wiped at any time."""
