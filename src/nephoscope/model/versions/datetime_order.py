"""Versions that are times, as RFC 3339 writes them."""

from __future__ import annotations

from datetime import datetime

from nephoscope.model.utc_time import assume_utc
from nephoscope.model.versions.errors import VersionError

TITLE = "Versions that are times"
ECOSYSTEMS = ("datetime",)


def order(text: str) -> datetime:
    """Return the key of a version; without an offset it is in UTC. Raises VersionError for what is no time."""
    try:
        found = datetime.fromisoformat(text.strip())
    except ValueError as error:
        raise VersionError(f"{text!r} is not a time of RFC 3339") from error
    return assume_utc(found)


def is_valid(text: str) -> bool:
    """Return whether the text is a time of RFC 3339."""
    try:
        order(text)
    except VersionError:
        return False
    return True
