"""Versions of Maven artifacts.

Source: the Maven POM reference, "Version order specification". A version is a list of numbers and qualifiers; a dash, and each change
between digits and letters, opens a list inside of it; zeros and empty qualifiers at the end of a list do not count.
"""

from __future__ import annotations

import re
from functools import total_ordering
from itertools import zip_longest
from typing import TYPE_CHECKING, TypeAlias, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterator

TITLE = "Maven artifacts"
ECOSYSTEMS = ("maven", "gradle")

#: Qualifiers that have a place, from the oldest; the empty one is the release. All others follow in the order of the alphabet.
_QUALIFIERS = ("alpha", "beta", "milestone", "rc", "snapshot", "", "sp")
_RELEASE = _QUALIFIERS.index("")
_ALIASES = {"cr": "rc", "ga": "", "final": "", "release": ""}
#: What a letter directly before a digit stands for.
_LETTERS = {"a": "alpha", "b": "beta", "m": "milestone"}
_TOKEN = re.compile(r"[0-9]+|[.-]|[^0-9.-]+")

_Key = TypeVar("_Key", int, str, tuple[int, str])

Item: TypeAlias = "int | str | list[Item]"


def _rank_qualifier(qualifier: str) -> tuple[int, str]:
    return (_QUALIFIERS.index(qualifier), "") if qualifier in _QUALIFIERS else (len(_QUALIFIERS), qualifier)


def _compare_keys(one: _Key, other: _Key) -> int:
    return int(one > other) - int(one < other)


def _compare_with_end(item: Item) -> int:
    """Compare an item with nothing: with 0, with the release, with an empty list."""
    if isinstance(item, int):
        return int(item > 0)
    if isinstance(item, str):
        return _compare_keys(_rank_qualifier(item), (_RELEASE, ""))
    return next((found for found in map(_compare_with_end, item) if found), 0)


def _compare_items(one: Item | None, other: Item | None) -> int:
    """Compare two items, of which one may lack: a qualifier is older than a list, a list older than a number."""
    if one is None:
        return 0 if other is None else -_compare_with_end(other)
    if other is None:
        return _compare_with_end(one)
    if isinstance(one, list) and isinstance(other, list):
        pairs = zip_longest(one, other)
        return next((found for found in (_compare_items(*pair) for pair in pairs) if found), 0)
    if isinstance(one, str) and isinstance(other, str):
        return _compare_keys(_rank_qualifier(one), _rank_qualifier(other))
    if isinstance(one, int) and isinstance(other, int):
        return _compare_keys(one, other)
    kinds = (str, list, int)
    return _compare_keys(
        *(next(place for place, kind in enumerate(kinds) if isinstance(item, kind)) for item in (one, other))
    )


def _is_null(item: Item) -> bool:
    return item in (0, "", [])


def _normalize_items(items: list[Item]) -> None:
    """Drop what does not count: nulls at the end, lists at the end stepped over."""
    for place in reversed(range(len(items))):
        if _is_null(items[place]):
            del items[place]
        elif not isinstance(items[place], list):
            return


def _normalize_qualifier(text: str, before_digit: bool) -> str:
    if before_digit and len(text) == 1:
        return _LETTERS.get(text, text)
    return _ALIASES.get(text, text)


def _parse_tokens(text: str) -> Iterator[tuple[str, str]]:
    """Yield each token with the one that follows."""
    found = _TOKEN.findall(text)
    yield from zip(found, [*found[1:], ""][: len(found)], strict=True)


class _Lists:
    """The list that is being filled and those around it."""

    def __init__(self) -> None:
        self.current: list[Item] = []
        self._all = [self.current]

    def open(self) -> None:
        """Open a list inside of the current one."""
        inner: list[Item] = []
        self.current.append(inner)
        self.current = inner
        self._all.append(inner)

    def normalize(self) -> list[Item]:
        """Return the outermost list, all lists without what does not count."""
        for items in reversed(self._all):
            _normalize_items(items)
        return self._all[0]


def _parse_items(text: str) -> list[Item]:
    lists = _Lists()
    previous = "."
    for part, following in _parse_tokens(text.lower()):
        if part in ".-":
            if previous in ".-":
                lists.current.append(0)
            if part == "-":
                lists.open()
        elif part[0].isdigit():
            lists.current.append(int(part))
            if following not in ("", ".", "-"):
                lists.open()
        else:
            # between dots and dashes a qualifier stays in its list
            if lists.current and following not in (".", "-"):
                lists.open()
            lists.current.append(_normalize_qualifier(part, following[:1].isdigit()))
            if following[:1].isdigit():
                lists.open()
        previous = part
    return lists.normalize()


@total_ordering
class MavenVersion:
    """A version that compares as Maven's ComparableVersion does."""

    __slots__ = ("_items",)

    def __init__(self, text: str) -> None:
        self._items = _parse_items(text)

    def __lt__(self, other: MavenVersion) -> bool:
        return _compare_items(self._items, other._items) < 0

    def __eq__(self, other: object) -> bool:
        return isinstance(other, MavenVersion) and _compare_items(self._items, other._items) == 0

    def __hash__(self) -> int:
        return hash(repr(self._items))


def order(text: str) -> MavenVersion:
    """Return the key of a version; every text has its place."""
    return MavenVersion(text.strip())


def is_valid(text: str) -> bool:
    """Return whether the text can be a version: Maven takes every text without spaces, slashes and the signs of ranges."""
    return re.fullmatch(r"[^\s/\\:<>|?*\[\](),]+", text) is not None
