"""Versions of Arch packages: `[epoch:]version[-release]`.

Source: vercmp(8) of pacman. Unlike in RPM a missing release equals any, and letters after a number make a version older than its end.
"""

from __future__ import annotations

import re
from functools import total_ordering
from itertools import zip_longest

from nephoscope.model.versions.errors import VersionError

TITLE = "Arch packages"
ECOSYSTEMS = ("arch", "arch linux", "alpm")

_SEGMENT = re.compile(r"([^0-9A-Za-z]*)([0-9]+|[A-Za-z]+|$)")

#: The order of what can stand at one place: letters that follow directly, the end, letters after a separator, a number.
_LETTERS, _END, _NUMBER = 0, 1, 2


def _compare_tokens(one: tuple[str, str] | None, other: tuple[str, str] | None) -> int:
    """Compare two segments with what stands before them; None is the end."""
    if one is None or other is None:
        if one is other:
            return 0
        rest = one or other
        assert rest is not None
        older = rest[1][:1].isalpha() and not rest[0]
        return (-1 if older else 1) if one is not None else (1 if older else -1)
    if len(one[0]) != len(other[0]):
        return -1 if len(one[0]) < len(other[0]) else 1
    return _compare_segments(one[1], other[1])


def _compare_segments(one: str, other: str) -> int:
    if one[:1].isdigit() and other[:1].isdigit():
        first, second = int(one), int(other)
        return (first > second) - (first < second)
    if one[:1].isdigit() or other[:1].isdigit():
        return 1 if one[:1].isdigit() else -1
    return (one > other) - (one < other)


@total_ordering
class PacmanVersion:
    """A version that compares as pacman does."""

    __slots__ = ("_epoch", "_release", "_version")

    def __init__(self, epoch: int, version: str, release: str | None) -> None:
        self._epoch, self._version, self._release = epoch, version, release

    def _compare_versions(self, other: PacmanVersion) -> int:
        if self._epoch != other._epoch:
            return -1 if self._epoch < other._epoch else 1
        versions = _compare_texts(self._version, other._version)
        if versions or self._release is None or other._release is None:
            return versions
        return _compare_texts(self._release, other._release)

    def __lt__(self, other: PacmanVersion) -> bool:
        return self._compare_versions(other) < 0

    def __eq__(self, other: object) -> bool:
        return isinstance(other, PacmanVersion) and self._compare_versions(other) == 0

    __hash__ = None  # type: ignore[assignment]  # a missing release equals every release, so that no hash can agree


def _compare_texts(one: str, other: str) -> int:
    firsts, seconds = ([found for found in _SEGMENT.findall(text) if any(found)] for text in (one, other))
    for first, second in zip_longest(firsts, seconds):
        if compared := _compare_tokens(first, second):
            return compared
    return 0


def order(text: str) -> PacmanVersion:
    """Return the key of a version; raises VersionError where the epoch is no number."""
    epoch, colon, rest = text.strip().partition(":")
    if not colon:
        epoch, rest = "0", text.strip()
    if not (epoch.isascii() and epoch.isdigit()):
        raise VersionError(f"{text!r} has an epoch that is not a number")
    version, dash, release = rest.rpartition("-")
    return PacmanVersion(int(epoch), version, release) if dash else PacmanVersion(int(epoch), rest, None)


def is_valid(text: str) -> bool:
    """Return whether pacman takes the text for a version."""
    return re.fullmatch(r"(?:\d+:)?[^\s:/-]+(?:-\d+(?:\.\d+)?)?", text) is not None
