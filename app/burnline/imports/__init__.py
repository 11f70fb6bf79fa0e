"""Usage that others have written down: each source's rows into usage events, whose ids derive from the rows."""
