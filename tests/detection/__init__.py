"""Tests of app/burnline/detection."""
