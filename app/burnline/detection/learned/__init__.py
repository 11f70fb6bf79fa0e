"""Baselines that learn: what an agent usually does, what is out of its range, and why money runs away."""
