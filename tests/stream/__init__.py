"""Tests of app/stream."""
