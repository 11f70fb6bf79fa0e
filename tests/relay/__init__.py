"""The relay, on a real broker."""
