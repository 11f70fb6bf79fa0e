"""Explain this dollar: one offset of the usage topic, to the last digit, for the command line and the API."""
