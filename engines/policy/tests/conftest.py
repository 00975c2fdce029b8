"""What the tests of the engine share."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

# a deadline and the check of slow data are timed assertions: they fail where the machine is busy
settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("untimed")
