"""Versions of Alpine packages: `digits{.digits}[letter]{_suffix[digits]}[~hash][-r digits]`.

Source: apk-package(5).
"""

from __future__ import annotations

import re
from typing import TypeAlias

from nephoscope.model.versions.errors import VersionError

TITLE = "Alpine packages"
ECOSYSTEMS = ("alpine", "apk", "wolfi", "chainguard", "minimos", "alpaquita", "bellsoft hardened containers")

_BEFORE_RELEASE = ("alpha", "beta", "pre", "rc")
_AFTER_RELEASE = ("cvs", "svn", "git", "hg", "p")
_SUFFIX = "|".join((*_BEFORE_RELEASE, *_AFTER_RELEASE))
_VERSION = re.compile(
    rf"(?P<numbers>[0-9]+(?:\.[0-9]+)*)(?P<letter>[a-z]?)(?P<suffixes>(?:_(?:{_SUFFIX})[0-9]*)*)"
    r"(?P<hash>(?:~[0-9a-f]+)?)(?P<revision>(?:-r[0-9]+)?)"
)
_ONE_SUFFIX = re.compile(r"_([a-z]+)([0-9]*)")

#: The order of what can stand at one place: what apk cannot read is older than the end,
#: a suffix of a time before the release older still.
_BEFORE, _UNREADABLE, _END, _REVISION, _HASH, _SUFFIX_NUMBER, _AFTER, _LETTER, _NUMBER = range(9)

Token: TypeAlias = tuple[int | str, ...]


def _parse_later_number_token(text: str) -> Token:
    """Return the token of a number behind the first: with a leading zero it is compared as text, before every other number."""
    return (_NUMBER, 0, text) if text[0] == "0" else (_NUMBER, 1, int(text))


def _parse_suffix_tokens(text: str) -> list[Token]:
    tokens: list[Token] = []
    for name, digits in _ONE_SUFFIX.findall(text):
        known = name in _BEFORE_RELEASE
        tokens.append(
            (_BEFORE, _BEFORE_RELEASE.index(name)) if known else (_AFTER, _AFTER_RELEASE.index(name))
        )
        if digits:
            tokens.append((_SUFFIX_NUMBER, int(digits)))
    return tokens


def order(text: str) -> tuple[Token, ...]:
    """Return the key of a version, compared as far as apk can read it; raises VersionError for what begins with no digit."""
    version = text.strip()
    found = _VERSION.match(version)
    if not found:
        raise VersionError(f"{text!r} is not a version of an Alpine package")
    first, *others = found["numbers"].split(".")
    tokens: list[Token] = [(_NUMBER, 1, int(first)), *map(_parse_later_number_token, others)]
    if found["letter"]:
        tokens.append((_LETTER, found["letter"]))
    tokens += _parse_suffix_tokens(found["suffixes"])
    if found["hash"]:
        tokens.append((_HASH, found["hash"]))
    if revision := int(found["revision"][2:] or 0):
        tokens.append((_REVISION, revision))
    rest = version[found.end() :].removeprefix("-r") if version.endswith("-r") else version[found.end() :]
    return (*tokens, (_UNREADABLE, rest) if rest else (_END,))


def is_valid(text: str) -> bool:
    """Return whether apk takes the text for a version."""
    return _VERSION.fullmatch(text) is not None
