"""Suppressions: what is held back, by whom, why and until when, how many alerts each held back; and ending one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime

from starlette.responses import Response

from nephoscope.alerts.incidents.alert_visibility import READ as ALERTS
from nephoscope.service.rules import READ as RULES
from nephoscope.service.suppressions import WRITE, end_suppression
from nephoscope.state.database.etag import parse_etag
from nephoscope.state.incidents.incidents import IncidentAction
from nephoscope.state.rules.suppressions import ANY_RULE, StoredSuppression
from nephoscope.web.forms.form import apply_form, read_requested_act
from nephoscope.web.forms.optimistic_lock import FormConflict
from nephoscope.web.forms.trial_forms import load_rules
from nephoscope.web.lists.list_view import FoundRows, RowList, find_rows, show_rows
from nephoscope.web.lists.row_markup import PREVIEW
from nephoscope.web.lists.suppression_list import ListedSuppression, build_suppression_list
from nephoscope.web.page_data.suppressed_rule_counts import READ
from nephoscope.web.rendering.formatting import SUPPRESSION_STATES as STATES
from nephoscope.web.rendering.suppression_choices import describe
from nephoscope.web.tables.table_download import build_csv_response
from nephoscope.web.visits.page import SAME, Page, PageArea
from nephoscope.web.visits.request_context import Visit

HEADER = (
    "State",
    "Suppression",
    "Condition",
    "Rule",
    "Reason",
    "Comment",
    "By",
    "Since",
    "Until",
    "Suppressed",
    "Id",
)


def fill_page(visit: Visit) -> Mapping[str, object] | Response:
    """Fill the list; a form that comes back ends one of them."""
    workspace = visit.workspace(READ)
    if visit.request.method == "POST":
        return apply_form(
            lambda: _end_suppression(visit, workspace),
            lambda error: _show_suppressions(visit, workspace, refused=error),
            lambda: _build_changes(visit, workspace),
        )
    if visit.get_query_value("format") == "csv":
        return build_csv_response(
            "suppressions", HEADER, map(_build_row, _find_suppressions(visit, workspace)[1].rows)
        )
    return _show_suppressions(visit, workspace)


def _find_suppressions(
    visit: Visit, workspace: str
) -> tuple[RowList[ListedSuppression], FoundRows[ListedSuppression]]:
    """Find what the filters of the address leave; a link of another page may ask for one, or for those of a rule."""
    at = f"/workspaces/{workspace}"
    wanted = build_suppression_list(
        visit,
        workspace,
        alerts=visit.caller.is_permitted(ALERTS, at),
        rules=visit.caller.is_permitted(RULES, at),
    )
    rule, id_ = visit.get_query_value("rule"), visit.get_query_value("id")
    every = [
        one
        for one in _list_suppressions(visit, workspace)
        if (not rule or one.stored.rule in (rule, ANY_RULE)) and (not id_ or one.stored.id == id_)
    ]
    return wanted, find_rows(visit, wanted, every)


def _show_suppressions(visit: Visit, workspace: str, refused: str = "") -> dict[str, object]:
    wanted, found = _find_suppressions(visit, workspace)
    beside = next((one for one in found.rows if one.stored.id == visit.get_query_value(PREVIEW)), None)
    return {
        "workspace": workspace, "list": show_rows(visit, wanted, found), "refused": refused, "overtaken": None,
        "any": bool(found.rows or visit.instance.state.suppressions.all(workspace)), "done": visit.get_query_value("done"),
        "beside": beside if visit.caller.is_permitted(WRITE, f"/workspaces/{workspace}") else None,
    }  # fmt: skip


def _list_suppressions(visit: Visit, workspace: str) -> Iterator[ListedSuppression]:
    """All of the workspace: those in force first, of them the one that ends first; then those that ended last."""
    state, now, rules = visit.instance.state, visit.instance.now, load_rules(visit, workspace)
    held = state.alerts.count_suppressed_alerts(workspace)
    for one in sorted(state.suppressions.all(workspace), key=lambda one: _build_sort_key(one, now)):
        rule = rules.get(one.rule)
        name = rule.name if rule else "All rules" if one.rule == ANY_RULE else one.rule
        yield ListedSuppression(
            one, STATES[one.status(now)], name, rule.id if rule else "",
            describe(one.conditions), describe(one.conditions, whole=True), held.get(one.id, 0),
        )  # fmt: skip


def _build_sort_key(one: StoredSuppression, now: datetime) -> tuple[int, float]:
    at = list(STATES).index(one.status(now))
    if one.status(now) == "Enabled":
        return at, one.expires.timestamp() if one.expires else float("inf")
    return at, -one.changed.timestamp()


def _build_row(one: ListedSuppression) -> Sequence[object]:
    kept = one.stored
    until = kept.expires.isoformat() if kept.expires else "no end date"
    leading_cells = (one.state, kept.name, one.holds, one.rule, kept.reason, kept.comment, kept.author)
    return *leading_cells, kept.created.isoformat(), until, one.held, kept.id


def _end_suppression(visit: Visit, workspace: str) -> str:
    """End a suppression now; OvertakenError where somebody changed it after the page was drawn."""
    read_requested_act(visit, "end")
    ended = end_suppression(visit.service, workspace, visit.form.get("id", ""), visit.form.get("etag", ""))
    return visit.build_address(done=ended.name)


def _build_changes(visit: Visit, workspace: str) -> FormConflict:
    """Return who changed the suppression after the page was drawn."""
    since, id_ = parse_etag(visit.form.get("etag", "")), visit.form.get("id", "")
    return FormConflict(
        [
            IncidentAction(one.moment, one.author, "changed it")
            for one in visit.instance.state.tuning_changes.all(workspace)
            if one.subject == id_ and (since is None or one.moment > since)
        ]
    )


PAGE = Page(
    "/suppressions",
    "Suppressions",
    "suppressions.html",
    READ,
    fill_page,
    PageArea.DETECTION,
    32,
    ("GET", "POST"),
    anywhere=True,
    under_scope=SAME,
)
