"""The version or the release of an RPM package alone, as rpmvercmp compares two of them."""

from __future__ import annotations

import re

from nephoscope.model.versions.rpm import Token, parse_segments

TITLE = "The version or the release of an RPM package alone"
ECOSYSTEMS = ("rpmvercmp",)


def order(text: str) -> tuple[Token, ...]:
    """Return the key of a version or a release."""
    return parse_segments(text)


def is_valid(text: str) -> bool:
    """Return whether the text can be a version or a release."""
    return bool(text) and not re.search(r"[\s:-]", text)
