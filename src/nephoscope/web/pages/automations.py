"""Automations: what is told when something changes, what came of it last, and every run with its reason."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from starlette.responses import Response

from nephoscope.service.automations import WRITE
from nephoscope.state.automation.run_status import RunFilter, RunLine
from nephoscope.state.workspaces.workspace import DEFAULT
from nephoscope.web.lists.automation_list import (
    RUNS,
    build_automation_list,
    build_run_facets,
    build_run_filter,
    build_run_list,
    describe_scopes,
)
from nephoscope.web.lists.list_view import ROWS, ListView, find_rows, show_page, show_rows
from nephoscope.web.lists.page_offset import compute_page_start
from nephoscope.web.lists.query_facets import count_facets, read_chosen_values
from nephoscope.web.page_data.automation_list import (
    READ,
    AutomationListing,
    list_all_automations,
    select_readable_automations,
)
from nephoscope.web.tables.page_tables import PageTable, download_table
from nephoscope.web.visits.page import SAME, Page, PageArea
from nephoscope.web.visits.request_context import Visit

MOST_CSV = 100_000


def fill_page(visit: Visit) -> Mapping[str, object] | Response:
    """Return what the page shows: the automations, or the runs where the address asks for them."""
    rules, within = select_readable_automations(list_all_automations(visit.instance), visit.caller)
    names = {one.key: one.name for one in rules}
    wanted, facets = build_automation_list(visit), build_run_facets(names)
    found = find_rows(visit, wanted, rules)
    which = build_run_filter(visit, read_chosen_values(visit, facets), within)
    runs = visit.instance.state.run_standings
    tables = {
        "automations": lambda: _build_rules(visit, found.rows),
        "runs": lambda: _build_runs(
            runs.page(which, most=MOST_CSV, order=visit.get_query_value("sort")), names
        ),
    }
    if (file := download_table(visit, "automations", tables)) is not None:
        return file
    shows_runs = visit.get_query_value("show") == RUNS or bool(which.rules or which.statuses)
    return {
        "shows_runs": shows_runs, "any": bool(rules), "statuses": runs.count_by_status(within), "default": DEFAULT,
        "list": _list_runs(visit, names, which) if shows_runs else show_rows(visit, wanted, found),
        "may": visit.caller.is_permitted(WRITE, "/"),
        "whole": within is None, "dead": next((one for one in rules if one.runs.dead), None),
    }  # fmt: skip


def _list_runs(visit: Visit, names: Mapping[str, str], which: RunFilter) -> ListView:
    runs, facets, start = (
        visit.instance.state.run_standings,
        build_run_facets(names),
        compute_page_start(visit),
    )
    counted = count_facets(
        visit,
        facets,
        lambda name, chosen: runs.count_by_column(build_run_filter(visit, chosen, which.within), name),
    )
    page = runs.page(which, start=start, most=ROWS, order=visit.get_query_value("sort"))
    return show_page(
        visit,
        build_run_list(names),
        page,
        counted,
        sum(runs.count_by_column(which, "status").values()),
        start,
    )


def _build_rules(visit: Visit, rules: Iterable[AutomationListing]) -> PageTable:
    header = (
        "Name",
        "Trigger",
        "Actions",
        "Scope",
        "Status",
        "Last run",
        "Waiting",
        "Failed",
        "Error",
        "Kind",
        "Runs",
        "Id",
    )
    rows = (
        (one.name, "; ".join(one.triggers), "; ".join(one.does), describe_scopes(visit, one), one.status,
         one.runs.last.isoformat() if one.runs.last else "", one.runs.open, one.runs.dead, one.reason, one.kind,
         one.runs.runs, one.key)
        for one in rules
    )  # fmt: skip
    return PageTable(header, rows)


def _build_runs(runs: Iterable[RunLine], names: Mapping[str, str]) -> PageTable:
    rows = (
        (names.get(one.rule, one.rule), one.changed.isoformat(), one.kind, one.subject, one.status.value, one.attempts,
         one.detail, one.id, one.workspace, one.action)
        for one in runs
    )  # fmt: skip
    header = (
        "Name",
        "Changed",
        "Event",
        "Entities",
        "Status",
        "Attempts",
        "Result",
        "ID",
        "Workspace",
        "Action",
    )
    return PageTable(header, rows)


PAGE = Page(
    "/automations",
    "Automations",
    "automations.html",
    READ,
    fill_page,
    PageArea.ESTATE,
    80,
    under_scope=SAME,
)
