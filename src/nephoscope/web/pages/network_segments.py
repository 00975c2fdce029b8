"""Network segments: the plan with its matrix, what violates it, and the generated block with its requests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import msgspec
from starlette.responses import Response

from nephoscope.protect.segments.segment_flows import list_missing_flows, read_span
from nephoscope.service import segment_plans as service
from nephoscope.service.network_rules import WRITE as WRITE_RULES
from nephoscope.service.segment_plans import READ, WRITE, StoredPlan, TenantSegments
from nephoscope.web.forms.form import apply_form, read_requested_act
from nephoscope.web.forms.optimistic_lock import compute_form_digest, require_unchanged_state
from nephoscope.web.lists.list_view import find_rows, show_rows
from nephoscope.web.lists.segment_list import build_segment_list
from nephoscope.web.page_data.segment_rows import (
    MatrixCell,
    SegmentRow,
    build_matrix,
    list_observed_flows,
    list_open,
)
from nephoscope.web.tables.page_tables import PageTable, download_table
from nephoscope.web.visits.page import SAME, Page
from nephoscope.web.visits.request_context import LOGS, SPANS, Visit

HEADER = ("Evidence", "From", "To", "Source", "Target", "Ports", "Rules or flows", "Last flow")
#: Requests of blocks that the page shows.
MOST_RUNS = 5
EXAMPLE = """segments:
  web: {tags: {tier: web}}
  data: {subnets: [/subscriptions/…/subnets/data]}
  office: {addresses: [10.9.0.0/16]}
allowed:
- {from: web, to: data, protocol: tcp, ports: [1433]}
"""


class BlockedGroup(NamedTuple):
    """The rules that a block puts into a security group, as JSON."""

    group: str
    number: int
    rules: str


def fill_page(visit: Visit) -> Mapping[str, object] | Response:
    """Fill the page; a form that comes back changes the plan or requests the block."""
    if visit.request.method == "POST":
        return apply_form(lambda: _apply_form(visit), lambda refused: _show_segments(visit, refused))
    return _show_segments(visit)


def _apply_form(visit: Visit) -> str:
    asked = read_requested_act(visit, "save", "remove", "request")
    if asked == "request":
        service.request_block(visit.service)
        return visit.build_address(done=asked)
    with require_unchanged_state(visit, lambda: _format_plan_state(service.read_plan(visit.service))):
        if asked == "save":
            service.put_plan(visit.service, visit.form.get("plan", "").replace("\r\n", "\n"))
        else:
            service.remove_plan(visit.service)
    return visit.build_address(done=asked)


def _format_plan_state(stored: StoredPlan | None) -> str:
    """Return what the form of the plan is drawn of."""
    return stored.text if stored else ""


def _show_segments(visit: Visit, refused: str = "") -> Mapping[str, object] | Response:
    stored = service.read_plan(visit.service)
    form = {
        "text": visit.form.get("plan", _format_plan_state(stored)) if refused else _format_plan_state(stored) or EXAMPLE,
        "etag": compute_form_digest(visit, _format_plan_state(stored)), "stored": stored, "refused": refused,
        "done": visit.get_query_value("done"),
        "may_write": visit.caller.is_permitted(WRITE), "plan": stored.plan if stored else None,
    }  # fmt: skip
    if stored is None or stored.plan is None:
        return form
    several, days = service.evaluate_plan(visit.service), max(SPANS[visit.span][1].days, 1)
    rows = [*list_open(several), *list_observed_flows(visit, stored.plan, several, days)]
    wanted = build_segment_list(visit)
    found = find_rows(visit, wanted, rows)
    matrix = build_matrix(stored.plan, rows)
    tables = {"violations": lambda: _list_rows(found.rows), "matrix": lambda: _list_matrix(matrix)}
    if (file := download_table(visit, "segments", tables)) is not None:
        return file
    return {
        **form, "list": show_rows(visit, wanted, found), "any": bool(rows), "matrix": matrix,
        "groups": [one for each in several for one in _list_groups(each)], "runs": service.list_blocks(visit.service)[:MOST_RUNS],
        "obstacles": [one.obstacle for one in several if one.obstacle], "missing": _list_missing_data(visit, several, days),
        "left": _list_uncovered_machines(several, translated=False), "translated": _list_uncovered_machines(several, translated=True),
        "estates": len(several), "days": days, "requested": service.is_block_requested(visit.service, several), "may_request": all(
            visit.caller.is_permitted(WRITE_RULES, change.group) for one in several for change in one.changes
        ),
    }  # fmt: skip


def _list_uncovered_machines(several: Sequence[TenantSegments], *, translated: bool) -> list[str]:
    """The machines with violations that no rule of a block closes."""
    left = (each for one in several if one.block for each in one.block.left if each.translated is translated)
    return list(dict.fromkeys(each.target.name for each in left))


def _list_groups(one: TenantSegments) -> list[BlockedGroup]:
    return [
        BlockedGroup(
            each.group,
            len(each.rules),
            msgspec.json.format(msgspec.json.encode(each.rules), indent=2).decode(),
        )
        for each in one.changes
    ]


def _list_missing_data(visit: Visit, several: Sequence[TenantSegments], days: int) -> list[str]:
    """Return what was not collected of machines, and which days no flow log covers."""
    found = [what for one in several for what in one.analysis.missing]
    for workspace in visit.workspaces(LOGS):
        first, last = read_span(
            visit.instance.lake, days, visit.rows(workspace), workspace, visit.instance.now
        )
        found += list_missing_flows(visit.instance.now, days, first, last, 0)
    return list(dict.fromkeys(found))


def _list_rows(rows: Sequence[SegmentRow]) -> PageTable:
    return PageTable(
        HEADER,
        (
            (one.kind, one.source_segment, one.target_segment, one.source, one.target, one.ports, one.evidence,
             one.last.isoformat() if one.last else "")
            for one in rows
        ),
    )  # fmt: skip


def _list_matrix(matrix: Sequence[tuple[str, Sequence[MatrixCell]]]) -> PageTable:
    cells = (one for _, several in matrix for one in several if one.source != one.target)
    rows = ((one.source, one.target, "; ".join(one.allowed), one.violations) for one in cells)
    return PageTable(("From", "To", "Allowed", "Violations"), rows)


PAGES = (
    Page(
        "/network/segments", "Network segments", "network_segments.html", READ, fill_page, methods=("GET", "POST"), tenant=True,
        timed=True, queries=lambda _: True, under_scope=SAME,
    ),
)  # fmt: skip
