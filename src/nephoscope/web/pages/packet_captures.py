"""Packet captures: the list with the form of a new one, one with its limits and its file, and the analysis of its packets."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from functools import partial

from starlette.responses import RedirectResponse, Response

from nephoscope.operations.declaration.operation import Operation
from nephoscope.operations.declaration.operation_page import OperationForm
from nephoscope.operations.protect import packet_captures as operations
from nephoscope.protect.capture.analysis import analyze_capture
from nephoscope.service.agents import READ, list_agents
from nephoscope.service.azure_captures import READ as READ_AZURE
from nephoscope.service.azure_captures import is_capturing_configured
from nephoscope.service.packet_captures import find_capture, list_captures, stop_capture
from nephoscope.service.response_orders import READ_CONTENT, RESPOND, read_content
from nephoscope.state import StateError
from nephoscope.state.database.state_errors import TransientError
from nephoscope.state.hosts.response_orders import OrderStatus, ResponseOrder
from nephoscope.web.forms import operation_form
from nephoscope.web.forms.form import apply_form, read_requested_act
from nephoscope.web.lists.capture_list import (
    STATES,
    build_capture_list,
    describe_begin,
    describe_filter,
    describe_limits,
    describe_state,
    name_machine,
)
from nephoscope.web.lists.list_view import find_rows, show_rows
from nephoscope.web.page_data.capture_analysis import (
    KINDS,
    MOST_ROWS,
    CaptureAnalysis,
    format_endpoint,
    show_analysis,
)
from nephoscope.web.tables.page_tables import PageTable, download_table
from nephoscope.web.tables.table_download import build_csv_response
from nephoscope.web.visits.page import Page
from nephoscope.web.visits.request_context import Visit

HEADER = (
    "Machine", "State", "Packets", "Begins", "Ends", "Reason", "Requested by", "Requested", "Finished", "Result", "Incident", "Id",
)  # fmt: skip
_LIST = "/network/captures"


def fill_page(visit: Visit) -> Mapping[str, object] | Response:
    """Fill the list; a form that comes back starts a capture."""
    if visit.request.method != "POST":
        return _show_list(visit)
    try:
        read_requested_act(visit, "start")
        made = operation_form.submit_form(visit, _start_operation(), "")
    except TransientError:
        raise
    except StateError as error:
        return _show_list(visit, error)
    return RedirectResponse(visit.link(f"{_LIST}/{made.id}", done="start"), 303)


def _show_list(visit: Visit, refused: Exception | None = None) -> Mapping[str, object] | Response:
    captures, computers = list_captures(visit.service), _map_computer_names(visit)
    wanted = build_capture_list(visit, computers)
    found = find_rows(visit, wanted, captures)
    if visit.get_query_value("format") == "csv":
        return build_csv_response(
            "packet-captures", HEADER, (_build_row(visit, one, computers) for one in found.rows)
        )
    machines = _map_capturing_machines(visit)
    asked, operation = (
        OperationForm("Start capture", choices={"machine": lambda _: machines}),
        _start_operation(),
    )
    before = operation_form.propose_field_values(visit, operation, asked)
    return {
        "list": show_rows(visit, wanted, found), "any": bool(captures), "machines": machines, "agents": bool(computers),
        "watcher": is_capturing_configured(visit.service) and not visit.caller.find_reach(READ_AZURE).is_empty,
        "form": operation_form.draw_form(visit, operation, asked, before=before, refused=refused), "refused": str(refused or ""),
        "open": bool(refused) or before is not None,
    }  # fmt: skip


def _build_row(visit: Visit, one: ResponseOrder, computers: dict[str, str]) -> tuple[object, ...]:
    return (
        name_machine(one, computers), describe_state(one, visit.instance.now), describe_filter(one), describe_begin(one),
        describe_limits(one), one.justification, one.requester, one.created.isoformat(),
        one.finished.isoformat() if one.finished else "", one.message, one.incident or "", one.id,
    )  # fmt: skip


def _map_computer_names(visit: Visit) -> dict[str, str]:
    return {one.resource: one.computer for one in list_agents(visit.service)}


def _map_capturing_machines(visit: Visit) -> dict[str, str]:
    """Return the machines on which the visitor may start a capture and whose agents allow it, with their names."""
    return {
        one.id: one.computer
        for one in sorted(list_agents(visit.service), key=lambda one: one.computer)
        if "capture" in one.health.responses and visit.caller.is_permitted(RESPOND, one.resource)
    }


def _start_operation() -> Operation:
    """The operation that starts a capture."""
    return next(one for one in operations.OPERATIONS.operations if one.function is operations.start_capture)


def show_capture(visit: Visit) -> Mapping[str, object] | Response:
    """Show a capture; a form that comes back stops it or downloads its packets."""
    capture = find_capture(visit.service, visit.parameters["id"])
    if visit.request.method != "POST":
        return _show_capture(visit, capture)
    if read_requested_act(visit, "stop", "download") == "download":
        name = f"{capture.machine.rsplit('/', 1)[-1]}-{capture.id[:8]}.pcap"
        content = read_content(visit.service, capture.id)
        headers = {"Content-Disposition": f'attachment; filename="{name}"'}
        return Response(content, media_type="application/vnd.tcpdump.pcap", headers=headers)
    return apply_form(
        lambda: _stop_capture(visit, capture), lambda refused: _show_capture(visit, capture, refused)
    )


def _stop_capture(visit: Visit, capture: ResponseOrder) -> str:
    stop_capture(visit.service, capture, visit.form.get("reason", ""))
    return visit.build_address(done="stop")


def _show_capture(visit: Visit, capture: ResponseOrder, refused: str = "") -> dict[str, object]:
    word = describe_state(capture, visit.instance.now)
    return {
        "capture": capture, "machine": name_machine(capture, _map_computer_names(visit)), "word": word, "tone": STATES[word],
        "filter": describe_filter(capture), "begins": describe_begin(capture), "ends": describe_limits(capture),
        "may_stop": word == "In progress" and visit.caller.is_permitted(RESPOND, capture.machine),
        "has_packets": capture.status is OrderStatus.SUCCEEDED,
        "may_read": visit.caller.is_permitted(READ_CONTENT, capture.machine),
        "refused": refused, "done": visit.get_query_value("done"),
    }  # fmt: skip


def fill_analysis(visit: Visit) -> Mapping[str, object] | Response:
    """Show what the packets of a capture are; each access is audited, that of a table's file too."""
    capture = find_capture(visit.service, visit.parameters["id"])
    summary = analyze_capture(io.BytesIO(read_content(visit.service, capture.id)))
    shown = show_analysis(visit.service, summary)
    if (file := download_table(visit, f"capture-{capture.id[:8]}", _list_tables(shown))) is not None:
        return file
    return {
        "capture": capture, "machine": name_machine(capture, _map_computer_names(visit)), "shown": shown, "kinds": KINDS,
        "most": MOST_ROWS, "endpoint": format_endpoint,
    }  # fmt: skip


def _list_tables(shown: CaptureAnalysis) -> dict[str, Callable[[], PageTable]]:
    """The tables of an analysis as files."""
    summary = shown.summary
    found: dict[str, Callable[[], PageTable]] = {
        "conversations": lambda: PageTable(
            ("Protocol", "Address", "Port", "Other address", "Other port", "Frames", "Bytes"),
            ((one.protocol, *one.a, *one.b, one.frames, one.bytes) for one in shown.conversations),
        ),
        "protocols": lambda: PageTable(("Protocol", "Frames"), shown.protocols),
        "credentials": lambda: PageTable(
            ("Protocol", "User", "Server", "Frame"),
            ((one.protocol, one.user, one.server, one.frame) for one in summary.credentials),
        ),
    }
    found["known-bad"] = lambda: PageTable(
        ("Value", "Seen as", "Indicator", "Name", "Source", "Confidence"),
        (
            (one.value, shown.name_kinds(one), one.indicator, one.name, one.source, one.confidence)
            for one in shown.listed.matches
        ),
    )
    return found | {kind: partial(_list_names, shown, kind) for kind in KINDS}


def _list_names(shown: CaptureAnalysis, kind: str) -> PageTable:
    return PageTable((KINDS[kind], "Occurrences"), shown.names.get(kind, ()))


PAGES = (
    Page(_LIST, "Packet captures", "packet_captures.html", READ, fill_page, methods=("GET", "POST")),
    Page(
        f"{_LIST}/{{id}}",
        "Packet capture",
        "packet_capture.html",
        READ,
        show_capture,
        methods=("GET", "POST"),
    ),
    Page(f"{_LIST}/{{id}}/analysis", "Packet analysis", "packet_analysis.html", READ_CONTENT, fill_analysis),
)
