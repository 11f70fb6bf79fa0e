"""How large a deployment has to be for a load."""
