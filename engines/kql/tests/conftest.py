"""What the tests of the engine share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

from nephoscope_kql.functions import geoip

# a deadline and the check of slow data are timed assertions: they fail where the machine is busy
settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("untimed")


@pytest.fixture(scope="module", autouse=True)
def _without_a_host() -> Iterator[None]:
    """Have the engine stand alone: a host that was opened in this process tells it no places."""
    kept = geoip._provided[:]
    geoip.set_geolocation_lookup(None)
    yield
    geoip._provided[:] = kept
