"""Versions of OpenSSL: three numbers and, before 3.0, letters of a patch (`1.1.1za` follows `1.1.1z`)."""

from __future__ import annotations

import re

from nephoscope.model.versions.errors import VersionError

TITLE = "OpenSSL"
ECOSYSTEMS = ("openssl",)

_VERSION = re.compile(r"(\d+)\.(\d+)\.(\d+)(?:([a-z]+)|-(.+))?", re.ASCII)


def order(text: str) -> tuple[int, int, int, bool, str]:
    """Return the key of a version; raises VersionError for what is none."""
    found = _VERSION.fullmatch(text.strip().lower())
    if not found:
        raise VersionError(f"{text!r} is not a version of OpenSSL")
    return int(found[1]), int(found[2]), int(found[3]), not found[5], found[5] or found[4] or ""


def is_valid(text: str) -> bool:
    """Return whether the text is a version of OpenSSL."""
    return _VERSION.fullmatch(text) is not None
