"""Rows of lists as HTML: the box that ticks a row, its cells, and the link that opens it beside the list."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar
from urllib.parse import quote_plus

from markupsafe import Markup

from nephoscope.web.lists.cell_markup import draw_column, escape_text
from nephoscope.web.lists.column_headers import ListColumn
from nephoscope.web.lists.list_cell import CellKind

Row = TypeVar("Row")
_PLAIN = re.compile(r"[A-Za-z0-9_.~/-]*")
#: What the address names the row by that stands beside the list.
PREVIEW = "preview"
#: Kinds of cells whose words say what they are about.
_SPEAKING = frozenset({CellKind.SEVERITY, CellKind.BAR})


@dataclass(frozen=True, slots=True)
class PreviewLinks:
    """Links that open rows beside the list: `close` is the address without one, `shown` the key of the row that is open."""

    close: str
    shown: str

    @property
    def start(self) -> str:
        """Return what stands before the key in the address at which a row is open."""
        return f"{self.close}{'&' if '?' in self.close else '?'}{PREVIEW}="


class RowMarkup(Generic[Row]):
    """Draws the rows of a page; what all of them share is made once. `tick` is what the address names ticked rows by."""

    def __init__(self, columns: Sequence[ListColumn[Row]], links: PreviewLinks, tick: str) -> None:
        self._columns = [(one, _choose_classes(one), _get_column_label(one)) for one in columns]
        self._main = next((at for at, one in enumerate(columns) if one.main), 0)
        self._links, self._tick = links, escape_text(tick)
        self._start, self._close = escape_text(links.start), escape_text(links.close)

    def draw(self, row: Row, key: str, tick: str, *, ticked: bool) -> Markup:
        """Draw a row; one without a `tick` has no box."""
        cells = [column.cell(row) for column, _, _ in self._columns]
        below = " · ".join(
            escape_text(cell.text) if cell.kind in _SPEAKING else name + escape_text(cell.text)
            for (_, _, name), cell in zip(self._columns, cells, strict=True)
            if name
            and not cell.is_empty
            and cell.kind is not CellKind.MOMENT  # plain text has no zone to turn to
        )
        drawn = "".join(
            draw_column(cell, classes, below if column.main else "")
            for (column, classes, _), cell in zip(self._columns, cells, strict=True)
        )
        title, current = escape_text(cells[self._main].text), key == self._links.shown
        address = self._close if current else f"{self._start}{_quote_key(key)}"
        marked = ' class="data-list__row--current"' if current else ""
        return Markup(  # noqa: S704 - escaped above
            f"<tr{marked} data-row>{self._format_box(tick, title, ticked=ticked)}{drawn}"
            f'<td class="data-list__cell data-list__open"><a class="data-list__preview" href="{address}"'
            f' aria-label="{"Close preview" if current else "Preview"}: {title}"></a></td></tr>\n'
        )

    def _format_box(self, tick: str, title: str, *, ticked: bool) -> str:
        if not self._tick:
            return ""
        checked = " checked" if ticked else ""
        box = (
            f'<input type="checkbox" form="selection" name="{self._tick}" value="{escape_text(tick)}"'
            f' aria-label="{title}"{checked}>'
        )
        return f'<td class="data-list__cell data-list__check">{box if tick else ""}</td>'


def _quote_key(key: str) -> str:
    """Return a key as it stands in a query; most have nothing to quote, and finding that out takes a fraction of doing it."""
    return key if _PLAIN.fullmatch(key) else quote_plus(key, safe="/")


def _get_column_label(column: ListColumn[Row]) -> str:
    """Return the name of a column before what it says below the title, as HTML; '' = it says nothing there."""
    if column.number or not column.optional:
        return ""
    return f'<span class="data-list__name">{escape_text(column.title)}</span> '


def _choose_classes(column: ListColumn[Row]) -> str:
    if column.main:
        return 'class="data-list__cell data-list__cell--title"'
    if column.number and column.optional:
        return 'class="data-list__cell data-list__cell--number data-list__optional"'
    if column.number:
        return 'class="data-list__cell data-list__cell--number"'
    return 'class="data-list__cell data-list__optional"' if column.optional else 'class="data-list__cell"'
