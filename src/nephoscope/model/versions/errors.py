"""What versions and ranges raise."""

from __future__ import annotations


class VersionError(ValueError):
    """A text that is no version, or no range of versions, of its scheme."""
