"""Machines: the fleet with the health of its agents, and the enrolment of more machines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec
from starlette.responses import HTMLResponse, RedirectResponse, Response

from nephoscope.operations.declaration.operation import Operation
from nephoscope.operations.declaration.operation_page import OperationForm
from nephoscope.operations.protect import agents as operations
from nephoscope.operations.protect.agents import EnrolmentCode, EnrolmentName
from nephoscope.service import agents as service
from nephoscope.service.agents import DELETE, WRITE
from nephoscope.state import StateError
from nephoscope.state.database.state_errors import TransientError
from nephoscope.state.hosts.agents import AgentEnrolment
from nephoscope.web.forms import operation_form
from nephoscope.web.forms.form import read_requested_act
from nephoscope.web.lists.list_view import find_rows, show_rows
from nephoscope.web.lists.machine_list import BASELINE_WORDS, build_machine_list
from nephoscope.web.page_data.machine_fleet import (
    NOT_ENROLLED,
    READ,
    FleetMachine,
    count_machines,
    list_machines,
)
from nephoscope.web.rendering.templates import draw_template
from nephoscope.web.tables.page_tables import PageTable, download_table
from nephoscope.web.tables.table_download import build_csv_response
from nephoscope.web.visits.page import SAME, Page, PageArea
from nephoscope.web.visits.request_context import Visit

HEADER = (
    "Machine", "Type", "Agent", "Last heartbeat", "Agent version", "Operating system", "Baseline", "Pending updates", "Open alerts",
    "Not seen", "Id",
)  # fmt: skip
_ENROL = "/machines/enrol"
_FORM = OperationForm(
    "Create enrolment code",
    choices={"workspace": lambda call: {one: one for one in call.state.workspaces.names()}},
)


def fill_page(visit: Visit) -> Mapping[str, object] | Response:
    """Fill the list."""
    every, wanted = list_machines(visit), build_machine_list(visit)
    found = find_rows(visit, wanted, every)
    if visit.get_query_value("format") == "csv":
        return build_csv_response("machines", HEADER, map(_build_row, found.rows))
    counts = count_machines(every)
    return {
        "list": show_rows(visit, wanted, found), "any": bool(every), "snapshot": visit.snapshot, "counts": counts,
        "enrolled": len(every) - counts[NOT_ENROLLED], "may_enrol": visit.caller.is_permitted(WRITE, "/"),
    }  # fmt: skip


def _build_row(one: FleetMachine) -> tuple[object, ...]:
    agent = one.agent
    return (
        one.name, one.type, one.status, agent.seen.isoformat() if agent and agent.seen else "", agent.version if agent else "",
        agent.os_name if agent else "", BASELINE_WORDS.get(one.baseline, one.baseline), "" if one.updates is None else one.updates,
        "" if one.alerts is None else one.alerts, " ".join(one.blind_spots), one.id,
    )  # fmt: skip


def fill_enrolment_page(visit: Visit) -> Mapping[str, object] | Response:
    """Fill the form of an enrolment; what it sends makes a code, which is shown this once, or revokes one."""
    visit.caller.require(WRITE, "/")
    enrolments = service.list_enrolments(visit.service)
    if (
        file := download_table(visit, "machines", {"enrolments": lambda: _list_codes(enrolments)})
    ) is not None:
        return file
    if visit.request.method != "POST":
        return _show_form(visit)
    try:
        if read_requested_act(visit, "create", "revoke") == "revoke":
            service.remove_enrolment(visit.service, visit.form.get("name", ""))
            return RedirectResponse(visit.link(_ENROL, done="revoked"), 303)
        made = operation_form.submit_form(visit, _find_creation(), "", _read_name(visit))
    except TransientError:
        raise
    except StateError as error:
        return _show_form(visit, error)
    return _show_code(visit, made)


def _show_form(visit: Visit, refused: Exception | None = None) -> dict[str, object]:
    form = operation_form.draw_form(visit, _find_creation(), _FORM, refused=refused)
    return {
        "form": form, "refused": str(refused or ""), "name": visit.form.get("name", "") if refused else "", "now": visit.instance.now,
        "enrolments": service.list_enrolments(visit.service), "may_revoke": visit.caller.is_permitted(DELETE, "/"),
        "done": visit.get_query_value("done"),
    }  # fmt: skip


def _list_codes(enrolments: Sequence[AgentEnrolment]) -> PageTable:
    rows = (
        (one.name, one.scope, one.workspace, one.used, one.most, one.expires.isoformat(), one.author)
        for one in enrolments
    )
    return PageTable(("Name", "Scope", "Workspace", "Enrolled", "Machines", "Expires", "Created by"), rows)


def _read_name(visit: Visit) -> str:
    try:
        return msgspec.convert(visit.form.get("name", "").strip(), EnrolmentName)
    except msgspec.ValidationError as error:
        raise StateError("invalid name: use lower-case letters, digits, '.', '-' and '_'") from error


def _find_creation() -> Operation:
    """The operation that creates an enrolment."""
    return next(one for one in operations.OPERATIONS.operations if one.name == "create_enrolment")


def _show_code(visit: Visit, made: EnrolmentCode) -> Response:
    page = draw_template("machine_code.html", visit=visit, page=PAGES[1], made=made, server=visit.base)
    return HTMLResponse(page, headers={"Cache-Control": "no-store"})


PAGES = (
    Page("/machines", "Machines", "machines.html", READ, fill_page, PageArea.PROTECTION, 5),
    Page(
        _ENROL, "Enrol machines", "machine_enrolment.html", WRITE, fill_enrolment_page, methods=("GET", "POST"), tenant=True, order=0,
        under_scope=SAME,
    ),
)  # fmt: skip
