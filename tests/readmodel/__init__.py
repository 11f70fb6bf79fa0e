"""Topics, on a real broker."""
