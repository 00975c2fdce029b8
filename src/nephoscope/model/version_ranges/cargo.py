"""Requirements of Cargo: comparisons with commas; a version without an operator means those compatible with it.

Source: The Cargo Book, "Specifying Dependencies". Pre-releases are as in npm.
"""

from __future__ import annotations

import re

from nephoscope.model.version_ranges import npm
from nephoscope.model.version_ranges.version_range import VersionComparison, VersionRange
from nephoscope.model.versions.errors import VersionError

TITLE = "Cargo"
SYNTAXES = ("cargo",)


def _parse_bounds(text: str) -> list[npm.Bound]:
    term = re.sub(r"\s+", "", text)
    if not term:
        raise VersionError("a requirement before or after a comma is empty")
    return npm.parse_bounds("^" + term if term[0].isdigit() and "*" not in term else term)


def parse(text: str, _ecosystem: str = "") -> VersionRange:
    """Read a requirement; raises VersionError."""
    bounds = (
        [bound for term in text.split(",") for bound in _parse_bounds(term)] if text.strip() != "*" else []
    )
    return VersionRange(
        "cargo",
        (tuple(VersionComparison(*bound, "cargo") for bound in bounds),),
        npm.admits_named_prereleases,
    )
