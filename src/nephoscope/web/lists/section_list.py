"""The list of a section of the settings: its columns follow what the section declares and what its rows hold."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from markupsafe import Markup, escape

from nephoscope.geolocation.packaged_data import load_country_names
from nephoscope.web.lists.cell_markup import draw_cell
from nephoscope.web.lists.column_headers import ListColumn
from nephoscope.web.lists.list_cell import (
    ListCell,
    build_number_cell,
    build_relative_time_cell,
    build_severity_cell,
    build_state_cell,
    build_text_cell,
    build_time_cell,
)
from nephoscope.web.lists.list_view import RowList
from nephoscope.web.lists.row_facets import RowFacet
from nephoscope.web.rendering.readable_text import humanize_choice, humanize_members, humanize_name
from nephoscope.web.rendering.section_cells import (
    facet_values,
    format_cell,
    format_cell_title,
    name_scope,
    name_scopes,
    name_words,
)
from nephoscope_policy.model.state import Severity

if TYPE_CHECKING:
    from nephoscope.operations.declaration.operation_page import PageColumn, Row, SectionList
    from nephoscope.web.visits.request_context import Visit

#: The color of a state by its word.
_TONES = {
    "on": "pass", "active": "pass", "in force": "pass", "runs": "pass", "enabled": "pass", "failing": "error", "unsupported": "error",
    "refused": "error", "blocked": "pass", "notEnforced": "error", "atRisk": "fail", "confirmedCompromised": "error",
    "confirmedSafe": "pass", "remediated": "pass",
}  # fmt: skip
#: A SHA-256, of which a list shows the first digits.
_DIGEST = re.compile(r"[0-9a-f]{64}")
_STATES = frozenset({"state", "status"})
_SEVERITIES = frozenset(one.value for one in Severity)
#: The columns of ISO codes of countries, which are shown by their names: one code, and several with a network each.
_COUNTRY, _PLACES = "country", "places"
_SCOPE = "scope"
_YES_OR_NO = frozenset({"yes", "no"})
_CODE = re.compile(r"(?:(?<=^)|(?<=, ))[A-Z]{2}(?= |,|$)")
#: Columns whose values are severities, of a risk too.
_LEVELS = frozenset({"severity", "level", "riskLevel"})


@dataclass(frozen=True, slots=True)
class SectionRow:
    """A row of a section: `key` names it to operations, `title` to people; `item` is what the row was made of."""

    key: str
    title: str
    row: Row
    item: object


def build_section_list(
    visit: Visit,
    shown: SectionList,
    name: str,
    path_of: Callable[[SectionRow], str],
    every: Sequence[SectionRow],
) -> RowList[SectionRow]:
    """Return what the list of a section is of; `path_of` gives the page of a row."""
    titles = {one.name: one.title for one in shown.columns}
    return RowList(
        name, shown.noun, [_build_column(visit, shown, one, path_of, every) for one in shown.columns],
        lambda one: one.key, [_build_facet(shown, one, titles.get(one, name_words(one))) for one in shown.facets],
        lambda one: " ".join(map(format_cell_title, one.row.values())), several=shown.plural, hint="Any column",
    )  # fmt: skip


def _build_facet(shown: SectionList, name: str, title: str) -> RowFacet[SectionRow]:
    return RowFacet(
        name,
        title,
        lambda one: facet_values(one.row[name]),
        _humanize_country
        if name == _COUNTRY
        else humanize_choice
        if is_choice(shown, name)
        else humanize_name,
    )


def _humanize_country(code: str) -> str:
    return load_country_names().get(code, code)


def is_choice(shown: SectionList, name: str) -> bool:
    """Return whether a column holds values of an enumeration, which are said in words."""
    return name in shown.facets and name not in shown.names


def _build_column(
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

    def build_cell(one: SectionRow) -> ListCell:
        if main:
            text = format_cell_title(one.row[column.name]) or one.title
            return build_text_cell(
                f"{text[:16]}…" if _DIGEST.fullmatch(text) else text, path_of(one), whole=text
            )
        return build_section_cell(visit, column.name, one.row[column.name], choice=choice)

    width = (
        "name"
        if main
        else "number"
        if number
        else "ago"
        if time
        else "state"
        if column.name in _STATES
        else ""
    )
    return ListColumn(
        column.name, column.title, build_cell, number=number, optional=column.optional, main=main, width=width
    )


def build_section_cell(visit: Visit, name: str, value: object, *, choice: bool) -> ListCell:
    """Return the cell of a value of a named column; a `choice` is a value of an enumeration."""
    if isinstance(value, datetime):
        return (
            build_relative_time_cell(value) if value <= datetime.now(value.tzinfo) else build_time_cell(value)
        )
    if isinstance(value, int | float) and not isinstance(value, bool):
        return build_number_cell(value)
    text = format_cell_title(value)
    if name in _STATES:
        return build_state_cell(humanize_choice(text), _TONES.get(text, ""))
    if name in _LEVELS and text.capitalize() in _SEVERITIES:
        return build_severity_cell(text.capitalize())
    if name == _COUNTRY:
        return build_text_cell(_humanize_country(text))
    if name == _PLACES:
        return build_text_cell(_CODE.sub(lambda found: _humanize_country(found[0]), text))
    if name == _SCOPE:
        return build_text_cell(name_scope(visit, text), whole=text)
    said = humanize_choice(text) if choice or text in _YES_OR_NO else humanize_members(text)
    return build_text_cell(str(name_scopes(visit, said)), whole=said)


def draw_value(visit: Visit, name: str, value: object, *, choice: bool = False) -> Markup:
    """Draw a value as the list does, but whole and with the time itself."""
    if isinstance(value, Mapping) or (
        isinstance(value, list | tuple) and value and isinstance(value[0], Mapping)
    ):
        return Markup('<span class="text-code">{}</span>').format(format_cell_title(value))
    if isinstance(value, datetime | list | tuple):
        return escape(format_cell(value))
    if name == _SCOPE:
        text = format_cell_title(value)
        return Markup('<span title="{}">{}</span>').format(text, name_scope(visit, text))
    return draw_cell(build_section_cell(visit, name, value, choice=choice), whole=True)
