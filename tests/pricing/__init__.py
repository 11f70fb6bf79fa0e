"""Tests of burnline.pricing."""
