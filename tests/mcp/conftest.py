"""The live part of the API, as its own tests have it."""

from tests.api.conftest import api, clock, projection

__all__ = ["api", "clock", "projection"]
