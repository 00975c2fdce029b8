"""Rules: how each stands, those that need somebody first; one rule with its query and its last runs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from starlette.responses import RedirectResponse, Response

from nephoscope.alerts.library.active import active_rules
from nephoscope.alerts.overview import overview
from nephoscope.alerts.rule import Rule
from nephoscope.alerts.rules import shipped
from nephoscope.lake.state import MissingError
from nephoscope.lake.state.rule_switches import RULE
from nephoscope.web.download import as_csv
from nephoscope.web.page import SAME, Area, Page
from nephoscope.web.pages.recommendations import page_start
from nephoscope.web.visit import Visit

READ, WRITE = "Microsoft.SecurityInsights/alertRules/read", "Microsoft.SecurityInsights/alertRules/write"
ROWS = 100
_CSV = ("rule", "status", "kind", "every", "lastRun", "nextRun", "rows", "alerts", "seconds", "error")


def _rules(visit: Visit, workspace: str) -> dict[str, Rule]:
    state = visit.instance.state
    found = active_rules(visit.instance.data, shipped(), state.rule_switches.of(workspace))
    return {one.id: one for one in found.rules}


def filled(visit: Visit) -> Mapping[str, Any] | Response:
    """The list."""
    workspace = visit.workspace(READ)
    rows = overview(visit.instance.state, workspace, _rules(visit, workspace).values(), visit.instance.now)
    counts = Counter(row["status"] for row in rows)
    wanted, text = visit.several("status"), visit.asked("q").casefold()
    shown = [
        row for row in rows if (not wanted or row["status"] in wanted) and text in row["rule"].casefold()
    ]
    if visit.asked("format") == "csv":
        return as_csv("rules", _CSV, ([row[name] for name in _CSV] for row in shown))
    start = page_start(visit)
    return {
        "workspace": workspace,
        "rules": shown[start : start + ROWS],
        "total": len(shown),
        "start": start,
        "rows": ROWS,
        "counts": counts,
        "chosen": wanted,
        "text": visit.asked("q"),
    }


def one(visit: Visit) -> Mapping[str, Any] | Response:
    """One rule; a form that comes back switches it."""
    workspace = visit.workspace(READ)
    rule = _rules(visit, workspace).get(visit.parameters["id"].lower())
    if rule is None:
        raise MissingError(f"there is no rule {visit.parameters['id'][:100]} in the workspace {workspace}")
    if visit.request.method == "POST":
        visit.caller.must(WRITE, f"/workspaces/{workspace}")
        _switched(visit, workspace, rule)
        return RedirectResponse(visit.here(), 303)
    (standing,) = overview(visit.instance.state, workspace, [rule], visit.instance.now)
    return {
        "workspace": workspace,
        "rule": rule,
        "standing": standing,
        "may": visit.caller.may(WRITE, f"/workspaces/{workspace}"),
        "logs": visit.link("/logs", query=rule.query, workspace=workspace) if len(rule.query) < 6000 else "",
    }


def _switched(visit: Visit, workspace: str, rule: Rule) -> None:
    on = visit.form.get("act") == "on"
    state = visit.instance.state
    state.rule_switches.put(workspace, RULE, [rule.id], visit.instance.now, visit.caller.name, enabled=on)
    with state.transaction() as session:
        state.audit.add(
            session, visit.caller.name, WRITE, rule.name, address=visit.caller.address, detail={"enabled": on}
        )


PAGES = (
    Page("/rules", "Rules", "rules.html", READ, filled, Area.DETECTION, 30, anywhere=True, under_scope=SAME),
    Page("/rules/{id}", "Rule", "rule.html", READ, one, methods=("GET", "POST"), anywhere=True),
)
