"""The demo: an hour of a real service's requests in a minute, and one session among them that runs away."""
