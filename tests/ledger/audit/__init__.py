"""Ledgers against their log: what is honest agrees, what is wrong is found and named."""
