"""Packet captures on machines: orders for their agents, with the filter and the limits, and commands for Azure's Network Watcher."""

from __future__ import annotations

import ipaddress
import shlex
from typing import TYPE_CHECKING, Literal

import msgspec

from nephoscope.service.response_orders import (
    ResponseOrderError,
    create_order,
    list_orders,
    read_order,
)
from nephoscope.state import NotFoundError
from nephoscope.state.hosts.response_orders import OrderStatus, ResponseKind

if TYPE_CHECKING:
    from nephoscope.service.service_context import ServiceContext
    from nephoscope.state.hosts.response_orders import ResponseOrder

#: Bytes and seconds that an agent captures at most.
MOST_BYTES, MOST_SECONDS = 4 << 20, 3600
Protocol = Literal["any", "tcp", "udp", "icmp", "icmpv6"]


class CaptureRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A capture: which packets, its limits, and the TCP segments a second above which it begins (0 = at once).

    A `ring` keeps the newest packets within its limits until the time is over or it is stopped.
    """

    name: str = "-"
    interface: str = "any"
    protocol: Protocol = "any"
    address: str = "any"
    port: int = 0
    seconds: int = 60
    packets: int = 100_000
    bytes: int = MOST_BYTES
    ring: bool = False
    above: float = 0.0

    def arguments(self) -> dict[str, str]:
        """Return the arguments of the order. Raises ResponseOrderError for a capture that cannot be meant."""
        try:
            address = "any" if self.address in ("", "any") else str(ipaddress.ip_address(self.address))
        except ValueError as error:
            raise ResponseOrderError(f"{self.address[:100]!r} is not an IP address") from error
        if not 1 <= self.seconds <= MOST_SECONDS or self.packets < 1 or not 1024 <= self.bytes <= MOST_BYTES:
            raise ResponseOrderError(
                f"a capture has 1 to {MOST_SECONDS:,} seconds, at least 1 packet, and 1,024 to {MOST_BYTES:,} bytes"
            )
        if not 0 <= self.port <= 65535 or self.above < 0:
            raise ResponseOrderError("the port must be from 0 to 65535, and the threshold not below 0")
        return {
            "name": self.name, "interface": self.interface or "any", "protocol": self.protocol, "address": address,
            "port": str(self.port or "any"), "seconds": str(self.seconds), "packets": str(self.packets), "bytes": str(self.bytes),
            "ring": "yes" if self.ring else "no", "above": f"{self.above:g}",
        }  # fmt: skip


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


def network_watcher_script(machine: str, storage: str, seconds: int, size: int) -> str:
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
