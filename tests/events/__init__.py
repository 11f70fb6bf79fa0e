"""Tests of app/burnline/events."""
