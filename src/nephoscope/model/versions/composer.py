"""Versions of PHP packages.

Source: Composer's documentation, "Versions and constraints", and PHP's documentation of version_compare.
"""

from __future__ import annotations

import re

from nephoscope.model.versions.errors import VersionError

TITLE = "PHP packages"
ECOSYSTEMS = ("packagist", "composer")

#: Words that have a place, by how they begin, in PHP's order; every other word is older than all.
_WORDS = (("dev", 0), ("alpha", 1), ("a", 1), ("beta", 2), ("b", 2), ("rc", 3), ("pl", 5), ("p", 5))
_NUMBER = 4
_UNKNOWN = -1
_STABILITIES = {"a": "alpha", "b": "beta", "p": "patch", "pl": "patch", "rc": "RC"}
_STABILITY = r"[._-]?(?:(stable|beta|b|rc|alpha|a|patch|pl|p)((?:[.-]?\d+)*)?)?([.-]?dev)?"
_CLASSICAL = re.compile(rf"v?(\d{{1,5}}(?:\.\d+){{0,3}}){_STABILITY}", re.IGNORECASE)
_DATED = re.compile(
    rf"v?(\d{{4}}(?:[.:-]?\d{{2}}){{1,6}}(?:[.:-]?\d{{1,3}}){{0,2}}){_STABILITY}", re.IGNORECASE
)
_PART = re.compile(r"\d+|[A-Za-z]+")


def _format_suffix(stability: str | None, number: str | None, dev: str | None) -> str:
    if stability is None:
        return "-dev" if dev else ""
    if stability.lower() == "stable":
        return ""
    word = _STABILITIES.get(stability.lower(), stability.lower())
    return f"-{word}{(number or '').lstrip('.-')}{'-dev' if dev else ''}"


def normalize_version(text: str) -> str:
    """Return a version as Composer writes it, with four numbers; a branch as its name."""
    version = re.sub(r"\s+as\s+.*$", "", text.strip()).split("@", 1)[0]
    version = version.split("+", 1)[0] if not version.startswith("dev-") else version
    if found := _CLASSICAL.fullmatch(version):
        numbers = found[1].split(".")
        return ".".join([*numbers, *["0"] * (4 - len(numbers))]) + _format_suffix(
            found[2], found[3], found[4]
        )
    if found := _DATED.fullmatch(version):
        return re.sub(r"\D", ".", found[1]) + _format_suffix(found[2], found[3], found[4])
    return version


def _parse_part_key(text: str) -> tuple[int, int]:
    if text.isdigit():
        return (_NUMBER, 1 + int(text))
    return (next((rank for word, rank in _WORDS if text.lower().startswith(word)), _UNKNOWN), 0)


def order(text: str) -> tuple[tuple[int, int], ...]:
    """Return the key of a version; raises VersionError for an empty text. The end stands below every number."""
    version = normalize_version(text)
    if not version:
        raise VersionError("an empty text is not a version")
    return (*map(_parse_part_key, _PART.findall(version)), (_NUMBER, 0))


def is_valid(text: str) -> bool:
    """Return whether Composer takes the text for a version that is no branch."""
    version = normalize_version(text)
    return re.fullmatch(r"\d+(?:\.\d+)*(?:-(?:alpha|beta|RC|patch)[\d.-]*)?(?:-dev)?", version) is not None
