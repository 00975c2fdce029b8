"""Cells of lists as HTML: made here and not by a template, which takes several times as long for the cells of a page."""

from __future__ import annotations

from markupsafe import Markup, escape

from nephoscope.web.lists.list_cell import CellKind, ListCell
from nephoscope.web.rendering import time_elements

_TITLED = frozenset({CellKind.TEXT, CellKind.CODE, CellKind.STATE})


def draw_cell(cell: ListCell, *, whole: bool = False) -> Markup:
    """Draw what a cell says; as a `whole` where there is room for it, as in the preview."""
    text = escape(cell.whole if whole and cell.whole else cell.text)
    drawn = _draw_text(cell, text, whole=whole)
    if cell.note:
        drawn += f" <small>{escape(cell.note)}</small>"
    for mark in cell.marks:
        title = f' title="{escape(mark.title)}"' if mark.title else ""
        tone = f" state--{escape(mark.tone)}" if mark.tone else ""
        drawn += f' <span class="state{tone}"{title}>{escape(mark.text)}</span>'
    return Markup(drawn)  # noqa: S704 - escaped above


def _draw_text(cell: ListCell, text: str, *, whole: bool) -> str:
    match cell.kind:
        case CellKind.SEVERITY:
            return f'<span class="severity severity--{str(text).lower()}">{text}</span>'
        case CellKind.STATE:
            tone = f" state--{escape(cell.tone)}" if cell.tone else ""
            return f'<span class="state{tone}">{escape(cell.text)}</span>'
        case CellKind.MOMENT if cell.at is not None:
            return str(time_elements.moment(cell.at))
        case CellKind.AGO if cell.at is not None:
            return str(time_elements.ago(cell.at))
        case CellKind.CODE:
            return f'<span class="text-code">{text}</span>'
    if not cell.link:
        return str(text)
    marked = ' class="text-link"' if whole or cell.kind is CellKind.NUMBER else ""
    return f'<a{marked} href="{escape(cell.link)}">{text}</a>'


def draw_column(cell: ListCell, classes: str, below: str = "") -> Markup:
    """Draw a cell in its column; `classes` is the attribute, `below` what stands below a title on narrow screens."""
    title = ""
    if cell.kind in _TITLED and not cell.is_empty:
        told = f"{cell.whole or cell.text} {cell.note}" if cell.note else cell.whole or cell.text
        title = f' title="{escape(told)}"'
    under = f'<span class="data-list__sub">{escape(below)}</span>' if below else ""
    return Markup(f"<td {classes}{title}>{draw_cell(cell)}{under}</td>")  # noqa: S704 - escaped above
