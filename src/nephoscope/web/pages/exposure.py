"""Internet exposure: what the Internet reaches, from where, by which path and rule; why the rest is closed."""

from __future__ import annotations

from collections.abc import Mapping

from starlette.responses import Response

from nephoscope.posture.exposure.exposure_rows import OPEN, ExposureRow
from nephoscope.web.lists.exposure_list import build_exposure_list
from nephoscope.web.lists.list_view import find_rows, show_rows
from nephoscope.web.tables.table_download import build_csv_response
from nephoscope.web.visits.page import Page, PageArea
from nephoscope.web.visits.request_context import Visit

READ = "Microsoft.Security/assessments/read"
COLUMNS = ("Open to", "Resource", "Protocol", "Ports", "Sources", "Path", "Rules", "Reason")


def fill_page(visit: Visit) -> Mapping[str, object] | Response:
    """Fill the list."""
    snapshot = visit.snapshot
    if snapshot is None:
        return {"snapshot": None}
    wanted, rows = build_exposure_list(visit), snapshot.internet_exposures.rows(visit.reach(READ))
    found = find_rows(visit, wanted, rows)
    if visit.get_query_value("format") == "csv":
        return build_csv_response("internet-exposure", COLUMNS, map(_list_cells, found.rows))
    return {
        "snapshot": snapshot,
        "list": show_rows(visit, wanted, found),
        "any": bool(rows),
        "resources": len({one.resource.lower() for one in rows if one.state == OPEN}),
    }


def _list_cells(row: ExposureRow) -> tuple[str, ...]:
    rules = " ".join(row.rules)
    return row.state, row.resource, row.protocol, row.ports, row.sources, row.path, rules, row.why


PAGES = (
    Page(
        "/exposure",
        "Internet exposure",
        "exposure.html",
        READ,
        fill_page,
        PageArea.POSTURE,
        6,
    ),
)
