"""Cells of lists as HTML: made here and not by a template, which takes several times as long for the cells of a page."""

from __future__ import annotations

import re

from markupsafe import Markup, escape

from nephoscope.web.lists.list_cell import CellKind, ListCell
from nephoscope.web.rendering import charts, time_elements

_TITLED = frozenset({CellKind.TEXT, CellKind.CODE, CellKind.STATE})
_SPECIAL = re.compile("[&<>\"']")


def escape_text(text: str) -> str:
    """Escape a text; most have nothing to escape, and finding that out takes a fraction of making a `Markup`."""
    return str(escape(text)) if _SPECIAL.search(text) else text


def draw_cell(cell: ListCell, *, whole: bool = False) -> Markup:
    """Draw what a cell says; as a `whole` where there is room for it, as in the preview."""
    return Markup(_draw_cell(cell, whole=whole))  # noqa: S704 - escaped by it


def draw_column(cell: ListCell, classes: str, below: str = "") -> str:
    """Draw a cell in its column as HTML; `classes` is the attribute, `below` the HTML below a title on narrow screens.

    The title says what the text does not; the script gives one to a text that is cut off.
    """
    title = ""
    if cell.whole and cell.kind in _TITLED and cell.whole != cell.text:
        full_text = f"{cell.whole} {cell.note}" if cell.note else cell.whole
        title = f' title="{escape_text(full_text)}"'
    under = f'<span class="data-list__sub">{below}</span>' if below else ""
    return f"<td {classes}{title}>{_draw_cell(cell, whole=False)}{under}</td>"


def _draw_cell(cell: ListCell, *, whole: bool) -> str:
    text = escape_text(cell.whole if whole and cell.whole else cell.text)
    drawn = _draw_text(cell, text, whole=whole)
    if cell.note:
        drawn += f" <small>{escape_text(cell.note)}</small>"
    for mark in cell.marks:
        title = f' title="{escape_text(mark.title)}"' if mark.title else ""
        tone = f" state--{escape_text(mark.tone)}" if mark.tone else ""
        drawn += f' <span class="state{tone}"{title}>{escape_text(mark.text)}</span>'
    return drawn


def _draw_text(cell: ListCell, text: str, *, whole: bool) -> str:
    match cell.kind:
        case CellKind.SEVERITY:
            return f'<span class="severity severity--{text.lower()}">{text}</span>'
        case CellKind.STATE:
            tone = f" state--{escape_text(cell.tone)}" if cell.tone else ""
            return f'<span class="state{tone}">{escape_text(cell.text)}</span>'
        case CellKind.MOMENT if cell.at is not None:
            return str(time_elements.render_moment(cell.at))
        case CellKind.AGO if cell.at is not None:
            return str(time_elements.format_age(cell.at))
        case CellKind.BAR:
            return str(charts.draw_part_bar(cell.parts, cell.text, 140))
        case CellKind.CODE:
            return f'<span class="text-code">{text}</span>'
    if not cell.link:
        return text
    marked = ' class="text-link"' if whole or cell.kind is CellKind.NUMBER else ""
    away = ' rel="noreferrer"' if cell.link.startswith("http") else ""
    return f'<a{marked} href="{escape_text(cell.link)}"{away}>{text}</a>'
