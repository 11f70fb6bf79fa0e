"""Tests of app.pricing."""
