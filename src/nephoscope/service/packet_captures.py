"""Packet captures on machines: orders for their agents, with the filter and the limits, and commands for Azure's Network Watcher."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from nephoscope.service.response_orders import (
    create_order,
    list_orders,
    read_order,
)
from nephoscope.state import NotFoundError
from nephoscope.state.hosts.response_orders import OrderStatus, ResponseKind

if TYPE_CHECKING:
    from nephoscope.protect.capture.capture_request import CaptureRequest
    from nephoscope.service.service_context import ServiceContext
    from nephoscope.state.hosts.response_orders import ResponseOrder


def start_capture(
    context: ServiceContext, machine: str, asked: CaptureRequest, reason: str, incident: int | None = None
) -> ResponseOrder:
    """Order a capture on a machine. Raises DeniedError, NotFoundError, ResponseOrderError."""
    return create_order(context, machine, ResponseKind.CAPTURE, asked.arguments(), reason, incident)


def stop_capture(context: ServiceContext, capture: ResponseOrder, reason: str) -> ResponseOrder:
    """Order that a capture ends, which then has what it took until now. Raises DeniedError, ResponseOrderError."""
    arguments = {"order": capture.id}
    return create_order(
        context, capture.machine, ResponseKind.STOP_CAPTURE, arguments, reason, capture.incident
    )


def find_capture(context: ServiceContext, id_: str) -> ResponseOrder:
    """Return a capture by its ID. Raises DeniedError; NotFoundError, also for an order of another kind."""
    order = read_order(context, id_)
    if order.kind is not ResponseKind.CAPTURE:
        raise NotFoundError(f"packet capture {id_[:64]!r} not found")
    return order


def list_captures(context: ServiceContext, machine: str = "") -> list[ResponseOrder]:
    """Return the newest captures that the caller may read. Raises DeniedError, NotFoundError for a machine."""
    return [one for one in list_orders(context, machine) if one.kind is ResponseKind.CAPTURE]


def render_network_watcher_script(machine: str, storage: str, seconds: int, size: int) -> str:
    """Return the commands for `az` that capture on an Azure machine. Raises ValueError where an id is not one."""
    from nephoscope_policy.model.resource_id import ResourceId

    target = ResourceId.parse(machine)
    ResourceId.parse(storage)
    name = f"nephoscope-{target.name}"
    return (
        f"az vm extension set --ids {shlex.quote(machine)} --publisher Microsoft.Azure.NetworkWatcher "
        "--name NetworkWatcherAgentLinux\n"
        f"az network watcher packet-capture create --resource-group {shlex.quote(target.resource_group)} "
        f"--vm {shlex.quote(machine)} --name {shlex.quote(name)} --storage-account {shlex.quote(storage)} "
        f"--time-limit {seconds} --capture-limit {size}"
    )


def read_name(order: ResponseOrder) -> str:
    """Return the name that a capture was given, its id where it was given none."""
    name = order.arguments.get("name", "-")
    return order.id if name == "-" else name


def describe_status(order: ResponseOrder) -> str:
    """Return Network Watcher's word for the state of a capture."""
    return {
        OrderStatus.PENDING: "NotStarted", OrderStatus.APPROVED: "Running", OrderStatus.SUCCEEDED: "Stopped",
    }.get(order.status, "Error")  # fmt: skip
