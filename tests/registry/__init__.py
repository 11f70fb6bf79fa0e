"""Values that were written with a schema registry."""
