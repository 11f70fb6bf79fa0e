"""Tests of app/finance."""
