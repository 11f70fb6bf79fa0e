"""Tests of app/burnline/finance."""
