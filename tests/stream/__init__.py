"""Tests of app/burnline/stream."""
