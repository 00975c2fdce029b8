"""Ranges in the universal notation: `vers:npm/>=1.0.0|<1.2.0|2.1.0`, read and written.

Source: the VERS specification. Comparisons are in the order of their versions; those with `<` and `>` bound intervals in turn.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cmp_to_key
from urllib.parse import quote, unquote

from nephoscope.model.version_ranges.version_range import VersionComparison, VersionRange, get_scheme
from nephoscope.model.versions.errors import VersionError

TITLE = "The universal notation"
SYNTAXES = ("vers",)

_RANGE = re.compile(r"vers:([a-z0-9.-]+)/(.*)", re.DOTALL)
_COMPARISON = re.compile(r"([<>]=?|!=|=|)(.+)")


def _parse_comparisons(text: str, ecosystem: str) -> list[VersionComparison]:
    comparisons = []
    for part in re.sub(r"\s+", "", text).strip("|").split("|"):
        found = _COMPARISON.fullmatch(part)
        if not found:
            raise VersionError(f"{part!r} is not a comparison of a vers range")
        comparisons.append(VersionComparison(found[1] or "=", unquote(found[2]), ecosystem))
    return sort_by_version(comparisons)


def _compare_comparisons(one: VersionComparison, other: VersionComparison) -> int:
    return -1 if one.key < other.key else int(other.key < one.key)


def sort_by_version(comparisons: list[VersionComparison]) -> list[VersionComparison]:
    """Return comparisons in the order of their versions; raises VersionError."""
    return sorted(comparisons, key=cmp_to_key(_compare_comparisons))


def _list_intervals(bounds: list[VersionComparison]) -> list[tuple[VersionComparison, ...]]:
    """Return the intervals between bounds in order: `<` closes what `>` opened, or begins at the oldest version."""
    intervals: list[tuple[VersionComparison, ...]] = []
    opened: VersionComparison | None = None
    for bound in bounds:
        if bound.operator.startswith(">"):
            opened = opened or bound
        else:
            intervals.append((opened, bound) if opened else (bound,))
            opened = None
    return [*intervals, (opened,)] if opened else intervals


@dataclass(frozen=True, slots=True)
class UniversalRange(VersionRange):
    """A vers range: what it names by `!=` is out, whatever its intervals say."""

    excluded: tuple[VersionComparison, ...] = ()

    def contains(self, version: str) -> bool:
        """Return whether the version is in the range; raises VersionError where it is none of the ecosystem."""
        key = get_scheme(self.ecosystem).order(version)
        # Without `super()`: the class that slots make is another than the one this method was written in.
        return all(comparison.is_met_by(key) for comparison in self.excluded) and VersionRange.contains(
            self, version
        )


def parse(text: str, _ecosystem: str = "") -> VersionRange:
    """Read a range; the ecosystem is the one it names. Raises VersionError."""
    found = _RANGE.fullmatch(text.strip())
    if not found:
        raise VersionError(f"{text!r} is not a vers range")
    ecosystem, comparisons = found[1], found[2]
    if comparisons == "*":
        return VersionRange(ecosystem, ((),))
    listed = _parse_comparisons(comparisons, ecosystem)
    excluded = tuple(comparison for comparison in listed if comparison.operator == "!=")
    exact = [(comparison,) for comparison in listed if comparison.operator == "="]
    intervals = _list_intervals(
        [comparison for comparison in listed if comparison.operator not in ("=", "!=")]
    )
    everything_else = [()] if excluded and not exact and not intervals else []
    return UniversalRange(ecosystem, (*exact, *intervals, *everything_else), None, excluded)


def write(versions: VersionRange) -> str:
    """Return a range in the universal notation; raises VersionError where one of its versions is none."""
    if any(not alternative for alternative in versions.alternatives):
        return f"vers:{versions.ecosystem}/*"
    listed = sort_by_version(
        [comparison for alternative in versions.alternatives for comparison in alternative]
    )
    return f"vers:{versions.ecosystem}/{'|'.join(map(_write_comparison, listed))}"


def _write_comparison(comparison: VersionComparison) -> str:
    """Return a comparison; npm's bound before every pre-release is written as the version, as other tools do."""
    version = comparison.version.removesuffix("-0") if comparison.operator == "<" else comparison.version
    return f"{'' if comparison.operator == '=' else comparison.operator}{quote(version, safe='~.-+_:')}"
