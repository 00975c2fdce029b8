"""Automations: what is told when something changes, what came of it last, and every run with its reason."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from starlette.responses import Response

from nephoscope.state.automation.automation_runs import RunStatus
from nephoscope.state.automation.run_status import RunLine
from nephoscope.state.workspaces.workspace import DEFAULT
from nephoscope.web.lists.page_start import page_start
from nephoscope.web.page_data.automation_list import READ, AutomationListing, asked_rules, seen_rules
from nephoscope.web.tables.page_tables import PageTable, file_of
from nephoscope.web.visits.page import SAME, Page, PageArea
from nephoscope.web.visits.request_context import Visit

ROWS, MOST_CSV = 100, 100_000


def fill_page(visit: Visit) -> Mapping[str, object] | Response:
    """Return what the page shows."""
    standings = visit.instance.state.run_standings
    rules, within = seen_rules(asked_rules(visit.instance), visit.caller)
    names = {one.key: one.name for one in rules}
    rule = visit.asked("rule")
    statuses = frozenset(one for one in RunStatus if one.value in visit.several("status"))
    tables = {
        "automations": lambda: _rules(visit, rules),
        "runs": lambda: _runs(standings.newest(rule, statuses, within, most=MOST_CSV), names),
    }
    if (file := file_of(visit, "automations", tables)) is not None:
        return file
    start = page_start(visit)
    return {
        "rules": rules, "names": names, "chosen": statuses, "statuses": standings.by_status(within), "default": DEFAULT,
        "runs": standings.newest(rule, statuses, within, start=start, most=ROWS),
        "total": standings.count(rule, statuses, within), "whole": within is None, "start": start, "rows": ROWS,
        "dead": next((one for one in rules if one.runs.dead), None),
        "where": lambda one: _where(visit, one),
    }  # fmt: skip


def _where(visit: Visit, one: AutomationListing) -> str:
    return ", ".join(visit.named(scope) for scope in one.where)


def _rules(visit: Visit, rules: Iterable[AutomationListing]) -> PageTable:
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
        (one.name, "; ".join(one.told), "; ".join(one.does), _where(visit, one), one.status,
         one.runs.last.isoformat() if one.runs.last else "", one.runs.open, one.runs.dead, one.reason, one.kind,
         one.runs.runs, one.key)
        for one in rules
    )  # fmt: skip
    return PageTable(header, rows)


def _runs(runs: Iterable[RunLine], names: Mapping[str, str]) -> PageTable:
    rows = (
        (one.changed.isoformat(), names.get(one.rule, one.rule), one.action, one.kind, one.subject, one.status.value, one.attempts,
         one.detail, one.id, one.workspace)
        for one in runs
    )  # fmt: skip
    header = (
        "Changed",
        "Name",
        "Action",
        "Event",
        "Entities",
        "Status",
        "Attempts",
        "Result",
        "ID",
        "Workspace",
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
