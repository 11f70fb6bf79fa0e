"""Audits against a real broker."""
