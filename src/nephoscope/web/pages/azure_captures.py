"""Network Watcher captures: the list with the form of a new one; of one its state, its file and the form that stops it."""

from __future__ import annotations

from collections.abc import Mapping

from starlette.responses import RedirectResponse, Response

from nephoscope.automation.network_watcher import STOP
from nephoscope.operations.declaration.operation import Operation
from nephoscope.operations.declaration.operation_page import OperationForm
from nephoscope.operations.protect import azure_captures as operations
from nephoscope.service import azure_captures as service
from nephoscope.service.azure_captures import READ
from nephoscope.state import StateError
from nephoscope.state.database.state_errors import TransientError
from nephoscope.web.forms import operation_form
from nephoscope.web.forms.form import apply_form, read_requested_act
from nephoscope.web.lists.azure_capture_list import (
    PATH,
    build_azure_capture_list,
    describe_azure_filter,
    describe_azure_limits,
    name_storage,
    name_target,
)
from nephoscope.web.lists.list_view import find_rows, show_rows
from nephoscope.web.tables.table_download import build_csv_response
from nephoscope.web.visits.page import Page
from nephoscope.web.visits.request_context import Visit

HEADER = ("Machine", "Capture", "Packets", "Ends after", "Storage account", "Id")
_FORM = OperationForm("Start capture")


def fill_page(visit: Visit) -> Mapping[str, object] | Response:
    """Fill the list, or one capture that the address names; a form that comes back starts or stops one."""
    if not service.is_capturing_configured(visit.service):
        return {"configured": False, "capture": None}
    if visit.get_query_value("capture"):
        return _fill_capture(visit)
    if visit.request.method != "POST":
        return _show_list(visit)
    try:
        read_requested_act(visit, "start")
        made = operation_form.submit_form(visit, _start_operation(), "")
    except TransientError:
        raise
    except StateError as error:
        return _show_list(visit, error)
    return RedirectResponse(visit.link(PATH, capture=made.id, done="start"), 303)


def _fill_capture(visit: Visit) -> Mapping[str, object] | Response:
    """Show a capture with its state in Azure; a form that comes back stops it."""
    if visit.request.method != "POST":
        return _show_captures(visit)
    read_requested_act(visit, "stop")
    return apply_form(lambda: _stop_capture(visit), lambda refused: _show_captures(visit, refused))


def _show_list(visit: Visit, refused: Exception | None = None) -> Mapping[str, object] | Response:
    unread, captures = "", []
    try:
        captures = service.list_azure_captures(visit.service)
    except StateError as error:
        unread = str(error)
    wanted = build_azure_capture_list(visit)
    found = find_rows(visit, wanted, captures)
    if visit.get_query_value("format") == "csv":
        rows = (
            (name_target(one), one.name, describe_azure_filter(one), describe_azure_limits(one), name_storage(one), one.id)
            for one in found.rows
        )  # fmt: skip
        return build_csv_response("network-watcher-captures", HEADER, rows)
    operation = _start_operation()
    before = operation_form.propose_field_values(visit, operation, _FORM)
    return {
        "configured": True, "capture": None, "unread": unread, "list": show_rows(visit, wanted, found), "any": bool(captures),
        "form": operation_form.draw_form(visit, operation, _FORM, before=before, refused=refused),
        "open": bool(refused) or before is not None,
    }  # fmt: skip


def _start_operation() -> Operation:
    """The operation that starts a capture."""
    return next(one for one in operations.OPERATIONS.operations if one.function is operations.start_capture)


def _stop_capture(visit: Visit) -> str:
    service.stop_azure_capture(visit.service, visit.get_query_value("capture"), visit.form.get("reason", ""))
    return visit.build_address(done="stop")


def _show_captures(visit: Visit, refused: str = "") -> dict[str, object]:
    capture, state = service.read_azure_capture(visit.service, visit.get_query_value("capture"))
    running = state.packet_capture_status.lower() in ("running", "notstarted")
    return {
        "configured": True, "capture": capture, "machine": name_target(capture), "state": state, "running": running,
        "filter": describe_azure_filter(capture), "ends": describe_azure_limits(capture),
        "may_stop": running and visit.caller.is_permitted(STOP, capture.properties.target.lower()),
        "refused": refused, "done": visit.get_query_value("done"),
    }  # fmt: skip


PAGES = (
    Page(
        PATH,
        "Network Watcher captures",
        "azure_captures.html",
        READ,
        fill_page,
        methods=("GET", "POST"),
    ),
)
