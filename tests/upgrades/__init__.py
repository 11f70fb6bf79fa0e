"""What another version changes."""
