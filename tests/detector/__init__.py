"""Tests of app/burnline/detector."""
