"""Versions of Debian packages: `[epoch:]upstream[-revision]`.

Source: Debian Policy 5.6.12, deb-version(7).
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TypeAlias

from nephoscope.model.versions.errors import VersionError

TITLE = "Debian packages"
ECOSYSTEMS = ("debian", "ubuntu", "deb", "dpkg", "echo", "raspbian", "kali")

_PART = re.compile(r"(\D*)(\d*)")
#: A colon may stand in what has an epoch, a dash in what has a revision.
_VALID = re.compile(r"(?:\d+:\d[A-Za-z0-9.+:~-]*|\d[A-Za-z0-9.+~-]*)", re.ASCII)

#: What the end, a tilde and other characters stand for: `~` before the end, the end before letters, letters before the rest.
_END = 0
_TILDE = -1
_OTHER = 256

Parts: TypeAlias = tuple[tuple[int, ...] | int, ...]


def _rank_character(character: str) -> int:
    if character == "~":
        return _TILDE
    return ord(character) if character.isascii() and character.isalpha() else ord(character) + _OTHER


@lru_cache(maxsize=65_536)
def _parse_parts(text: str) -> Parts:
    """Return what dpkg compares in turn: ranks of characters that are no digits, closed by the end, then a number."""
    parts: list[tuple[int, ...] | int] = []
    for letters, digits in _PART.findall(text) if text else [("", "")]:
        if letters or digits or not text:
            parts += ((*map(_rank_character, letters), _END), int(digits or 0))
    return (*parts, (_END,))


def order(text: str) -> tuple[int, Parts, Parts]:
    """Return the key of a version; raises VersionError where the epoch is no number or stands alone."""
    version = text.strip()
    epoch, colon, rest = version.partition(":")
    if not colon:
        epoch, rest = "0", version
    if not (rest and epoch.isascii() and epoch.isdigit()):
        raise VersionError(f"{text!r} has an epoch that is not a number, or nothing behind it")
    upstream, dash, revision = rest.rpartition("-")
    return (
        (int(epoch), _parse_parts(upstream), _parse_parts(revision))
        if dash
        else (int(epoch), _parse_parts(rest), _parse_parts(""))
    )


def is_valid(text: str) -> bool:
    """Return whether dpkg takes the text for a version."""
    return _VALID.fullmatch(text.strip()) is not None
