"""Ranges of Maven and NuGet: `[1.0,2.0)`, `(,1.0]`, `[1.0]`; several mean any of them.

Source: the Maven enforcer's "Version Range Specification", the NuGet documentation's "Version ranges". A version alone means at least
this one to NuGet, this one as a wish to Maven, which then takes every version.
"""

from __future__ import annotations

import re

from nephoscope.model.version_ranges.version_range import VersionComparison, VersionRange
from nephoscope.model.versions.errors import VersionError

TITLE = "Maven and NuGet"
SYNTAXES = ("maven", "nuget")

_INTERVAL = re.compile(
    r"\s*([\[(])\s*([^,\[\]()]*?)\s*(?:(,)\s*([^,\[\]()]*?)\s*)?([\])])\s*(?:,(?=\s*[\[(])|$)"
)


def _parse_interval(found: re.Match[str], ecosystem: str) -> tuple[VersionComparison, ...]:
    opening, lowest, comma, highest, closing = found.groups()
    if not comma:
        if opening + closing != "[]" or not lowest:
            raise VersionError(f"{found[0]!r} is not an interval: one version is in square brackets")
        return (VersionComparison("=", lowest, ecosystem),)
    comparisons = []
    if lowest:
        comparisons.append(VersionComparison(">=" if opening == "[" else ">", lowest, ecosystem))
    if highest:
        comparisons.append(VersionComparison("<=" if closing == "]" else "<", highest, ecosystem))
    if lowest and highest and comparisons[1].key < comparisons[0].key:
        raise VersionError(f"{found[0]!r} ends before it begins")
    return tuple(comparisons)


def parse(text: str, ecosystem: str) -> VersionRange:
    """Read a range of Maven or NuGet; raises VersionError."""
    if not text.strip().startswith(("[", "(")):
        alone = (VersionComparison(">=", text.strip(), ecosystem),) if ecosystem == "nuget" else ()
        return VersionRange(ecosystem, (alone,))
    alternatives = []
    place = 0
    while place < len(text):
        found = _INTERVAL.match(text, place)
        if not found:
            raise VersionError(f"{text!r} is not a range at character {place + 1}")
        alternatives.append(_parse_interval(found, ecosystem))
        place = found.end()
    return VersionRange(ecosystem, tuple(alternatives))
