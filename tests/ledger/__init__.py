"""Tests of app/burnline/ledger."""
