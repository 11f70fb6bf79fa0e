"""Tests of app/windows."""
