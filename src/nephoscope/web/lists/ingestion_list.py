"""The lists of what came in: the tables of sources with their health, and files that were imported."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nephoscope.model.resource_names import shorten_name
from nephoscope.state.ingestion.ingested_files import IngestedFile
from nephoscope.web.lists.column_headers import ListColumn
from nephoscope.web.lists.column_kinds import (
    build_number_column,
    build_relative_time_column,
    build_text_column,
    build_time_column,
)
from nephoscope.web.lists.list_cell import ListCell, build_number_cell, build_state_cell, build_text_cell
from nephoscope.web.lists.list_view import RowList
from nephoscope.web.lists.row_facets import RowFacet
from nephoscope.web.rendering.formatting import format_duration

if TYPE_CHECKING:
    from nephoscope.ingest.live.health.health_table import HealthRow
    from nephoscope.web.visits.request_context import Visit


def build_table_list(visit: Visit) -> RowList[HealthRow]:
    """Describe the list of the tables that sources fill; a table leads to its rows."""

    def build_title_cell(one: HealthRow) -> ListCell:
        rows = f"{one.health.table} | take 100"
        return build_text_cell(
            one.health.table, visit.link("/logs", workspace=one.health.workspace, query=rows), note=one.detail
        )

    def delay(one: HealthRow) -> ListCell:
        return build_number_cell(one.delay, text="" if one.delay is None else format_duration(one.delay))

    return RowList(
        "ingested-tables", "table",
        (
            ListColumn("table", "Table", build_title_cell, main=True),
            build_text_column("source", "From", lambda one: one.health.source),
            ListColumn("state", "State", _build_table_state, width="state"),
            build_number_column("rows", "Rows", lambda one: one.health.rows),
            build_number_column("hour", "Last hour", lambda one: one.last_hour, optional=False),
            build_number_column("expected", "Expected", lambda one: one.expected),
            ListColumn("delay", "Delay", delay, number=True, optional=True, hint="Time from event to ingestion, last day"),
            ListColumn("bad", "Quarantine", _build_rejected_share_cell, number=True, optional=True,
                       hint="Share of records not parsed, last day"),
            build_relative_time_column("event", "Last event", lambda one: one.health.last_event),
            build_text_column("workspace", "Workspace", lambda one: one.health.workspace, shown=False),
        ),
        lambda one: f"{one.health.workspace} {one.health.source} {one.health.table}",
        (
            RowFacet("state", "State", lambda one: ("normal" if one.status == "ok" else "needs attention",), str.capitalize),
            RowFacet("from", "Source", lambda one: (one.health.source,)),
            RowFacet("workspace", "Workspace", lambda one: (one.health.workspace,)),
        ),
        lambda one: f"{one.health.table} {one.health.source} {one.detail}", hint="Table, source or problem",
        about_of=lambda one: one.detail,
    )  # fmt: skip


def build_file_list(most: int) -> RowList[IngestedFile]:
    """Describe the list of imported files, of which there are the newest `most`."""
    return RowList(
        "imported-files", "file",
        (
            ListColumn("file", "File", lambda one: build_text_cell(shorten_name(one.name), whole=one.name), main=True),
            build_text_column("workspace", "Workspace", lambda one: one.workspace, width="short"),
            build_text_column("format", "Format", lambda one: one.format or "recognized", width="ago"),
            ListColumn("state", "State", _build_file_state, width="state"),
            build_number_column("rows", "Rows", lambda one: one.rows, optional=False),
            build_number_column("bad", "Quarantine", lambda one: one.bad),
            build_relative_time_column("began", "Began", lambda one: one.started),
            build_time_column("ended", "Ended", lambda one: one.finished, shown=False),
        ),
        lambda one: f"{one.workspace} {one.identity}",
        (
            RowFacet("state", "State", lambda one: ("complete" if one.finished else "incomplete",), str.capitalize),
            RowFacet("as", "Format", lambda one: (one.format,)),
            RowFacet("workspace", "Workspace", lambda one: (one.workspace,)),
        ),
        lambda one: f"{one.name} {one.format}", hint=f"Name or format of the newest {most} contains",
    )  # fmt: skip


def _build_table_state(one: HealthRow) -> ListCell:
    if one.status == "ok":
        return build_state_cell("normal", "pass")
    return build_state_cell(one.status, "error", whole=one.detail)


def _build_rejected_share_cell(one: HealthRow) -> ListCell:
    return build_number_cell(one.bad_share, text=f"{one.bad_share * 100:.1f} %")


def _build_file_state(one: IngestedFile) -> ListCell:
    if one.finished:
        return build_state_cell("complete", "pass")
    share = one.done / one.size if one.size else 0.0
    return build_state_cell(f"{share:.0%} read", whole=f"{one.done:,} of {one.size:,} bytes")
