"""Errors of versions and version ranges."""

from __future__ import annotations


class VersionError(ValueError):
    """A text that is no version, or no range of versions, of its scheme."""
