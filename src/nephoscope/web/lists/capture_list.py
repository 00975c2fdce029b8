"""The list of packet captures: where packets are kept of which traffic, why, and what came of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nephoscope.state.hosts.response_orders import OrderStatus
from nephoscope.web.lists.column_headers import ListColumn
from nephoscope.web.lists.column_kinds import build_relative_time_column, build_text_column
from nephoscope.web.lists.list_cell import ListCell, build_state_cell, build_text_cell
from nephoscope.web.lists.list_view import RowList
from nephoscope.web.lists.row_facets import RowFacet

if TYPE_CHECKING:
    from datetime import datetime

    from nephoscope.state.hosts.response_orders import ResponseOrder
    from nephoscope.web.visits.request_context import Visit

#: Words of the states in their order, each with its tone.
STATES = {
    "Approval required": "new", "In progress": "new", "Finished": "pass", "Failed": "fail", "Denied": "error", "Withdrawn": "",
    "Expired": "",
}  # fmt: skip
_WORDS = {
    OrderStatus.PENDING: "Approval required", OrderStatus.APPROVED: "In progress", OrderStatus.SUCCEEDED: "Finished",
    OrderStatus.FAILED: "Failed", OrderStatus.REFUSED: "Failed", OrderStatus.DENIED: "Denied", OrderStatus.WITHDRAWN: "Withdrawn",
}  # fmt: skip


def build_capture_list(visit: Visit, computers: dict[str, str]) -> RowList[ResponseOrder]:
    """Describe the list; `computers` are host names by the ids of machines."""
    now = visit.instance.now

    def build_title_cell(one: ResponseOrder) -> ListCell:
        return build_text_cell(
            name_machine(one, computers), visit.link(f"/network/captures/{one.id}"), whole=one.machine
        )

    def build_incident_cell(one: ResponseOrder) -> ListCell:
        if one.incident is None:
            return build_text_cell("")
        return build_text_cell(f"#{one.incident}", visit.link(f"/incidents/{one.incident}"))

    def state(one: ResponseOrder) -> ListCell:
        word = describe_state(one, now)
        return build_state_cell(word, STATES[word], whole=one.message, order=float(list(STATES).index(word)))

    return RowList(
        "packet-captures", "packet capture",
        (
            ListColumn("machine", "Machine", build_title_cell, main=True),
            ListColumn("state", "State", state, width="state"),
            build_text_column("filter", "Packets", describe_filter),
            build_text_column("begin", "Begins", describe_begin),
            build_relative_time_column("created", "Requested", lambda one: one.created),
            build_text_column("requester", "Requested by", lambda one: one.requester, shown=False),
            build_text_column("result", "Result", lambda one: one.message),
            ListColumn("incident", "Incident", build_incident_cell, optional=True, width="state"),
        ),
        lambda one: one.id,
        (
            RowFacet("state", "State", lambda one: (describe_state(one, now),), order=tuple(STATES)),
            RowFacet("machine", "Machine", lambda one: (name_machine(one, computers),)),
            RowFacet("requester", "Requested by", lambda one: (one.requester,)),
        ),
        lambda one: "\n".join((one.machine, name_machine(one, computers), one.justification, one.message, one.requester)),
        hint="Machine, reason or result", order="-created", about_of=lambda one: one.justification,
    )  # fmt: skip


def name_machine(one: ResponseOrder, computers: dict[str, str]) -> str:
    """Return the host name of a machine, else the name of its resource."""
    return computers.get(one.machine) or one.machine.rsplit("/", 1)[-1]


def describe_state(one: ResponseOrder, now: datetime) -> str:
    """Return the state of a capture in a word."""
    is_open = one.status in (OrderStatus.PENDING, OrderStatus.APPROVED)
    return "Expired" if is_open and one.expires <= now else _WORDS[one.status]


def describe_filter(one: ResponseOrder) -> str:
    """Say which packets are kept."""
    protocol, address, port = (one.arguments.get(name, "any") for name in ("protocol", "address", "port"))
    words = ["All" if protocol == "any" else protocol.upper()]
    if port != "any":
        words.append(f"port {port}")
    if address != "any":
        words.append(address)
    if (interface := one.arguments.get("interface", "any")) != "any":
        words.append(f"on {interface}")
    return " ".join(words)


def describe_begin(one: ResponseOrder) -> str:
    """Say when a capture begins."""
    above = one.arguments.get("above", "0")
    if above.endswith("x"):
        return f"Above {above[:-1]} × usual traffic"
    return "At once" if above == "0" else f"Above {float(above):,.0f} TCP segments/s"


def describe_limits(one: ResponseOrder) -> str:
    """Say when a capture ends."""
    given = one.arguments
    text = f"{int(given['seconds']):,} seconds, {int(given['packets']):,} packets or {int(given['bytes']):,} bytes"
    return f"{text}; keeps the newest" if given.get("ring") == "yes" else text
