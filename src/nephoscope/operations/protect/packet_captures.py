"""Packet captures on machines with an agent: start, stop, list."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from nephoscope.operations.declaration.operation import (
    ApiRoute,
    CommandLine,
    OperationCall,
    OperationGroup,
    any_part_scope,
    translate_errors,
)
from nephoscope.operations.declaration.request_field import describe
from nephoscope.operations.declaration.schemas import PLAIN, Shape
from nephoscope.protect.capture.capture_request import (
    LEARN_SECONDS,
    MOST_BYTES,
    MOST_LEARN_SECONDS,
    MOST_SECONDS,
    CaptureRequest,
    Protocol,
)
from nephoscope.service import packet_captures as service
from nephoscope.service.agents import READ
from nephoscope.service.response_orders import RESPOND
from nephoscope.state.hosts.response_orders import ResponseOrder, ResponseOrderError

OPERATIONS = OperationGroup("packetCaptures", "Packet captures", "The capture")
CaptureId = Annotated[str, describe("A capture's id.", max_length=64, pattern=PLAIN, metavar="CAPTURE")]
_MACHINE = describe(
    "Name or resource ID of the machine.", max_length=2000, pattern=PLAIN, argument=True, metavar="MACHINE"
)
_REASON = describe("Justification.", max_length=2000, pattern=PLAIN)


class NewCapture(Shape, frozen=True, kw_only=True):
    """A capture: which packets, when it begins and when it ends."""

    machine: Annotated[str, _MACHINE]
    reason: Annotated[str, _REASON]
    incident: Annotated[int, describe("Number of the incident that it belongs to (0: none).", ge=0)] = 0
    interface: Annotated[str, describe("Network interface.", max_length=15, pattern=PLAIN)] = "any"
    protocol: Annotated[Protocol, describe("Protocol.")] = "any"
    address: Annotated[str, describe("IP address at either end.", max_length=45, pattern=PLAIN)] = "any"
    port: Annotated[int, describe("Port at either end (0: any).", ge=0, le=65535)] = 0
    seconds: Annotated[int, describe("Stop after this many seconds.", ge=1, le=MOST_SECONDS)] = 60
    packets: Annotated[int, describe("Stop after this many packets.", ge=1, le=1_000_000)] = 100_000
    bytes: Annotated[int, describe("Stop at this file size.", ge=1024, le=MOST_BYTES)] = MOST_BYTES
    ring: Annotated[bool, describe("Keep the newest packets within the limits until the capture ends.")] = (
        False
    )
    above: Annotated[
        float,
        describe(
            "Start when more TCP segments pass in a second (0: at once).", ge=0, le=1e9, label="Threshold"
        ),
    ] = 0.0
    times: Annotated[
        float,
        describe(
            "Start above so many times the machine's usual TCP segments in a second (0: off).",
            ge=0,
            le=1000,
            label="Times usual",
        ),
    ] = 0.0
    learn: Annotated[
        int,
        describe(
            "Seconds of usual traffic that the machine must know.",
            ge=1,
            le=MOST_LEARN_SECONDS,
            label="Learning time",
        ),
    ] = LEARN_SECONDS


class StoppedCapture(Shape, frozen=True, kw_only=True):
    """The reason that a capture ends before its limits."""

    reason: Annotated[str, _REASON]


class PacketCaptureShape(Shape, frozen=True, kw_only=True):
    """A capture: what was asked, its state, and what the agent said."""

    id: str
    machine: str
    status: str
    arguments: dict[str, str]
    requester: str
    justification: str
    incident: int | None
    created: datetime
    finished: datetime | None
    message: str


class PacketCaptureList(Shape, frozen=True, kw_only=True):
    """Captures, newest first."""

    value: tuple[PacketCaptureShape, ...]


class CaptureQuery(Shape, frozen=True, kw_only=True):
    """A filter of captures."""

    machine: Annotated[str, _MACHINE] = ""


def _list_rows(found: PacketCaptureList) -> list[dict[str, object]]:
    return [
        {
            "status": one.status, "machine": one.machine.rpartition("/")[2], "requester": one.requester, "created": one.created,
            "message": one.message, "id": one.id,
        }
        for one in found.value
    ]  # fmt: skip


@OPERATIONS.operation(
    READ, ApiRoute("GET", "/packetCaptures"),
    CommandLine(
        "list", columns=("status", "machine", "requester", "created", "message", "id"), rows=_list_rows, nothing="no captures",
    ),
)  # fmt: skip
def list_captures(call: OperationCall, query: CaptureQuery) -> PacketCaptureList:
    """List captures."""
    with translate_errors("machine", ResponseOrderError):
        return PacketCaptureList(
            value=tuple(map(_build_shape, service.list_captures(call.service, query.machine)))
        )


@OPERATIONS.operation(
    RESPOND, ApiRoute("POST", "/packetCaptures"), CommandLine("start", message="{id}: {status}")
)
def start_capture(call: OperationCall, body: NewCapture) -> PacketCaptureShape:
    """Capture the packets of a machine, at once or when more TCP segments pass than a threshold."""
    asked = CaptureRequest(
        interface=body.interface, protocol=body.protocol, address=body.address, port=body.port, seconds=body.seconds,
        packets=body.packets, bytes=body.bytes, ring=body.ring, above=body.above,
            times=body.times, learn=body.learn,
    )  # fmt: skip
    with translate_errors("body", ResponseOrderError):
        made = service.start_capture(call.service, body.machine, asked, body.reason, body.incident or None)
    return _build_shape(made)


@OPERATIONS.operation(
    RESPOND,
    ApiRoute("POST", "/packetCaptures/{id}/stop", scoped=any_part_scope),
    CommandLine("stop", message="{id}: {status}"),
)
def stop_capture(call: OperationCall, id: CaptureId, body: StoppedCapture) -> PacketCaptureShape:  # noqa: A002
    """Stop a capture, and keep what it took until now."""
    with translate_errors("id", ResponseOrderError):
        capture = service.find_capture(call.service, id)
        service.stop_capture(call.service, capture, body.reason)
    return _build_shape(capture)


def _build_shape(one: ResponseOrder) -> PacketCaptureShape:
    return PacketCaptureShape(
        id=one.id,
        machine=one.machine,
        status=service.describe_status(one),
        arguments=one.arguments,
        requester=one.requester,
        justification=one.justification,
        incident=one.incident,
        created=one.created,
        finished=one.finished,
        message=one.message,
    )
