"""Paging by the key of a row: a page begins after the last row of the previous page, also if rows were added or removed meanwhile."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PageKeys:
    """The keys of the first and the last row of a page, for the links to its neighbors."""

    first: str = ""
    last: str = ""


def find_page_start(keys: Sequence[str], rows: int, *, after: str, before: str, start: int) -> int:
    """Return the index of the first row of a page: after the key `after`, or `rows` before the key `before`.

    If no row has the key, the index `start` counts.
    """
    if after and after in keys:
        return keys.index(after) + 1
    if before and before in keys:
        return max(0, keys.index(before) - rows)
    return start


def get_page_keys(keys: Sequence[str], start: int, rows: int) -> PageKeys:
    """Return the keys of the first and the last row of the page that begins at an index."""
    shown = keys[start : start + rows]
    return PageKeys(shown[0], shown[-1]) if shown else PageKeys()
