"""The list of a section of the settings: its columns follow what the section declares and what its rows hold."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from nephoscope.web.lists.list_cell import (
    ListCell,
    number_cell,
    relative_time_cell,
    state_cell,
    text_cell,
    time_cell,
)
from nephoscope.web.lists.list_heads import ListColumn
from nephoscope.web.lists.list_view import RowList
from nephoscope.web.lists.row_facets import RowFacet
from nephoscope.web.rendering.plain_words import plain_words, say_choice, say_name
from nephoscope.web.rendering.section_cells import cell_title, facet_values, name_scopes, name_words

if TYPE_CHECKING:
    from nephoscope.operations.declaration.operation_page import PageColumn, Row, SectionList
    from nephoscope.web.visits.request_context import Visit

#: The color of a state by its word.
_TONES = {
    "on": "pass", "active": "pass", "in force": "pass", "runs": "pass", "enabled": "pass", "failing": "error", "unsupported": "error",
    "refused": "error", "atRisk": "fail", "confirmedCompromised": "error", "confirmedSafe": "pass", "remediated": "pass",
}  # fmt: skip
_STATES = frozenset({"state", "status"})
#: How many characters a width has room for at most.
_FITTING = ((10, "short"), (14, "ago"))


@dataclass(frozen=True, slots=True)
class SectionRow:
    """A row of a section: `key` names it to operations, `title` to people; `item` is what the row was made of."""

    key: str
    title: str
    row: Row
    item: object


def section_list(
    visit: Visit,
    shown: SectionList,
    name: str,
    path_of: Callable[[SectionRow], str],
    every: Sequence[SectionRow],
) -> RowList[SectionRow]:
    """Return what the list of a section is of; `path_of` gives the page of a row."""
    titles = {one.name: one.title for one in shown.columns}
    return RowList(
        name, shown.noun, [_column(visit, shown, one, path_of, every) for one in shown.columns],
        lambda one: one.key, [_facet(shown, one, titles.get(one, name_words(one))) for one in shown.facets],
        lambda one: " ".join(map(cell_title, one.row.values())), several=shown.plural,
    )  # fmt: skip


def _facet(shown: SectionList, name: str, title: str) -> RowFacet[SectionRow]:
    return RowFacet(
        name,
        title,
        lambda one: facet_values(one.row[name]),
        say_choice if is_choice(shown, name) else say_name,
    )


def is_choice(shown: SectionList, name: str) -> bool:
    """Return whether a column holds values of an enumeration, which are said in words."""
    return name in shown.facets and name not in shown.names


def _column(
    visit: Visit,
    shown: SectionList,
    column: PageColumn,
    path_of: Callable[[SectionRow], str],
    every: Sequence[SectionRow],
) -> ListColumn[SectionRow]:
    main, choice = column is shown.columns[0], is_choice(shown, column.name)
    values = [one.row[column.name] for one in every]
    number = bool(values) and all(
        isinstance(one, int | float) and not isinstance(one, bool) for one in values
    )
    time = any(isinstance(one, datetime) for one in values)

    def cell(one: SectionRow) -> ListCell:
        if main:
            return text_cell(cell_title(one.row[column.name]) or one.title, path_of(one))
        return _cell(visit, column.name, one.row[column.name], choice=choice)

    width = "name" if main else "number" if number else "ago" if time else _fit_width(column, values)
    return ListColumn(
        column.name, column.title, cell, number=number, optional=column.optional, main=main, width=width
    )


def _fit_width(column: PageColumn, values: Sequence[object]) -> str:
    """Return the width of a column of short texts, so that those of long ones have the rest."""
    if column.name in _STATES:
        return "state"
    longest = max(map(len, (column.title, *map(cell_title, values))))
    return next((width for most, width in _FITTING if longest <= most), "")


def _cell(visit: Visit, name: str, value: object, *, choice: bool) -> ListCell:
    if isinstance(value, datetime):
        return relative_time_cell(value) if value <= datetime.now(value.tzinfo) else time_cell(value)
    if isinstance(value, int | float) and not isinstance(value, bool):
        return number_cell(value)
    text = cell_title(value)
    if name in _STATES:
        return state_cell(say_choice(text), _TONES.get(text, ""))
    said = say_choice(text) if choice else plain_words(text)
    return text_cell(str(name_scopes(visit, said)), whole=said)
