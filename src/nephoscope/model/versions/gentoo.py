"""Versions of Gentoo packages: `digits{.digits}[letter]{_suffix[digits]}[-r digits]`.

Source: the Package Manager Specification, section 3.3.
"""

from __future__ import annotations

import re
from typing import TypeAlias

from nephoscope.model.versions.errors import VersionError

TITLE = "Gentoo packages"
ECOSYSTEMS = ("gentoo", "portage", "ebuild")

_SUFFIXES = ("alpha", "beta", "pre", "rc", "p")
_VERSION = re.compile(
    rf"(?P<numbers>\d+(?:\.\d+)*)(?P<letter>[a-z]?)(?P<suffixes>(?:_(?:{'|'.join(_SUFFIXES)})\d*)*)(?:-r(?P<revision>\d+))?",
    re.ASCII,
)

#: The order of what can stand at one place: a suffix of a time before the release, the end, a revision, a patch, a letter, a number.
_BEFORE, _END, _REVISION, _PATCH, _LETTER, _NUMBER = range(6)

Token: TypeAlias = tuple[int | str, ...]


def _parse_later_number_token(text: str) -> Token:
    """Return the token of a number behind the first: with a leading zero it counts as the digits of a fraction."""
    return (_NUMBER, 0, text.rstrip("0")) if text[0] == "0" else (_NUMBER, 1, int(text))


def _find_suffix(name: str, digits: str) -> Token:
    return (_PATCH if name == "p" else _BEFORE, _SUFFIXES.index(name), int(digits or 0))


def order(text: str) -> tuple[Token, ...]:
    """Return the key of a version; raises VersionError for what is none."""
    found = _VERSION.fullmatch(text.strip())
    if not found:
        raise VersionError(f"{text!r} is not a version of a Gentoo package")
    first, *others = found["numbers"].split(".")
    tokens: list[Token] = [(_NUMBER, 1, int(first)), *map(_parse_later_number_token, others)]
    if found["letter"]:
        tokens.append((_LETTER, found["letter"]))
    tokens += [_find_suffix(*suffix) for suffix in re.findall(r"_([a-z]+)(\d*)", found["suffixes"])]
    revision = int(found["revision"] or 0)
    return (*tokens, (_REVISION, revision)) if revision else (*tokens, (_END,))


def is_valid(text: str) -> bool:
    """Return whether the text is a version of the specification."""
    return _VERSION.fullmatch(text) is not None
