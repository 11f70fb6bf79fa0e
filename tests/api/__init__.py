"""The API over a projection written by hand, as callers see it."""
