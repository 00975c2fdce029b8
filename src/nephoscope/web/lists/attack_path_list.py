"""The list of attack paths: how grave each is, what it leads through, and why it is one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nephoscope.posture.published.attack_paths import PathRow
from nephoscope.web.lists.column_headers import ListColumn
from nephoscope.web.lists.column_kinds import text_column
from nephoscope.web.lists.list_cell import ListCell, text_cell
from nephoscope.web.lists.list_view import RowList
from nephoscope.web.lists.row_facets import RowFacet
from nephoscope.web.lists.severity_column import severity_column, severity_facet

if TYPE_CHECKING:
    from nephoscope.web.visits.request_context import Visit


def build_path_list(visit: Visit) -> RowList[PathRow]:
    """Describe the list."""

    def title(one: PathRow) -> ListCell:
        return text_cell(one.title, visit.link(f"/attack-paths/{one.name}"))

    return RowList(
        "attack-paths", "attack path",
        (
            severity_column(lambda one: one.level.value, "Risk"),
            ListColumn("title", "Path", title, main=True, width="title"),
            text_column("way", "Through", lambda one: " → ".join(each.name for each in one.entities)),
            ListColumn("target", "Target", lambda one: text_cell(one.target.name, note=one.target.kind), optional=True, shown=False),
            text_column("entry", "Entry point", lambda one: one.entry.name, shown=False),
            text_column("category", "Category", lambda one: ", ".join(one.categories)),
        ),
        lambda one: one.name,
        (
            severity_facet(lambda one: one.level.value, "Risk", "level"),
            RowFacet("category", "Category", lambda one: one.categories),
            RowFacet("factor", "Risk factor", lambda one: one.factors),
            RowFacet("target", "Target", lambda one: (one.target.kind,)),
            RowFacet("entry", "Entry point", lambda one: (one.entry.name,)),
        ),
        about_of=lambda one: one.story,
    )  # fmt: skip
