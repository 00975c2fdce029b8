"""Versions of Ruby gems: numbers and words; a word makes a version older than without it.

Source: the documentation of Gem::Version.
"""

from __future__ import annotations

import re
from functools import total_ordering
from itertools import zip_longest

from nephoscope.model.versions.errors import VersionError

TITLE = "Ruby gems"
ECOSYSTEMS = ("rubygems", "gem")

_VALID = re.compile(r"\s*(?:[0-9]+(?:\.[0-9A-Za-z]+)*(?:-[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*)?)?\s*", re.ASCII)
_TRAILING_ZEROS = re.compile(r"(?<=[A-Za-z.])[.0]+$")
_ZEROS_BEFORE_WORD = re.compile(r"(?:(?<=\.)|^)[0.]+(?=[A-Za-z])")
_LENIENT = re.compile(r"\s*[0-9A-Za-z.+_ -]*\s*", re.ASCII)


def _parse_segments(text: str) -> tuple[int | str, ...]:
    """Return numbers and words without the zeros that change nothing: at the end, and before the first word that follows some."""
    version = _TRAILING_ZEROS.sub("", text.strip().replace("-", ".pre.") or "0")
    if re.search("[A-Za-z]", version):
        version = _ZEROS_BEFORE_WORD.sub("", version, count=1)
    found = re.findall(r"[0-9]+|[A-Za-z]+", version)
    segments = [int(segment) if segment.isdigit() else segment for segment in found]
    while segments and not segments[-1]:
        segments.pop()
    return tuple(segments)


def _compare_segments(one: int | str, other: int | str) -> int:
    if isinstance(one, str) and isinstance(other, str):
        return (one > other) - (one < other)
    if isinstance(one, int) and isinstance(other, int):
        return (one > other) - (one < other)
    return -1 if isinstance(one, str) else 1


@total_ordering
class GemVersion:
    """A version that compares as Gem::Version does: what lacks is 0."""

    __slots__ = ("_segments",)

    def __init__(self, text: str) -> None:
        self._segments = _parse_segments(text)

    def __lt__(self, other: GemVersion) -> bool:
        pairs = zip_longest(self._segments, other._segments, fillvalue=0)
        return next((found for found in (_compare_segments(*pair) for pair in pairs) if found), 0) < 0

    def __eq__(self, other: object) -> bool:
        return isinstance(other, GemVersion) and self._segments == other._segments

    def __hash__(self) -> int:
        return hash(self._segments)


def order(text: str) -> GemVersion:
    """Return the key of a version; raises VersionError for what holds no version at all."""
    if not _LENIENT.fullmatch(text):
        raise VersionError(f"{text!r} is not a version of a gem")
    return GemVersion(text)


def is_valid(text: str) -> bool:
    """Return whether Gem::Version takes the text."""
    return _VALID.fullmatch(text) is not None
