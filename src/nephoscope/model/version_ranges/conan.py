"""Ranges of Conan: comparisons with spaces, alternatives with `||`, `~` and `^` up to before the pre-releases of the next version.

Source: Conan's documentation, "Version ranges".
"""

from __future__ import annotations

import re

from nephoscope.model.version_ranges.version_range import VersionComparison, VersionRange
from nephoscope.model.versions.errors import VersionError

TITLE = "Conan"
SYNTAXES = ("conan",)

_TERM = re.compile(r"(~|\^|[<>]=|[<>=]|)([0-9A-Za-z_][0-9A-Za-z_+.-]*)")


def _find_upper_bound(version: str, operator: str) -> str:
    """Return the version before which `~` and `^` end: before the pre-releases of the next one, hence the dash."""
    numbers = [int(number) for number in re.findall(r"\d+", re.split(r"[-+]", version, maxsplit=1)[0])]
    if operator == "^":
        place = next((place for place, number in enumerate(numbers) if number), len(numbers) - 1)
    else:
        place = min(1, len(numbers) - 1)
    return ".".join(map(str, [*numbers[:place], numbers[place] + 1])) + "-"


def _parse_term(text: str) -> list[VersionComparison]:
    found = _TERM.fullmatch(text)
    if not found or (found[1] in ("~", "^") and not found[2][0].isdigit()):
        raise VersionError(f"{text!r} is not a Conan range")
    operator, version = found.groups()
    if operator in ("~", "^"):
        return [
            VersionComparison(">=", version, "conan"),
            VersionComparison("<", _find_upper_bound(version, operator), "conan"),
        ]
    return [VersionComparison(operator or "=", version, "conan")]


def _parse_alternative(text: str) -> tuple[VersionComparison, ...]:
    terms = re.sub(r"([~^<>=])\s+", r"\1", text.strip()).split()
    if terms == ["*"]:
        return (VersionComparison(">=", "0.0.0", "conan"),)
    return tuple(comparison for term in terms for comparison in _parse_term(term))


def parse(text: str, _ecosystem: str = "") -> VersionRange:
    """Read a range; raises VersionError."""
    versions = re.sub(r",\s*include_prerelease\s*(?:=\s*True)?\s*$", "", text)
    return VersionRange("conan", tuple(_parse_alternative(part) for part in versions.split("||")))
