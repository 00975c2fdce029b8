"""Sources: the tenants that are collected, the live sources of logs and how they are, and what came in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from starlette.responses import Response

from nephoscope.lake.state.ingested_files import IngestedFile
from nephoscope.posture.scan import last_request
from nephoscope.sources.live.catalogue import kinds
from nephoscope.sources.live.health.table import Row, rows
from nephoscope.sources.live.setting_up import error_of
from nephoscope.web.download import as_csv
from nephoscope.web.form import WRITE
from nephoscope.web.page import SAME, Area, Page
from nephoscope.web.progress import trouble, under_way
from nephoscope.web.visit import Visit

READ = "Nephoscope/sources/read"
ASSESSED = "Microsoft.Security/assessments/read"
HEADER = (
    "Source", "Table", "Workspace", "Status", "Rows", "Last hour", "Usual", "Delay (s)", "Quarantine", "Left to read",
    "Left out", "Last event", "Last arrival", "What is wrong",
)  # fmt: skip
FILES = ("File", "Workspace", "Format", "Rows", "Quarantine", "Bytes taken", "Bytes", "Began", "Ended")
MOST_FILES = 200


def filled(visit: Visit) -> Mapping[str, Any] | Response:
    """What the page shows."""
    state, everywhere = visit.instance.state, visit.caller.may(READ, "/")
    readable = set(visit.workspaces(READ))
    health = [
        one for one in rows(state, visit.instance.now) if everywhere or one.health.workspace in readable
    ]
    if visit.asked("format") == "csv":
        return as_csv("sources", HEADER, map(_row, health))
    files = state.ingested_files.newest(readable, MOST_FILES)
    if visit.asked("format") == "files":
        return as_csv("files", FILES, map(_file, files))
    whole = {one.health.source: one for one in health if not one.health.table}
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
        "edition": visit.edition,
        "trouble": trouble(visit.instance),
        "resources": visit.edition.inventory.count(visit.caller.reach(ASSESSED)) if visit.edition else 0,
        "under_way": under_way(visit.instance),
        "may": visit.caller.may(WRITE, "/"),
    }


def _error(visit: Visit, source: Any, whole: Mapping[str, Row]) -> str:
    known = whole.get(source.name)
    return error_of(visit.instance.state, source, known.health if known else None)


def _file(one: IngestedFile) -> tuple[Any, ...]:
    return (
        one.name, one.workspace, one.format, one.rows, one.bad, one.done, one.size, one.started, one.finished or "",
    )  # fmt: skip


def _row(one: Row) -> tuple[Any, ...]:
    health = one.health
    return (
        health.source, health.table, health.workspace, one.status, health.rows, one.last_hour, one.expected, one.delay,
        round(one.bad_share, 4), health.lag, health.left_out, health.last_event, health.last_seen, one.detail,
    )  # fmt: skip


PAGE = Page("/sources", "Sources", "sources.html", READ, filled, Area.ESTATE, 0, under_scope=SAME)
