"""Sources: the tenants that are collected, the live sources of logs and how they are, and what came in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from starlette.responses import Response

from nephoscope.ingest.live.health.health_table import HealthRow, read_rows
from nephoscope.ingest.live.source_kinds import load_source_kinds
from nephoscope.ingest.live.source_setup import find_source_error
from nephoscope.posture.scans.scan import read_last_scan_request
from nephoscope.state.estate.tenants import Tenant
from nephoscope.state.ingestion.ingested_files import IngestedFile
from nephoscope.state.ingestion.sources import Source
from nephoscope.web.forms.form import WRITE
from nephoscope.web.lists.ingestion_list import build_file_list, build_table_list
from nephoscope.web.lists.list_view import ListView, find_rows, show_rows
from nephoscope.web.lists.source_list import (
    ListedSource,
    build_log_source_list,
    build_tenant_list,
    describe_tenant_state,
)
from nephoscope.web.page_data.assessment_progress import explain_staleness, find_current_assessment
from nephoscope.web.tables.health_table import build_health_table
from nephoscope.web.tables.page_tables import PageTable, download_table
from nephoscope.web.visits.page import SAME, Page, PageArea
from nephoscope.web.visits.request_context import Visit

READ = "Nephoscope/sources/read"
ASSESSED = "Microsoft.Security/assessments/read"
FILES = (
    "File",
    "Workspace",
    "Format",
    "State",
    "Rows",
    "Quarantine",
    "Began",
    "Ended",
    "Bytes read",
    "Bytes",
)
SOURCES = ("Source", "Kind", "Workspace", "State", "Last arrival", "Backlog", "Dropped", "Error")
TENANTS = ("Tenant", "State", "Credential", "Scope", "Collected", "Interval", "Id", "Error")
MOST_FILES = 200
#: What the address calls the lists of the page -> their titles.
VIEWS = {"tenants": "Tenants", "sources": "Log sources", "tables": "Tables", "files": "Imported files"}


@dataclass(frozen=True, slots=True)
class FoundSources:
    """Sources that the visitor may see: tenants, log sources, the tables they fill, and imported files."""

    tenants: Sequence[Tenant]
    sources: Sequence[ListedSource]
    tables: Sequence[HealthRow]
    files: Sequence[IngestedFile]

    def list_rows(self, view: str) -> Sequence[object]:
        """Return the rows of a view."""
        every = {"tenants": self.tenants, "sources": self.sources, "tables": self.tables}
        return every.get(view, self.files)


def fill_page(visit: Visit) -> Mapping[str, object] | Response:
    """Fill the list that the address asks for: tenants, log sources, their tables, or imported files."""
    state, everywhere = visit.instance.state, visit.caller.is_permitted(READ, "/")
    readable = set(visit.workspaces(READ))
    health = [
        one for one in read_rows(state, visit.instance.now) if everywhere or one.health.workspace in readable
    ]
    files = state.ingested_files.list_newest(readable, MOST_FILES)
    whole = {one.health.source: one for one in health if not one.health.table}
    tables = [one for one in health if one.health.table]
    found = FoundSources(
        state.tenants.all() if everywhere else (),
        [_list_source(visit, one, whole.get(one.name)) for one in state.sources.all()] if everywhere else (),
        tables,
        files,
    )
    file = download_table(
        visit,
        "sources",
        {
            "tables": lambda: build_health_table(find_rows(visit, build_table_list(visit), tables).rows),
            "sources": lambda: PageTable(
                SOURCES, map(_build_source, find_rows(visit, build_log_source_list(visit), found.sources).rows)
            ),
            "tenants": lambda: PageTable(TENANTS, map(_build_tenant, find_rows(visit, build_tenant_list(visit), found.tenants).rows)),
            "files": lambda: PageTable(FILES, map(_build_file, find_rows(visit, build_file_list(MOST_FILES), files).rows)),
        },
    )  # fmt: skip
    if file is not None:
        return file
    shown = visit.get_query_value("show")
    if shown not in VIEWS:
        shown = next((one for one in VIEWS if found.list_rows(one)), "tenants")
    return {
        "list": _show_list(visit, found, shown),
        "shown": shown,
        "views": [(name, title, len(found.list_rows(name))) for name, title in VIEWS.items()],
        "any": bool(found.list_rows(shown)),
        "most_files": MOST_FILES,
        "everywhere": everywhere,
        "kinds": load_source_kinds(),
        "request": read_last_scan_request(visit.instance.data),
        "snapshot": visit.snapshot,
        "trouble": explain_staleness(visit.instance),
        "resources": visit.snapshot.inventory.count(visit.caller.find_reach(ASSESSED))
        if visit.snapshot
        else 0,
        "under_way": find_current_assessment(visit.instance),
        "may": visit.caller.is_permitted(WRITE, "/"),
    }


def _show_list(visit: Visit, found: FoundSources, shown: str) -> ListView:
    match shown:
        case "sources":
            logs = build_log_source_list(visit)
            return show_rows(visit, logs, find_rows(visit, logs, found.sources))
        case "tables":
            tables = build_table_list(visit)
            return show_rows(visit, tables, find_rows(visit, tables, found.tables))
        case "files":
            files = build_file_list(MOST_FILES)
            return show_rows(visit, files, find_rows(visit, files, found.files))
        case _:
            tenants = build_tenant_list(visit)
            return show_rows(visit, tenants, find_rows(visit, tenants, found.tenants))


def _list_source(visit: Visit, one: Source, known: HealthRow | None) -> ListedSource:
    health = known.health if known else None
    return ListedSource(one, health, find_source_error(visit.instance.state, one, health))


def _build_source(one: ListedSource) -> list[object]:
    health = one.health
    health_cells = [health.last_seen, health.lag, health.left_out] if health else ["", "", 0]
    return [one.source.name, one.source.kind, one.source.workspace, one.state, *health_cells, one.error]


def _build_tenant(one: Tenant) -> list[object]:
    at = one.connection
    scope = " ".join(at.subscriptions or at.management_groups)
    interval = f"{one.hours:g} h"
    return [
        one.name, describe_tenant_state(one), at.sign_in, scope, one.collected or "", interval, at.id, one.error,
    ]  # fmt: skip


def _build_file(one: IngestedFile) -> tuple[object, ...]:
    state = "whole" if one.finished else "partly"
    leading_cells = one.name, one.workspace, one.format, state, one.rows, one.bad, one.started
    return *leading_cells, one.finished or "", one.done, one.size


PAGE = Page("/sources", "Sources", "sources.html", READ, fill_page, PageArea.ESTATE, 0, under_scope=SAME)
