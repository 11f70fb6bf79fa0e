"""Tests of app/detection."""
