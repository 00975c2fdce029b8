"""The list of what an imported pack holds: rules, queries and functions with their status, and files that were refused."""

from __future__ import annotations

from collections.abc import Mapping

from nephoscope.web.lists.column_headers import ListColumn
from nephoscope.web.lists.column_kinds import build_text_column
from nephoscope.web.lists.list_cell import ListCell, build_code_cell, build_state_cell, build_text_cell
from nephoscope.web.lists.list_view import RowList
from nephoscope.web.lists.row_facets import RowFacet

#: What `content_listing.rows` says of a piece.
PackRow = Mapping[str, object]
_TONES = {"runs": "pass", "unsupported": "error", "refused": "error"}


def build_pack_list() -> RowList[PackRow]:
    """Describe the list."""
    return RowList(
        "pack", "piece",
        (
            build_text_column("kind", "Kind", lambda one: format_row_value(one, "kind"), width="state"),
            ListColumn("name", "Name", _build_title_cell, main=True, width="title"),
            ListColumn("status", "Status", _build_status_cell),
            build_text_column("tables", "Tables", lambda one: format_row_value(one, "tables")),
            ListColumn("file", "File", lambda one: build_code_cell(format_row_value(one, "file")), optional=True),
            build_text_column("version", "Version", lambda one: format_row_value(one, "version"), shown=False),
            build_text_column("needs", "Needs", lambda one: format_row_value(one, "needs"), shown=False),
            build_text_column("notes", "Notes", lambda one: format_row_value(one, "notes"), shown=False),
        ),
        lambda one: f"{one['file']} {one['name']}",
        (
            RowFacet("standing", "Status", lambda one: (format_row_value(one, "standing"),), str.capitalize),
            RowFacet("kind", "Kind", lambda one: (format_row_value(one, "kind"),)),
        ),
        lambda one: f"{one['name']} {one['file']}", hint="Name or file",
        about_of=lambda one: format_row_value(one, "notes", "; "),
    )  # fmt: skip


def format_row_value(row: PackRow, name: str, between: str = ", ") -> str:
    """Return a value of a row as text, several with something between."""
    value = row[name]
    return between.join(map(str, value)) if isinstance(value, list) else str(value)


def _build_title_cell(one: PackRow) -> ListCell:
    return build_text_cell(format_row_value(one, "name"), note=format_row_value(one, "version"))


def _build_status_cell(one: PackRow) -> ListCell:
    standing = format_row_value(one, "standing")
    if standing in _TONES:
        why = format_row_value(one, "status").partition(": ")[2]
        return build_state_cell(standing, _TONES[standing], note=why, whole=format_row_value(one, "status"))
    return build_text_cell(format_row_value(one, "status"))
