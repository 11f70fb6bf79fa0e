"""Tests of app/burnline/cli."""
