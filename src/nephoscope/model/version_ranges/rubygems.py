"""Requirements of RubyGems: comparisons with commas; `~> 1.4.2` means from 1.4.2 to before 1.5.

Source: the documentation of Gem::Requirement.
"""

from __future__ import annotations

import re

from nephoscope.model.version_ranges.version_range import VersionComparison, VersionRange
from nephoscope.model.versions import rubygems
from nephoscope.model.versions.errors import VersionError

TITLE = "RubyGems"
SYNTAXES = ("gem", "rubygems")

_REQUIREMENT = re.compile(r"\s*(!=|~>|[<>]=|[<>=]|)\s*([0-9][0-9A-Za-z.-]*|)\s*")


def _list_release_numbers(version: str) -> list[str]:
    """Return the numbers of a version before its first word."""
    segments = re.findall(r"[0-9]+|[A-Za-z]+", version.replace("-", ".pre."))
    first = next((place for place, segment in enumerate(segments) if not segment.isdigit()), len(segments))
    return segments[:first]


def _find_upper_bound(version: str) -> str:
    """Return the version before which `~>` ends: without the last number, the one before it raised."""
    numbers = _list_release_numbers(version)
    kept = numbers[:-1] if len(numbers) > 1 else numbers
    return ".".join([*kept[:-1], str(int(kept[-1]) + 1)])


def _parse_comparisons(text: str) -> list[VersionComparison]:
    found = _REQUIREMENT.fullmatch(text)
    if not found or (not found[2] and found[1]) or (found[2] and not rubygems.is_valid(found[2])):
        raise VersionError(f"{text!r} is not a RubyGems requirement")
    operator, version = found[1] or "=", found[2] or "0"
    if operator != "~>":
        return [VersionComparison(operator, version, "rubygems")]
    # `.a` is older than every word of a pre-release that begins with a later letter, and than the release: the release itself counts.
    return [
        VersionComparison(">=", version, "rubygems"),
        VersionComparison("<", f"{_find_upper_bound(version)}.A", "rubygems"),
    ]


def parse(text: str, _ecosystem: str = "") -> VersionRange:
    """Read a requirement; raises VersionError."""
    return VersionRange(
        "rubygems",
        (tuple(comparison for part in text.split(",") for comparison in _parse_comparisons(part)),),
    )
