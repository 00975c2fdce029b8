"""The list of attack paths: how grave each is, what it leads through, and why it is one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nephoscope.posture.published.attack_paths import PathRow
from nephoscope.web.lists.column_headers import ListColumn
from nephoscope.web.lists.column_kinds import build_text_column
from nephoscope.web.lists.list_cell import ListCell, build_text_cell
from nephoscope.web.lists.list_view import RowList
from nephoscope.web.lists.row_facets import RowFacet
from nephoscope.web.lists.severity_column import build_severity_column, build_severity_facet

if TYPE_CHECKING:
    from nephoscope.web.visits.request_context import Visit


def build_path_list(visit: Visit) -> RowList[PathRow]:
    """Describe the list."""

    def build_title_cell(one: PathRow) -> ListCell:
        return build_text_cell(one.title, visit.link(f"/attack-paths/{one.name}"))

    return RowList(
        "attack-paths", "attack path",
        (
            build_severity_column(lambda one: one.level.value, "Risk"),
            ListColumn("title", "Path", build_title_cell, main=True, width="title"),
            build_text_column("way", "Through", lambda one: " → ".join(each.name for each in one.entities)),
            ListColumn("target", "Target", lambda one: build_text_cell(one.target.name, note=one.target.kind), optional=True,
            shown=False),
            build_text_column("entry", "Entry point", lambda one: one.entry.name, shown=False),
            build_text_column("category", "Category", lambda one: ", ".join(one.categories)),
        ),
        lambda one: one.name,
        (
            build_severity_facet(lambda one: one.level.value, "Risk", "level"),
            RowFacet("category", "Category", lambda one: one.categories),
            RowFacet("factor", "Risk factor", lambda one: one.factors),
            RowFacet("target", "Target", lambda one: (one.target.kind,)),
            RowFacet("entry", "Entry point", lambda one: (one.entry.name,)),
        ),
        about_of=lambda one: one.story, hint="Path, resource or account",
    )  # fmt: skip
