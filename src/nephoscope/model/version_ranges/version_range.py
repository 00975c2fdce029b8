"""A range of versions: alternatives of comparisons that all hold."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from nephoscope.model.versions.errors import VersionError
from nephoscope.model.versions.scheme_discovery import find_scheme

if TYPE_CHECKING:
    from collections.abc import Callable

    from nephoscope.model.versions.scheme_discovery import Scheme, VersionKey

#: Whether a comparison holds, by how the version stands to its bound.
_HOLDS: dict[str, Callable[[int], bool]] = {
    "=": lambda sign: sign == 0,
    "!=": lambda sign: sign != 0,
    "<": lambda sign: sign < 0,
    "<=": lambda sign: sign <= 0,
    ">": lambda sign: sign > 0,
    ">=": lambda sign: sign >= 0,
}


def get_scheme(ecosystem: str) -> Scheme:
    """Return the scheme of an ecosystem; raises VersionError where there is none."""
    if scheme := find_scheme(ecosystem):
        return scheme
    raise VersionError(f"no version order is known for {ecosystem!r}")


@dataclass(frozen=True)
class VersionComparison:
    """A bound with one of `=`, `!=`, `<`, `<=`, `>`, `>=`."""

    operator: str
    version: str
    ecosystem: str

    @cached_property
    def key(self) -> VersionKey:
        """The bound's key; raises VersionError."""
        return get_scheme(self.ecosystem).order(self.version)

    def is_met_by(self, key: VersionKey) -> bool:
        """Return whether the comparison holds for the version with this key."""
        sign = -1 if key < self.key else int(self.key < key)
        return _HOLDS[self.operator](sign)


@dataclass(frozen=True, slots=True)
class VersionRange:
    """A range of versions of one ecosystem; no alternative means none, an alternative without comparisons means all.

    `admits` may refuse a version that the comparisons of an alternative let through: a pre-release that nobody asked for.
    """

    ecosystem: str
    alternatives: tuple[tuple[VersionComparison, ...], ...]
    admits: Callable[[tuple[VersionComparison, ...], str], bool] | None = None

    def contains(self, version: str) -> bool:
        """Return whether the version is in the range; raises VersionError where it is none of the ecosystem."""
        key = get_scheme(self.ecosystem).order(version)
        return any(
            all(comparison.is_met_by(key) for comparison in comparisons)
            and (self.admits is None or self.admits(comparisons, version))
            for comparisons in self.alternatives
        )
