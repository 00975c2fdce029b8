"""The list of resources that could send logs and sent none."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nephoscope.ingest.live.health.missing_logs import MissingLogs
from nephoscope.web.lists.column_headers import ListColumn
from nephoscope.web.lists.column_kinds import relative_time_column, text_column
from nephoscope.web.lists.list_cell import ListCell, text_cell
from nephoscope.web.lists.list_view import RowList
from nephoscope.web.lists.row_facets import RowFacet
from nephoscope.web.rendering.formatting import short_name
from nephoscope.web.rendering.resource_type_names import name_type

if TYPE_CHECKING:
    from nephoscope.web.visits.request_context import Visit


def build_missing_log_list(visit: Visit) -> RowList[MissingLogs]:
    """Describe the list."""

    def title(one: MissingLogs) -> ListCell:
        name = visit.subscriptions.get(one.resource.rsplit("/", 1)[-1].lower()) or short_name(one.resource)
        return text_cell(name, visit.link(f"/resource{one.resource}"), whole=one.resource)

    return RowList(
        "missing-logs", "resource",
        (
            ListColumn("resource", "Resource", title, main=True),
            text_column("type", "Type", lambda one: name_type(one.type)),
            text_column("reason", "Reason", lambda one: one.reason),
            text_column("setting", "Setting", lambda one: one.setting, width="ago"),
            relative_time_column("last", "Last row", lambda one: one.last, "never"),
        ),
        lambda one: one.resource,
        (
            RowFacet("reason", "Reason", lambda one: (one.reason,)),
            RowFacet("type", "Type", lambda one: (one.type,), name_type),
        ),
        lambda one: f"{one.resource} {one.reason}", hint="Resource or reason contains",
    )  # fmt: skip
