"""Version specifiers of Python.

Source: the Python packaging user guide, "Version specifiers" (PEP 440). Pre-releases are in a range where its bounds let them in.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from packaging.specifiers import SpecifierSet

from nephoscope.model.version_ranges.version_range import VersionComparison, VersionRange
from nephoscope.model.versions.errors import VersionError

TITLE = "Python"
SYNTAXES = ("pypi", "pep440")


@dataclass(frozen=True, slots=True)
class SpecifiedRange(VersionRange):
    """A range that the packaging library decides."""

    specifiers: SpecifierSet = field(default_factory=SpecifierSet)

    def contains(self, version: str) -> bool:
        """Return whether the version is in the range; raises VersionError where it is none of PEP 440."""
        try:
            return self.specifiers.contains(version, prereleases=True)
        except ValueError as error:
            raise VersionError(str(error)) from error


def parse(text: str, _ecosystem: str = "") -> SpecifiedRange:
    """Read a set of specifiers; raises VersionError."""
    try:
        specifiers = SpecifierSet(text)
    except ValueError as error:
        raise VersionError(str(error)) from error
    comparisons = tuple(
        VersionComparison(one.operator.replace("==", "="), one.version, "pypi") for one in specifiers
    )
    return SpecifiedRange("pypi", (comparisons,), None, specifiers)
