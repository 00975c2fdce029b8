"""Adaptive network hardening: rules that are wider than the traffic; one with its narrower rules, what they cut, and their request."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from starlette.responses import Response

from nephoscope.estate.rule_text import format_ranges
from nephoscope.posture.exposure.network_queries import name_definition
from nephoscope.posture.published.findings import FindingQuery, ListedFinding
from nephoscope.service.network_rules import ENFORCE, WRITE, find_open_request, request_rule_change
from nephoscope.state import NotFoundError, StateError
from nephoscope.web.forms.form import apply_form, read_requested_act
from nephoscope.web.lists.hardening_list import build_hardening_list, describe_state
from nephoscope.web.lists.list_view import find_rows, show_rows
from nephoscope.web.page_data.hardening_proposals import HardeningRow, list_proposals
from nephoscope.web.tables.table_download import build_csv_response
from nephoscope.web.visits.page import Page
from nephoscope.web.visits.request_context import Visit
from nephoscope_policy.model.state import ComplianceState

if TYPE_CHECKING:
    from nephoscope.posture.published.published_snapshot import PublishedSnapshot

RECOMMENDATION = name_definition("vm-network-hardening")
READ = "Microsoft.Security/adaptiveNetworkHardenings/read"
COLUMNS = (
    "Machine",
    "Address",
    "Security rule",
    "State",
    "Open before",
    "Open after",
    "Flows blocked",
    "Obstacle",
)
_ASSESSED = (ComplianceState.COMPLIANT, ComplianceState.NON_COMPLIANT)
_RULES = ("Access", "Protocol", "Ports", "Sources")
_CUT = ("Source", "Protocol", "Port", "Flows", "Last", "Reason")
#: Findings that are read, and machines that the page names.
MOST_FINDINGS, MOST_NAMED = 100_000, 5


def fill_page(visit: Visit) -> Mapping[str, object] | Response:
    """Fill the list."""
    snapshot = visit.snapshot
    if snapshot is None:
        return {"snapshot": None}
    wanted, rows = build_hardening_list(visit), list_proposals(snapshot, visit.reach(READ))
    found = find_rows(visit, wanted, rows)
    if visit.get_query_value("format") == "csv":
        return build_csv_response("network-hardening", COLUMNS, map(_list_cells, found.rows))
    findings = _list_findings(visit, snapshot)
    unknown = [
        (one.resource.rsplit("/", 1)[-1], one.explanation)
        for one in findings
        if one.state is ComplianceState.UNKNOWN
    ]
    return {
        "snapshot": snapshot,
        "list": show_rows(visit, wanted, found),
        "any": bool(rows),
        "unknown": unknown[:MOST_NAMED],
        "unknown_count": len(unknown),
        "assessed": sum(one.state in _ASSESSED for one in findings),
        "recommendation": RECOMMENDATION,
    }


def _list_cells(row: HardeningRow) -> tuple[object, ...]:
    one = row.proposal
    return (
        row.machine,
        one.address,
        one.rule,
        describe_state(row),
        one.open_before,
        one.open_after,
        one.cut_flow_count,
        one.obstacle,
    )


def _list_findings(visit: Visit, snapshot: PublishedSnapshot) -> list[ListedFinding]:
    """Return the findings of machines, those that could not be judged with the reason."""
    wanted = FindingQuery(recommendations=frozenset((RECOMMENDATION,)))
    return list(snapshot.findings.page(visit.reach(READ), wanted, most=MOST_FINDINGS))


def show_proposal(visit: Visit) -> Mapping[str, object] | Response:
    """Show a proposal; a form that comes back requests its rules."""
    if visit.snapshot is None:
        return {"snapshot": None}
    row = _find_proposal(visit, visit.snapshot)
    if visit.request.method == "POST":
        return apply_form(
            lambda: _request_enforcement(visit, row), lambda refused: _show_proposal(visit, row, refused)
        )
    if visit.get_query_value("format") == "csv" and visit.get_query_value("table") == "rules":
        return build_csv_response(f"network-hardening-{row.name}-rules", _RULES, _list_rules(row))
    if visit.get_query_value("format") == "csv":
        cut = row.proposal.cut_flows
        cells = ((one.source, one.protocol, one.port, one.flows, one.last, one.reason) for one in cut)
        return build_csv_response(f"network-hardening-{row.name}", _CUT, cells)
    return _show_proposal(visit, row)


def _list_rules(row: HardeningRow) -> Iterator[tuple[str, str, str, str]]:
    """Yield the proposed rules: those that allow, and the one that denies the rest."""
    allowed = row.proposal.allowed
    for one in allowed:
        yield "Allow", one.protocol.upper(), ", ".join(format_ranges(one.ports)), ", ".join(one.sources)
    yield (
        ("Deny", "", "the rest of the rule", "everybody else") if allowed
        else ("Deny", "", "all ports of the rule", "everybody")
    )  # fmt: skip


def _find_proposal(visit: Visit, snapshot: PublishedSnapshot) -> HardeningRow:
    name = visit.parameters["name"]
    for row in list_proposals(snapshot, visit.caller.find_reach(READ)):
        if row.key == name:
            return row
    raise NotFoundError(f"proposal {name[:100]!r} not found, or you cannot access it")


def _show_proposal(visit: Visit, row: HardeningRow, refused: str = "") -> dict[str, object]:
    one = row.proposal
    return {
        "snapshot": visit.snapshot, "row": row, "proposal": one, "refused": refused, "done": visit.get_query_value("done"),
        "allowed": [(each.protocol.upper(), ", ".join(format_ranges(each.ports)), each.sources) for each in one.allowed],
        "waiting": find_open_request(visit.service, row.change) if one.security_rules else None,
        "may": visit.caller.is_permitted(ENFORCE, row.machine.lower())
        and visit.caller.is_permitted(WRITE, one.group.lower()),
    }  # fmt: skip


def _request_enforcement(visit: Visit, row: HardeningRow) -> str:
    read_requested_act(visit, "enforce")
    if not row.proposal.security_rules:
        raise StateError(f"these rules cannot be enforced: {row.proposal.obstacle}")
    if find_open_request(visit.service, row.change) is not None:
        raise StateError("these rules are already requested: open the pending request")
    title = "Adaptive network hardening"
    request_rule_change(visit.service, ENFORCE, row.machine.lower(), title, [row.change])
    return visit.build_address(done="enforce")


PAGES = (
    Page("/network/hardening", "Adaptive network hardening", "network_hardening.html", READ, fill_page),
    Page(
        "/network/hardening/{name}", "Hardening proposal", "network_hardening_proposal.html", READ, show_proposal,
        methods=("GET", "POST"),
    ),
)  # fmt: skip
