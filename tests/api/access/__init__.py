"""Tests of who may call the API."""
