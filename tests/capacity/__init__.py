"""How large a deployment has to be."""
