"""The ladder's machinery, on loads of a few thousand events."""
