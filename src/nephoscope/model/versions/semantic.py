"""Semantic versions, as Cargo, Hex, Swift and others use them.

Source: semver.org 2.0.0. Some registries hold versions of more or fewer numbers; missing numbers are 0.
"""

from __future__ import annotations

import re
from typing import TypeAlias

from nephoscope.model.versions.errors import VersionError

TITLE = "Semantic versions"
ECOSYSTEMS = (
    "semver",
    "cargo",
    "crates.io",
    "hex",
    "swift",
    "swifturl",
    "github actions",
    "githubactions",
    "vscode",
    "julia",
    "openvsx",
)

_VERSION = re.compile(r"[vV=\s]*(\d+(?:\.\d+)*)\.?(?:-?([0-9A-Za-z-][0-9A-Za-z.-]*))?(?:\+(.*))?", re.DOTALL)
_STRICT = re.compile(
    r"(?:0|[1-9]\d*)\.(?:0|[1-9]\d*)\.(?:0|[1-9]\d*)"
    r"(?:-(?:0|[1-9]\d*|\d*[A-Za-z-][0-9A-Za-z-]*)(?:\.(?:0|[1-9]\d*|\d*[A-Za-z-][0-9A-Za-z-]*))*)?"
    r"(?:\+[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*)?",
    re.ASCII,
)

Identifier: TypeAlias = tuple[int, int] | tuple[int, str]
#: Numbers without zeros at the end, then whether it is a release, then the identifiers of a pre-release.
SemanticKey: TypeAlias = tuple[tuple[int, ...], bool, tuple[Identifier, ...]]


def build_identifier_key(text: str) -> Identifier:
    """Return the key of one identifier of a pre-release: numbers before words."""
    return (0, int(text)) if text.isascii() and text.isdigit() else (1, text)


def build_number_key(text: str) -> tuple[int, ...]:
    """Return numbers with dots between them without the zeros at the end, which change nothing."""
    numbers = [int(number) for number in text.split(".")]
    while numbers and not numbers[-1]:
        numbers.pop()
    return tuple(numbers)


def split_version(text: str) -> tuple[str, str, str]:
    """Return a version's numbers, pre-release and build; raises VersionError for what is no version."""
    found = _VERSION.fullmatch(text.strip())
    if not found:
        raise VersionError(f"{text!r} is not a semantic version")
    return found[1], found[2] or "", found[3] or ""


def order(text: str) -> SemanticKey:
    """Return the key of a version; raises VersionError for what does not begin with a number."""
    numbers, before, _ = split_version(text)
    return (
        build_number_key(numbers),
        not before,
        tuple(map(build_identifier_key, before.split("."))) if before else (),
    )


def is_valid(text: str) -> bool:
    """Return whether the text is a version to the letter of semver.org."""
    return _STRICT.fullmatch(text) is not None
