"""Ranges as advisories of several ecosystems write them: `>= 1.0, < 1.4.2 || = 2.0`.

A comma or a space joins comparisons that all hold, `||` alternatives; a bound without an operator means this version. `~>` and `~`
mean up to the next version of the last number but one, `^` up to the next of the first number that is not 0.
"""

from __future__ import annotations

import re

from nephoscope.model.version_ranges.version_range import VersionComparison, VersionRange
from nephoscope.model.versions.errors import VersionError

TITLE = "Comparisons with commas and ||"
SYNTAXES = ("constraints",)

_COMPARISON = re.compile(
    r"\s*,?\s*(~>|[<>]=|=<|=>|[!=]=|[<>=~^]|)\s*([^\s,|<>=!~^\"'][^\s,|<>=!\"']*|\"[^\"]*\"|'[^']*')\s*"
)
_SPELLINGS = {"": "=", "==": "=", "=<": "<=", "=>": ">="}


def _raise_version(version: str, place: int) -> str:
    """Return a version's numbers up to a place, the last of them raised by one."""
    numbers = [int(number) for number in re.findall(r"\d+", re.split(r"[-+_~]", version, maxsplit=1)[0])]
    if not numbers:
        raise VersionError(f"{version!r} has no number to raise")
    kept = numbers[: min(place, len(numbers) - 1) + 1]
    return ".".join(map(str, [*kept[:-1], kept[-1] + 1]))


def _find_raised_place(operator: str, version: str) -> int:
    """Return the place of the number that an operator's upper bound raises."""
    numbers = [int(number) for number in re.findall(r"\d+", re.split(r"[-+_~]", version, maxsplit=1)[0])]
    if operator == "^":
        return next((place for place, number in enumerate(numbers) if number), len(numbers) - 1)
    if operator == "~":
        return min(1, len(numbers) - 1)
    return max(len(numbers) - 2, 0)


def _list_comparisons(operator: str, version: str, ecosystem: str) -> list[VersionComparison]:
    if operator not in ("~>", "~", "^"):
        return [VersionComparison(_SPELLINGS.get(operator, operator), version, ecosystem)]
    above = _raise_version(version, _find_raised_place(operator, version))
    return [VersionComparison(">=", version, ecosystem), VersionComparison("<", above, ecosystem)]


def _parse_alternative(text: str, ecosystem: str) -> tuple[VersionComparison, ...]:
    comparisons: list[VersionComparison] = []
    place = 0
    while place < len(text):
        found = _COMPARISON.match(text, place)
        if not found or found.end() == place:
            raise VersionError(f"{text!r} is not a comparison of versions at character {place + 1}")
        comparisons += _list_comparisons(found[1], found[2].strip("\"'"), ecosystem)
        place = found.end()
    for comparison in comparisons:
        comparison.key  # noqa: B018  # reads the bound, so that what is no version is told here
    return tuple(comparisons)


def parse(text: str, ecosystem: str) -> VersionRange:
    """Read a range; an empty one means every version. Raises VersionError."""
    return VersionRange(
        ecosystem, tuple(_parse_alternative(part.strip(), ecosystem) for part in text.split("||"))
    )
