"""Versions of Conan packages: any number of numbers and words, a pre-release and a build that counts.

Source: Conan's documentation, "Versioning".
"""

from __future__ import annotations

import re
from typing import TypeAlias

from nephoscope.model.versions.errors import VersionError

TITLE = "Conan packages"
ECOSYSTEMS = ("conan", "conancenter")

Word: TypeAlias = tuple[int, int] | tuple[int, str]


def _parse_words(text: str) -> tuple[Word, ...]:
    words: list[Word] = [(0, int(word)) if word.isdigit() else (1, word) for word in text.lower().split(".")]
    while words and words[-1] == (0, 0):
        words.pop()
    return tuple(words)


def order(text: str) -> tuple[tuple[Word, ...], bool, tuple[Word, ...], tuple[Word, ...]]:
    """Return the key of a version; raises VersionError for an empty text."""
    version, _, build = text.strip().partition("+")
    main, dash, before = version.partition("-")
    if not main:
        raise VersionError(f"{text!r} is not a version of a Conan package")
    return (
        _parse_words(main),
        not dash,
        _parse_words(before) if dash else (),
        _parse_words(build) if build else (),
    )


def is_valid(text: str) -> bool:
    """Return whether Conan takes the text for a version."""
    return re.fullmatch(r"[a-z0-9_][a-z0-9_+.-]{0,100}", text) is not None
