"""Machine: its agent and what that cannot see, alerts with process trees, files, applications, access, and orders of live response."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, cast

from starlette.responses import RedirectResponse, Response

from nephoscope.service.response_orders import (
    APPROVE,
    READ_CONTENT,
    RESPOND,
    create_order,
    decide_order,
    read_content,
)
from nephoscope.state import StateError
from nephoscope.state.database.state_errors import TransientError
from nephoscope.state.hosts.response_orders import ResponseKind, ResponseOrder
from nephoscope.web.forms.form import read_requested_act
from nephoscope.web.page_data.machine_fleet import READ, FleetMachine
from nephoscope.web.page_data.machine_view import (
    find_access,
    find_alerts,
    find_applications,
    find_file_changes,
    find_machine,
    find_malware_scan,
    find_orders,
)
from nephoscope.web.tables.page_tables import PageTable, download_table
from nephoscope.web.visits.page import Page
from nephoscope.web.visits.request_context import Visit

#: Kinds of orders that have a form, with the label of the form and of its button.
ORDER_FORMS = {
    ResponseKind.ISOLATE: ("Isolate", "Isolate machine"),
    ResponseKind.KILL: ("Kill process", "Kill process"),
    ResponseKind.BLOCK: ("Block program", "Block program"),
    ResponseKind.COLLECT: ("Collect file", "Collect file"),
    ResponseKind.SCAN: ("Scan files", "Scan files"),
    ResponseKind.SCRIPT: ("Run script", "Run script"),
}
#: Fields of the form of an order that are arguments.
_ARGUMENTS = ("pid", "path", "sha256", "days", "script", "order", "changedDays", "megabytes")


def fill_page(visit: Visit) -> Mapping[str, object] | Response:
    """Fill the page; a form that comes back gives an order, decides on one, or downloads what one brought."""
    machine = find_machine(visit, "/" + visit.parameters["id"].strip("/").lower())
    if visit.request.method != "POST":
        return _show_machine(visit, machine)
    try:
        return _apply_form(visit, machine)
    except TransientError:
        raise
    except StateError as error:
        return _show_machine(visit, machine, str(error))


def _apply_form(visit: Visit, machine: FleetMachine) -> Response:
    form = visit.form
    asked = read_requested_act(visit, "order", "approve", "deny", "withdraw", "download")
    if asked == "order":
        kind = _parse_response_kind(form.get("kind", ""))
        arguments = {name: form[name].strip() for name in _ARGUMENTS if name in form}
        made = create_order(
            visit.service, machine.key, kind, arguments, form.get("reason", ""), _read_incident(visit)
        )
        return _build_return_response(visit, f"order-{made.status.value}")
    id_ = form.get("id", "")
    if asked == "download":
        content = read_content(visit.service, id_)
        name = f'attachment; filename="{machine.name}-{id_[:8]}.{_choose_extension(visit, id_)}"'
        return Response(content, media_type="application/octet-stream", headers={"Content-Disposition": name})
    decision = cast("Literal['approve', 'deny', 'withdraw']", asked)
    decide_order(visit.service, id_, decision, form.get("reason", ""))
    return _build_return_response(visit, asked)


def _choose_extension(visit: Visit, id_: str) -> str:
    kind = visit.instance.state.response_orders.get(id_).kind
    return {ResponseKind.CAPTURE: "pcap", ResponseKind.SCAN: "jsonl"}.get(kind, "bin")


def _build_return_response(visit: Visit, done: str) -> Response:
    kept = visit.build_address(
        done=done,
        order=None,
        pid=None,
        path=None,
        sha256=None,
        incident=visit.get_query_value("incident") or None,
    )
    return RedirectResponse(f"{kept}#response", 303)


def _parse_response_kind(text: str) -> ResponseKind:
    try:
        return ResponseKind(text)
    except ValueError as error:
        raise StateError(f"unknown order '{text[:40]}': expected one of {', '.join(ResponseKind)}") from error


def _read_incident(visit: Visit) -> int | None:
    text = visit.form.get("incident", "").strip()
    if text and not text.isdecimal():
        raise StateError(f"the incident must be a number (got '{text[:40]}')")
    return int(text) if text else None


def _show_machine(visit: Visit, machine: FleetMachine, refused: str = "") -> Mapping[str, object] | Response:
    orders, files = find_orders(visit, machine), find_file_changes(visit, machine)
    access, requests = find_access(visit, machine)
    found = find_alerts(visit, machine)
    tables = {
        "orders": lambda: _list_orders(orders),
        "files": lambda: PageTable(
            ("Time", "Change", "Path", "Program", "User"),
            ((one.at, one.change, one.path, one.program, one.user) for one in files.changes),
        ),
        "sensors": lambda: _list_sensors(machine),
    }
    if (file := download_table(visit, machine.name, tables)) is not None:
        return file
    allowed = machine.agent.health.responses if machine.agent else ()
    chosen = (visit.form.get("kind") if refused else "") or visit.get_query_value("order")
    forms = {one.value: words for one, words in ORDER_FORMS.items() if one.value in allowed}
    return {
        "machine": machine, "found": found, "files": files, "applications": find_applications(visit, machine),
        "access": access, "requests": requests, "orders": orders, "forms": forms, "scan": find_malware_scan(visit, machine),
        "chosen": chosen if chosen in forms else next(iter(forms), ""), "given": _read_given_fields(visit, refused),
        "may_order": visit.caller.is_permitted(RESPOND, machine.key), "may_approve": visit.caller.is_permitted(APPROVE, machine.key),
        "may_download": visit.caller.is_permitted(READ_CONTENT, machine.key), "me": visit.caller.name, "now": visit.instance.now,
        "in_inventory": visit.snapshot is not None
        and visit.snapshot.listing.get(machine.key, visit.caller.find_reach(READ)) is not None,
        "refused": refused, "done": visit.get_query_value("done"),
    }  # fmt: skip


def _read_given_fields(visit: Visit, refused: str) -> Mapping[str, str]:
    """Return the values of the fields: what was sent, or what the address says."""
    if refused:
        return dict(visit.form)
    return {name: visit.get_query_value(name) for name in ("pid", "path", "sha256", "incident")}


def _list_orders(orders: Sequence[ResponseOrder]) -> PageTable:
    rows = (
        (one.status.value, one.kind.value, " ".join(one.arguments.values())[:200], one.requester, one.justification,
         one.created.isoformat(), one.decided_by, one.message, one.id)
        for one in orders
    )  # fmt: skip
    return PageTable(
        ("Status", "Order", "Arguments", "Requested by", "Reason", "Created", "Decided by", "Result", "Id"),
        rows,
    )


def _list_sensors(machine: FleetMachine) -> PageTable:
    sensors = machine.agent.health.sensors if machine.agent else ()
    rows = (
        (one.name, "Running" if one.running else "Stopped", one.rows, one.lost, one.reason or "; ".join(one.limits))
        for one in sensors
    )  # fmt: skip
    return PageTable(("Sensor", "State", "Rows", "Lost", "Limits"), rows)


PAGE = Page(
    "/machine/{id:path}",
    "Machine",
    "machine.html",
    READ,
    fill_page,
    methods=("GET", "POST"),
    queries=lambda _: True,
)
