"""Versions of Java itself, in the scheme of today (`17.0.9+9`) and in the one before Java 9 (`1.8.0_392-b08`); builds do not count.

Source: JEP 223 and JEP 322.
"""

from __future__ import annotations

import re

from nephoscope.model.versions.errors import VersionError

TITLE = "Java itself"
ECOSYSTEMS = ("jvm", "java", "openjdk")

_VERSION = re.compile(
    r"(?:jdk-?|jre-?)?(\d+(?:\.\d+)*)(?:_(\d+)|-update(\d+)|u(\d+))?((?:-(?!b\d)[0-9A-Za-z.]+)?)(?:-b\d+)?(?:\+.*)?",
    re.IGNORECASE,
)


def order(text: str) -> tuple[tuple[int, ...], bool, str]:
    """Return the key of a version; raises VersionError for what is none."""
    found = _VERSION.fullmatch(text.strip())
    if not found:
        raise VersionError(f"{text!r} is not a version of Java")
    numbers = [int(number) for number in found[1].split(".")]
    if numbers[0] == 1 and len(numbers) > 1:
        numbers = numbers[1:]
    update = found[2] or found[3] or found[4]
    if update:
        numbers = [*numbers, *[0] * (2 - len(numbers)), int(update)]
    while numbers and not numbers[-1]:
        numbers.pop()
    before = found[5].lstrip("-").lower()
    return tuple(numbers), not before, before


def is_valid(text: str) -> bool:
    """Return whether the text is a version of Java."""
    return _VERSION.fullmatch(text) is not None
