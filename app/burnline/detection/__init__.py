"""Is this session burning money faster than it should? Pure functions that answer with a named reason."""
