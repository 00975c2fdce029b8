"""Sources: the tenants that are collected, the live sources of logs and how they are, and what came in."""

from __future__ import annotations

from collections.abc import Mapping

from starlette.responses import Response

from nephoscope.ingest.live.health.health_table import HealthRow, rows
from nephoscope.ingest.live.source_kinds import kinds
from nephoscope.ingest.live.source_setup import find_source_error
from nephoscope.posture.scans.scan import last_request
from nephoscope.state.estate.tenants import Tenant
from nephoscope.state.ingestion.ingested_files import IngestedFile
from nephoscope.state.ingestion.sources import Source
from nephoscope.web.forms.form import WRITE
from nephoscope.web.page_data.assessment_progress import trouble, under_way
from nephoscope.web.tables.health_table import health_table
from nephoscope.web.tables.page_tables import PageTable, file_of
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
MOST_FILES = 200


def fill_page(visit: Visit) -> Mapping[str, object] | Response:
    """Return what the page shows."""
    state, everywhere = visit.instance.state, visit.caller.may(READ, "/")
    readable = set(visit.workspaces(READ))
    health = [
        one for one in rows(state, visit.instance.now) if everywhere or one.health.workspace in readable
    ]
    files = state.ingested_files.newest(readable, MOST_FILES)
    whole = {one.health.source: one for one in health if not one.health.table}
    tables = {
        "tables": lambda: health_table(one for one in health if one.health.table),
        "sources": lambda: _sources(visit, whole),
        "tenants": lambda: _tenants(visit),
        "files": lambda: PageTable(FILES, map(_file, files)),
    }
    if (file := file_of(visit, "sources", tables)) is not None:
        return file
    return {
        "tenants": state.tenants.all() if everywhere else (),
        "sources": [(one, whole.get(one.name), _error(visit, one, whole)) for one in state.sources.all()]
        if everywhere
        else (),
        "everywhere": everywhere,
        "kinds": kinds(),
        "tables": [one for one in health if one.health.table],
        "files": files,
        "most_files": MOST_FILES,
        "request": last_request(visit.instance.data),
        "snapshot": visit.snapshot,
        "trouble": trouble(visit.instance),
        "resources": visit.snapshot.inventory.count(visit.caller.reach(ASSESSED)) if visit.snapshot else 0,
        "under_way": under_way(visit.instance),
        "may": visit.caller.may(WRITE, "/"),
    }


def _error(visit: Visit, source: Source, whole: Mapping[str, HealthRow]) -> str:
    known = whole.get(source.name)
    return find_source_error(visit.instance.state, source, known.health if known else None)


def _sources(visit: Visit, whole: Mapping[str, HealthRow]) -> PageTable:
    """The sources as they were set up, each with how it is as a whole."""
    found = visit.instance.state.sources.all() if visit.caller.may(READ, "/") else ()
    header = ("Source", "Kind", "Workspace", "State", "Last arrival", "Backlog", "Dropped", "Error")
    return PageTable(header, (_source(visit, one, whole) for one in found))


def _source(visit: Visit, one: Source, whole: Mapping[str, HealthRow]) -> list[object]:
    error, health = _error(visit, one, whole), whole[one.name].health if one.name in whole else None
    state = "failing" if error else "on"
    told = [health.last_seen, health.lag, health.left_out] if health else ["", "", 0]
    return [one.name, one.kind, one.workspace, state if one.enabled else "paused", *told, error]


def _tenants(visit: Visit) -> PageTable:
    found = visit.instance.state.tenants.all() if visit.caller.may(READ, "/") else ()
    header = ("Tenant", "State", "Credential", "Scope", "Collected", "Interval", "Id", "Error")
    return PageTable(header, (
        [one.name, _find_standing(one), one.connection.sign_in,
         " ".join(one.connection.subscriptions or one.connection.management_groups), one.collected or "",
         f"{one.hours:g} h", one.connection.id, one.error]
        for one in found
    ))  # fmt: skip


def _find_standing(one: Tenant) -> str:
    if not one.enabled:
        return "paused"
    return "failing" if one.error else "on" if one.collected else "waiting for the first collection"


def _file(one: IngestedFile) -> tuple[object, ...]:
    state = "whole" if one.finished else "partly"
    told = one.name, one.workspace, one.format, state, one.rows, one.bad, one.started
    return *told, one.finished or "", one.done, one.size


PAGE = Page("/sources", "Sources", "sources.html", READ, fill_page, PageArea.ESTATE, 0, under_scope=SAME)
