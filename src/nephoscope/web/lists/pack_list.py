"""The list of what an imported pack holds: rules, queries and functions with their status, and files that were refused."""

from __future__ import annotations

from collections.abc import Mapping

from nephoscope.web.lists.column_headers import ListColumn
from nephoscope.web.lists.column_kinds import text_column
from nephoscope.web.lists.list_cell import ListCell, code_cell, state_cell, text_cell
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
            text_column("kind", "Kind", lambda one: row_words(one, "kind"), width="state"),
            ListColumn("name", "Name", _build_title_cell, main=True, width="title"),
            ListColumn("status", "Status", _build_status_cell),
            text_column("tables", "Tables", lambda one: row_words(one, "tables")),
            ListColumn("file", "File", lambda one: code_cell(row_words(one, "file")), optional=True),
            text_column("version", "Version", lambda one: row_words(one, "version"), shown=False),
            text_column("needs", "Needs", lambda one: row_words(one, "needs"), shown=False),
            text_column("notes", "Notes", lambda one: row_words(one, "notes"), shown=False),
        ),
        lambda one: f"{one['file']} {one['name']}",
        (
            RowFacet("standing", "Status", lambda one: (row_words(one, "standing"),), str.capitalize),
            RowFacet("kind", "Kind", lambda one: (row_words(one, "kind"),)),
        ),
        lambda one: f"{one['name']} {one['file']}", hint="Name or file contains",
        about_of=lambda one: row_words(one, "notes", "; "),
    )  # fmt: skip


def row_words(row: PackRow, name: str, between: str = ", ") -> str:
    """Return a value of a row as text, several with something between."""
    value = row[name]
    return between.join(map(str, value)) if isinstance(value, list) else str(value)


def _build_title_cell(one: PackRow) -> ListCell:
    return text_cell(row_words(one, "name"), note=row_words(one, "version"))


def _build_status_cell(one: PackRow) -> ListCell:
    standing = row_words(one, "standing")
    if standing in _TONES:
        why = row_words(one, "status").partition(": ")[2]
        return state_cell(standing, _TONES[standing], note=why, whole=row_words(one, "status"))
    return text_cell(row_words(one, "status"))
