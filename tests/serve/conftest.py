"""The PostgreSQL server of the tests of the lake."""

from tests.lake.conftest import postgresql

__all__ = ["postgresql"]
