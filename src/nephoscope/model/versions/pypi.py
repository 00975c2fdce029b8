"""Versions of Python packages.

Source: the Python packaging user guide, "Version specifiers" (PEP 440). What PEP 440 refuses is older than every
version that it takes, ordered as setuptools ordered it before.
"""

from __future__ import annotations

import re

from packaging.version import InvalidVersion, Version

TITLE = "Python packages"
ECOSYSTEMS = ("pypi", "pep440", "python")

_PART = re.compile(r"(\d+ | [a-z]+ | \.| -)", re.VERBOSE)
_SPELLINGS = {"pre": "c", "preview": "c", "-": "final-", "rc": "c", "dev": "@"}


def _parse_legacy_parts(text: str) -> tuple[str, ...]:
    """Return what setuptools compared, all of it as text: numbers filled to eight digits, words behind a `*`."""
    parts: list[str] = []
    for found in _PART.split(text.lower()):
        part = _SPELLINGS.get(found, found)
        if not part or part == ".":
            continue
        part = part.zfill(8) if part[:1].isdigit() else "*" + part
        if part.startswith("*"):
            while part < "*final" and parts and parts[-1] == "*final-":
                parts.pop()
            while parts and parts[-1] == "00000000":
                parts.pop()
        parts.append(part)
    return (*parts, "*final")


def order(text: str) -> tuple[int, Version | tuple[str, ...]]:
    """Return the key of a version; every text has its place."""
    try:
        return (1, Version(text))
    except InvalidVersion:
        return (0, _parse_legacy_parts(text))


def is_valid(text: str) -> bool:
    """Return whether the text is a version of PEP 440."""
    try:
        Version(text)
    except InvalidVersion:
        return False
    return True
