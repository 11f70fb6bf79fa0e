"""The publisher SDK against a real broker."""
