"""A lake of one test, as the tests of behavior have it."""

from tests.behavior.conftest import put, tell_estate

__all__ = ["put", "tell_estate"]
