"""The list of resources that could send logs and sent none."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nephoscope.ingest.live.health.missing_logs import MissingLogs
from nephoscope.model.resource_names import shorten_name
from nephoscope.web.lists.column_headers import ListColumn
from nephoscope.web.lists.column_kinds import build_relative_time_column, build_text_column
from nephoscope.web.lists.list_cell import ListCell, build_text_cell
from nephoscope.web.lists.list_view import RowList
from nephoscope.web.lists.row_facets import RowFacet
from nephoscope.web.rendering.resource_type_names import name_type

if TYPE_CHECKING:
    from nephoscope.web.visits.request_context import Visit


def build_missing_log_list(visit: Visit) -> RowList[MissingLogs]:
    """Describe the list."""

    def build_title_cell(one: MissingLogs) -> ListCell:
        name = visit.subscriptions.get(one.resource.rsplit("/", 1)[-1].lower()) or shorten_name(one.resource)
        return build_text_cell(name, visit.link(f"/resource{one.resource}"), whole=one.resource)

    return RowList(
        "missing-logs", "resource",
        (
            ListColumn("resource", "Resource", build_title_cell, main=True),
            build_text_column("type", "Type", lambda one: name_type(one.type)),
            build_text_column("reason", "Reason", lambda one: one.reason),
            build_text_column("setting", "Setting", lambda one: one.setting, width="ago"),
            build_relative_time_column("last", "Last row", lambda one: one.last, "never"),
        ),
        lambda one: one.resource,
        (
            RowFacet("reason", "Reason", lambda one: (one.reason,)),
            RowFacet("type", "Type", lambda one: (one.type,), name_type),
        ),
        lambda one: f"{one.resource} {one.reason}", hint="Resource or reason",
    )  # fmt: skip
