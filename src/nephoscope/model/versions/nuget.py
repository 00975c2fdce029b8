"""Versions of NuGet packages: semantic versions of up to four numbers whose words are compared without regard to case.

Source: the NuGet documentation, "Package versioning".
"""

from __future__ import annotations

import re

from nephoscope.model.versions import semantic

TITLE = "NuGet packages"
ECOSYSTEMS = ("nuget", "dotnet")

_VALID = re.compile(
    r"\d+(?:\.\d+){0,3}(?:-[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*)?(?:\+[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*)?",
    re.ASCII,
)
_LARGEST = 2_147_483_647


def order(text: str) -> semantic.SemanticKey:
    """Return the key of a version; raises VersionError for what does not begin with a number."""
    return semantic.order(text.lower())


def is_valid(text: str) -> bool:
    """Return whether NuGet takes the text for a version; its numbers have 32 bits."""
    version = text.strip()
    if not _VALID.fullmatch(version):
        return False
    return all(int(number) <= _LARGEST for number in re.split(r"[-+]", version)[0].split("."))
