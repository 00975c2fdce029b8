"""Patterns in which `*` stands for any text and every other character for itself."""

from __future__ import annotations

from fnmatch import fnmatchcase


def matches_wildcard(text: str, pattern: str) -> bool:
    """Tell whether a text is as a pattern says, case and all; `*` runs over slashes and may stand for nothing.

    `?` and brackets are common in what is named by such patterns (`dependabot[bot]@...`, addresses with a query) and mean themselves.
    """
    return fnmatchcase(text, pattern.replace("[", "[[]").replace("?", "[?]"))
