"""The REST API over the projection."""
