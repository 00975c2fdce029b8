"""Versions of definitions and initiatives, and the pins that select one.

Source: https://learn.microsoft.com/azure/governance/policy/concepts/definition-structure-basics#version-preview
"""

from __future__ import annotations

import re
from itertools import pairwise
from typing import TYPE_CHECKING, TypeVar

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterable

_VERSION = re.compile(r"(\d{1,9})\.(\d{1,9})\.(\d{1,9})(?:-([A-Za-z0-9.]+))?")
_PIN = re.compile(r"(\d{1,9}|\*)\.(\d{1,9}|\*)\.(\d{1,9}|\*)(?:-([A-Za-z0-9.]+))?")
_T = TypeVar("_T")


class Version(msgspec.Struct, frozen=True):
    """`major.minor.patch` with an optional lower-cased suffix (`preview`, `deprecated`); a stable version sorts after its previews."""

    major: int
    minor: int
    patch: int
    suffix: str = ""

    @classmethod
    def parse(cls, text: str) -> Version:
        """Read `1.2.3` or `1.2.3-preview`; raises ValueError for any other text."""
        match = _VERSION.fullmatch(text.strip())
        if match is None:
            raise ValueError(f"not a version (major.minor.patch, with an optional -preview): {text!r}")
        major, minor, patch, suffix = match.groups()
        return cls(int(major), int(minor), int(patch), (suffix or "").lower())

    @property
    def preview(self) -> bool:
        """Return whether it is a preview version, which only a pin with `-preview` selects."""
        return self.suffix == "preview"

    @property
    def order(self) -> tuple[int, int, int, bool]:
        """The sort key: the higher the newer."""
        return (self.major, self.minor, self.patch, not self.preview)

    def __str__(self) -> str:
        return f"{self.major}.{self.minor}.{self.patch}" + (f"-{self.suffix}" if self.suffix else "")


#: What Azure gives a custom definition that states no version.
FIRST = Version(1, 0, 0)


class Pin(msgspec.Struct, frozen=True):
    """A version pattern such as `1.*.*`, `2.1.*` or `3.*.*-preview`; None stands for `*`."""

    major: int | None = None
    minor: int | None = None
    patch: int | None = None
    preview: bool = False

    @classmethod
    def parse(cls, text: str) -> Pin:
        """Read a pin; raises ValueError for a text that is none, or that has a number after a `*`."""
        match = _PIN.fullmatch(text.strip())
        if match is None:
            raise ValueError(f"not a version pin (such as 1.*.* or 2.1.*-preview): {text!r}")
        numbers = [None if part == "*" else int(part) for part in match.groups()[:3]]
        if any(a is None and b is not None for a, b in pairwise(numbers)):
            raise ValueError(f"not a version pin (a number follows a '*'): {text!r}")
        major, minor, patch = numbers
        return cls(major, minor, patch, (match.group(4) or "").lower() == "preview")

    def selects(self, version: Version) -> bool:
        """Return whether the version fits: a pin with `-preview` takes stable versions too, one without takes no preview."""
        numbers = ((self.major, version.major), (self.minor, version.minor), (self.patch, version.patch))
        return all(want in (None, have) for want, have in numbers) and (self.preview or not version.preview)

    def __str__(self) -> str:
        numbers = ".".join(
            "*" if part is None else str(part) for part in (self.major, self.minor, self.patch)
        )
        return numbers + ("-preview" if self.preview else "")


def choose_newest(candidates: Iterable[tuple[Version, _T]], pin: Pin | None = None) -> _T | None:
    """The newest candidate that the pin selects (None: whatever is newest, stable before preview); None where none fits."""
    fitting = [(version, item) for version, item in candidates if pin is None or pin.selects(version)]
    if not fitting:
        return None
    if pin is None:
        fitting.sort(key=lambda pair: (not pair[0].preview, pair[0].order))
    else:
        fitting.sort(key=lambda pair: pair[0].order)
    return fitting[-1][1]
