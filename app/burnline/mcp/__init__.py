"""Burnline as tools for agents (Model Context Protocol): read-only, over the REST API, with its tokens."""
