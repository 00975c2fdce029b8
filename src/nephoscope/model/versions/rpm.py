"""Versions of RPM packages: `[epoch:]version[-release]`.

Source: rpm-version(7).
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TypeAlias

TITLE = "RPM packages"
ECOSYSTEMS = (
    "rpm",
    "red hat",
    "rocky linux",
    "almalinux",
    "suse",
    "opensuse",
    "oracle linux",
    "amazon linux",
    "azure linux",
    "photon os",
    "fedora",
    "mageia",
    "openeuler",
)

_TOKEN = re.compile(r"~|\^|[0-9]+|[A-Za-z]+")

#: The order of what can stand at one place: a tilde before the end, a caret after it, then letters, then numbers.
_TILDE, _END, _CARET, _LETTERS, _NUMBER = range(5)

Token: TypeAlias = tuple[int] | tuple[int, str] | tuple[int, int]


def _parse_token(text: str) -> Token:
    if text == "~":
        return (_TILDE,)
    if text == "^":
        return (_CARET,)
    return (_NUMBER, int(text)) if text[0].isdigit() else (_LETTERS, text)


@lru_cache(maxsize=65_536)
def parse_segments(text: str) -> tuple[Token, ...]:
    """Return the key of a version or a release alone, as rpmvercmp compares it."""
    return (*map(_parse_token, _TOKEN.findall(text)), (_END,))


def order(text: str) -> tuple[int, tuple[Token, ...], tuple[Token, ...]]:
    """Return the key of a version; without an epoch it is 0, and what stands before a colon is one only where it is a number.

    A version has no dash, so the first one ends it: what a tool put into the release with further dashes counts as release.
    """
    version = text.strip().removeprefix("(none):")
    epoch, colon, rest = version.partition(":")
    if not (colon and re.fullmatch("[0-9]*", epoch)):
        epoch, rest = "0", version
    number, dash, release = rest.partition("-")
    return (
        (int(epoch or 0), parse_segments(number), parse_segments(release))
        if dash
        else (int(epoch or 0), parse_segments(rest), parse_segments(""))
    )


def is_valid(text: str) -> bool:
    """Return whether rpm takes the text for a version: an epoch that is a number, no space and at most one dash."""
    epoch, colon, rest = text.partition(":")
    rest = rest if colon else text
    return bool(rest) and (not colon or epoch.isdigit()) and not re.search(r"\s|-.*-", rest)
