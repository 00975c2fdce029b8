"""Rules: how each stands, those that need somebody first; one rule with its query, its alerts, its trials and its tuning."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from starlette.responses import RedirectResponse, Response

from nephoscope.alerts.incidents.alert_visibility import READ as ALERTS
from nephoscope.alerts.rules.rule import AnalyticRule, RuleKind
from nephoscope.alerts.scheduling.rule_overview import build_overview
from nephoscope.alerts.tuning.active_suppressions import SuppressionsInForce
from nephoscope.service.rules import READ, WRITE, switch_rules
from nephoscope.service.suppressions import WRITE as SUPPRESS
from nephoscope.state import StateError
from nephoscope.state.incidents.alert_counts import AlertTally
from nephoscope.state.incidents.alert_filter import AlertFilter
from nephoscope.state.rules.rule_switches import RULE
from nephoscope.web.forms import trial_forms
from nephoscope.web.forms.form import apply_form
from nephoscope.web.forms.trial_forms import find_rule, load_rules
from nephoscope.web.lists.list_view import find_rows, show_rows
from nephoscope.web.lists.rule_list import ListedRule, build_rule_list, name_status
from nephoscope.web.page_data.suppressed_rule_counts import READ as SUPPRESSIONS
from nephoscope.web.tables.page_tables import download_table
from nephoscope.web.tables.rule_tables import build_tables
from nephoscope.web.tables.table_download import build_csv_response
from nephoscope.web.visits.page import SAME, Page, PageArea
from nephoscope.web.visits.request_context import SPANS, Visit

NEWEST = 25
#: Head of a column of the file -> what stands in it; those of the page come first.
_CSV = {
    "Status": "status", "Rule": "rule", "Severity": "severity", "Frequency": "every", "Last run": "lastRun",
    "Alerts, {during}": "alerts",
    "False positives": "closedFalse", "Seconds": "seconds", "Error": "error", "Kind": "kind", "Next run": "nextRun",
    "Rows of the last run": "lastRows", "Alerts of the last run": "lastAlerts", "Suppressed alerts": "held",
    "Suppressed": "suppressed", "Closed": "closed", "Id": "id",
}  # fmt: skip


def fill_page(visit: Visit) -> Mapping[str, object] | Response:
    """The list."""
    workspace = visit.workspace(READ)
    every, wanted = _list_rules(visit, workspace), build_rule_list(visit, workspace)
    found = find_rows(visit, wanted, every)
    if visit.get_query_value("format") == "csv":
        heads = [one.format(during=SPANS[visit.span][0].lower()) for one in _CSV]
        return build_csv_response(
            "rules", heads, ([one.row[name] for name in _CSV.values()] for one in found.rows)
        )
    return {
        "workspace": workspace,
        "list": show_rows(visit, wanted, found),
        "suppressions": len(
            SuppressionsInForce.load(visit.instance.state, workspace, visit.instance.now).all
        ),
        "during": SPANS[visit.span][0].lower(),
    }


def _list_rules(visit: Visit, workspace: str) -> list[ListedRule]:
    """The rules of a workspace with their alerts of the time range, those that need somebody first."""
    rules = load_rules(visit, workspace)
    tallies = visit.instance.state.alert_tallies.count_by_rule(workspace, visit.since)
    return [
        _make_row(row, tallies.get(row["id"], AlertTally()), rules[row["id"]])
        for row in build_overview(visit.instance.state, workspace, rules.values(), visit.instance.now)
    ]


def _make_row(row: Mapping[str, Any], tally: AlertTally, rule: AnalyticRule) -> ListedRule:
    """A row of the list; what its last run gave is named so."""
    counts = {"alerts": tally.raised, "held": tally.held, "closed": tally.closed, "closedFalse": tally.false}
    last = {"lastRows": row["rows"], "lastAlerts": row["alerts"]}
    return ListedRule(
        rule, row["status"], row["suppressed"], row["lastRun"], row["nextRun"], row["seconds"], row["error"], tally,
        {**row, **last, **counts, "severity": rule.severity.value},
    )  # fmt: skip


def show_rule(visit: Visit) -> Mapping[str, object] | Response:
    """One rule; a form that comes back switches it, has it tried, or takes back what was tuned."""
    workspace = visit.workspace(READ)
    rule = find_rule(visit, workspace)
    if visit.request.method == "POST":
        return apply_form(
            lambda: _apply_form(visit, workspace, rule),
            lambda error: _show_rule(visit, workspace, rule, error),
        )
    may_see = visit.caller.is_permitted(ALERTS, f"/workspaces/{workspace}")
    files = build_tables(visit.instance.state, workspace, rule, alerts=may_see)
    if (file := download_table(visit, "rule", files)) is not None:
        return file
    return _show_rule(visit, workspace, rule)


def _show_rule(visit: Visit, workspace: str, rule: AnalyticRule, refused: str = "") -> dict[str, object]:
    state, at = visit.instance.state, f"/workspaces/{workspace}"
    (standing,) = build_overview(state, workspace, [rule], visit.instance.now)
    may_see = visit.caller.is_permitted(ALERTS, at)
    return {
        "workspace": workspace,
        "rule": rule,
        "refused": refused,
        "standing": standing,
        "status_name": name_status(standing["status"]),
        "in_force": SuppressionsInForce.load(state, workspace, visit.instance.now).select_for_rule(rule.id),
        "reads_suppressions": visit.caller.is_permitted(SUPPRESSIONS, at),
        "may_suppress": visit.caller.is_permitted(SUPPRESS, at),
        "during": SPANS[visit.span][0].lower(),
        "may": visit.caller.is_permitted(WRITE, at),
        "may_see": may_see,
        "alerts": state.alerts.list_alerts(
            workspace, AlertFilter(rules=frozenset({rule.id}), held=True), most=NEWEST
        )
        if may_see
        else [],
        "tally": state.alert_tallies.count_by_rule(workspace, visit.since, rule.id).get(
            rule.id, AlertTally()
        ),
        "logs": visit.link("/logs", query=rule.query, workspace=workspace) if len(rule.query) < 6000 else "",
        "scheduled": rule.kind is not RuleKind.HUNTING,
        **trial_forms.show_trials(visit, workspace, rule),
    }


def _apply_form(visit: Visit, workspace: str, rule: AnalyticRule) -> str:
    """Do what a form asks for; the address that it leads to."""
    act = visit.form.get("act", "")
    if act in trial_forms.ACTS:
        return trial_forms.apply_act(visit, workspace, rule, act)
    if act not in ("on", "off"):
        raise StateError(f"unknown action '{act[:40]}' for a rule")
    switch_rules(visit.service, workspace, {RULE: [rule.id]}, enabled=act == "on")
    return visit.build_address()


def fill_trial_page(visit: Visit) -> Mapping[str, object] | Response:
    """One trial of a rule: how far it is, or what came of it; a form that comes back stops it, or has its advice followed."""
    workspace = visit.workspace(READ)
    rule = find_rule(visit, workspace)
    if visit.request.method == "POST":
        act = visit.form.get("act", "")
        return RedirectResponse(trial_forms.decide_trial(visit, workspace, rule, act), 303)
    return trial_forms.build_page(visit, workspace, rule)


PAGES = (
    Page(
        "/rules",
        "Rules",
        "rules.html",
        READ,
        fill_page,
        PageArea.DETECTION,
        30,
        anywhere=True,
        timed=True,
        under_scope=SAME,
    ),
    Page(
        "/rules/{id}",
        "Rule",
        "rule.html",
        READ,
        show_rule,
        methods=("GET", "POST"),
        anywhere=True,
        timed=True,
    ),
    Page(
        "/rules/{id}/trials/{trial}",
        "Rule replay",
        "trial.html",
        READ,
        fill_trial_page,
        methods=("GET", "POST"),
        anywhere=True,
    ),
)
