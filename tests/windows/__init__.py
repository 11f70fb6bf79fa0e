"""Tests of app/burnline/windows."""
