"""Versions of numbers alone, as R and Haskell use them: a longer one is newer than what it begins with."""

from __future__ import annotations

import re

from nephoscope.model.versions.errors import VersionError

TITLE = "R and Haskell packages"
ECOSYSTEMS = ("cran", "bioconductor", "hackage", "ghc", "r")

_VERSION = re.compile(r"\d+(?:[.-]\d+)*", re.ASCII)


def order(text: str) -> tuple[int, ...]:
    """Return the key of a version; raises VersionError for what is not numbers with dots or dashes between them."""
    version = text.strip()
    if not _VERSION.fullmatch(version):
        raise VersionError(f"{text!r} is not numbers with dots or dashes between them")
    return tuple(int(number) for number in re.split(r"[.-]", version))


def is_valid(text: str) -> bool:
    """Return whether the text is numbers with dots or dashes between them."""
    return _VERSION.fullmatch(text) is not None
