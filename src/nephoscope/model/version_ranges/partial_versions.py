"""Versions of which some numbers are left open (`1.2`, `1.x`, `*`), and the bounds they stand for."""

from __future__ import annotations

import re
from dataclasses import dataclass

from nephoscope.model.versions.errors import VersionError

_PARTIAL = re.compile(
    r"[v=\s]*(?P<numbers>(?:\d+|[xX*])(?:\.(?:\d+|[xX*])){0,2})(?:-?(?P<before>[0-9A-Za-z-][0-9A-Za-z.-]*))?(?:\+[0-9A-Za-z.-]+)?"
)


@dataclass(frozen=True, slots=True)
class PartialVersion:
    """A version whose numbers may be fewer than three: those behind are open."""

    numbers: tuple[int, ...]
    before: str = ""

    @property
    def lowest(self) -> str:
        """The oldest version that it means."""
        filled = ".".join(map(str, (*self.numbers, 0, 0, 0)[:3]))
        return f"{filled}-{self.before}" if self.before else filled

    def increment_at(self, place: int) -> str:
        """Return the version in which the number at a place is one higher and those behind it are 0."""
        raised = (*self.numbers[:place], self.numbers[place] + 1)
        return ".".join(map(str, (*raised, 0, 0)[:3]))

    @property
    def is_whole(self) -> bool:
        """True where no number is open."""
        return len(self.numbers) == 3  # major, minor, patch


def parse_partial(text: str) -> PartialVersion:
    """Read a version of which numbers may be open; raises VersionError."""
    if not text.strip():
        return PartialVersion(())
    found = _PARTIAL.fullmatch(text.strip())
    if not found:
        raise VersionError(f"{text!r} is not a version, whole or in part")
    numbers: list[int] = []
    for number in found["numbers"].split("."):
        if not number.isdigit():
            break
        numbers.append(int(number))
    whole = len(numbers) == 3  # major, minor, patch
    return PartialVersion(tuple(numbers), (found["before"] or "") if whole else "")
