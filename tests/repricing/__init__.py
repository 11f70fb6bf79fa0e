"""Tests of what is priced anew."""
