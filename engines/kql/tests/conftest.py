"""What the tests of the engine share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import settings

from nephoscope_kql.functions import geoip

# a deadline is a timed assertion: it fails where the machine is busy
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")


@pytest.fixture(scope="module", autouse=True)
def _without_a_host() -> Iterator[None]:
    """Have the engine stand alone: a host that was opened in this process tells it no places."""
    kept = geoip._provided[:]
    geoip.provide_places(None)
    yield
    geoip._provided[:] = kept
