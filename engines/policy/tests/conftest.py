"""What the tests of the engine share."""

from __future__ import annotations

from hypothesis import settings

# a deadline is a timed assertion: it fails where the machine is busy
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")
