"""Watchlist files: the rows of a table as items, or what is wrong with each and where."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from nephoscope.ingest.logs.timestamps import parse_moment
from nephoscope.lake.watchlists.watchlist_service import NewWatchlistItem

if TYPE_CHECKING:
    from nephoscope.files.tables.delimited import DelimitedFile


def read_items(table: DelimitedFile, key: str, expires: str) -> Iterator[NewWatchlistItem | str]:
    """Yield each row as an item, or what is wrong with it; `expires` is the column of the expiry ('' = none)."""
    for line in table.read_rows():
        text = line.cells.get(expires, "").strip() if expires else ""
        over = parse_moment(text) if text else None
        if line.wrong:
            yield f"line {line.number}: {line.wrong}"
        elif not line.cells[key].strip():
            yield f"line {line.number}: the search key {key} is empty"
        elif text and over is None:
            yield f"line {line.number}: {expires}: {text[:60]!r} is not a time"
        else:
            yield NewWatchlistItem({name: value.strip() for name, value in line.cells.items()}, over)


def read_list_items(
    table: DelimitedFile, key: str, expires: str, columns: set[str], refused: list[str]
) -> Iterator[NewWatchlistItem]:
    """Yield the rows that are items, with the columns of their list alone; `refused` gets what is wrong with the others."""
    for one in read_items(table, key, expires):
        if isinstance(one, str):
            refused.append(one)
        else:
            cells = {name: value for name, value in one.cells.items() if name in columns}
            yield NewWatchlistItem(cells, one.expires)
