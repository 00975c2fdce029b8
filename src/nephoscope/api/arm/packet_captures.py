"""Microsoft.Network: packet captures of Network Watcher, carried out by the agents of machines.

A target without an agent that allows captures is refused. The file stays on this server, so that a storage location is not needed.
Source: https://learn.microsoft.com/rest/api/network-watcher/packet-captures (2024-05-01)
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import msgspec

from nephoscope.api.wire.azure_error import ApiError, make_bad_request_error, make_not_found_error
from nephoscope.api.wire.operation import ApiSurface
from nephoscope.api.wire.response import ApiResponse
from nephoscope.protect.capture.capture_request import MOST_BYTES, MOST_SECONDS, CaptureRequest, Protocol
from nephoscope.service import packet_captures as service
from nephoscope.service.agents import READ
from nephoscope.service.response_orders import RESPOND
from nephoscope.state import NotFoundError
from nephoscope.state.hosts.response_orders import ResponseOrderError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nephoscope.api.wire.api_call import ApiCall
    from nephoscope.state.hosts.response_orders import ResponseOrder

SURFACE = ApiSurface("Packet captures", "Microsoft.Network")
_CAPTURES = (
    "/subscriptions/{subscriptionId}/resourceGroups/{resourceGroupName}/providers/Microsoft.Network"
    "/networkWatchers/{networkWatcherName}/packetCaptures"
)
_ONE = f"{_CAPTURES}/{{packetCaptureName}}"
_PROTOCOLS: dict[str, Protocol] = {"any": "any", "tcp": "tcp", "udp": "udp"}
#: What the agent says when a limit ended a capture, with Azure's word.
_REASONS = {"packets": "Other", "bytes": "CaptureSizeExceeded", "seconds": "TimeExceeded"}


class SentFilter(msgspec.Struct, frozen=True, rename="camel"):
    """A filter as Azure has it: '' where it does not say."""

    protocol: str = "Any"
    local_port: str = ""
    remote_port: str = ""
    local_address: str = msgspec.field(default="", name="localIPAddress")
    remote_address: str = msgspec.field(default="", name="remoteIPAddress")


class SentCapture(msgspec.Struct, frozen=True, rename="camel"):
    """The properties of a packet capture that a client sends; what an agent does not do is left out."""

    target: str
    time_limit_in_seconds: int = MOST_SECONDS
    total_bytes_per_session: int = MOST_BYTES
    filters: tuple[SentFilter, ...] = ()


@contextmanager
def _translate_order_errors() -> Iterator[None]:
    try:
        yield
    except ResponseOrderError as error:
        raise ApiError(409, "PacketCaptureNotPossible", f"{error}.") from error


@SURFACE.put(_ONE, "PacketCaptures_Create", RESPOND)
def create_capture(call: ApiCall) -> ApiResponse:
    """Start a packet capture on a machine with an agent."""
    try:
        sent = msgspec.convert(call.body.get("properties"), SentCapture)
    except msgspec.ValidationError as error:
        raise make_bad_request_error(f"{error}.", "properties") from error
    known = _index_captures(call).get(call["packetCaptureName"].lower())
    if known is not None and service.describe_status(known) in ("NotStarted", "Running"):
        raise ApiError(409, "PacketCaptureAlreadyExists", "A packet capture of this name is running.")
    try:
        with _translate_order_errors():
            asked = _read_request(call["packetCaptureName"], sent)
            made = service.start_capture(call.service, sent.target, asked, "packet capture by the API")
    except NotFoundError as error:
        raise ApiError(409, "NoAgent", f"{sent.target[:300]} has no agent that captures packets.") from error
    return ApiResponse(_build_document(call, made), status=201)


@SURFACE.get(_CAPTURES, "PacketCaptures_List", READ)
def list_captures(call: ApiCall) -> ApiResponse:
    """List the packet captures of the machines of a subscription."""
    return ApiResponse({"value": [_build_document(call, one) for one in _index_captures(call).values()]})


@SURFACE.get(_ONE, "PacketCaptures_Get", READ)
def get_capture(call: ApiCall) -> ApiResponse:
    """Get a packet capture."""
    return ApiResponse(_build_document(call, _find_capture_order(call)))


@SURFACE.declare_post_query(f"{_ONE}/queryStatus", "PacketCaptures_GetStatus", READ)
def query_status(call: ApiCall) -> ApiResponse:
    """Get the status of a packet capture, with the reason for its end."""
    found = _find_capture_order(call)
    body: dict[str, object] = {
        "name": service.read_name(found),
        "id": f"{call.path.rpartition('/')[0]}",
        "captureStartTime": found.created,
        "packetCaptureStatus": service.describe_status(found),
        "packetCaptureError": [],
    }
    if found.finished is not None:
        word = found.message.rpartition(" ")[2]
        body["stopReason"] = _REASONS.get(word, "ManuallyStopped" if word == "stopped" else "Other")
    return ApiResponse(body)


@SURFACE.declare_post_action(f"{_ONE}/stop", "PacketCaptures_Stop", RESPOND)
def stop_capture(call: ApiCall) -> ApiResponse:
    """Stop a packet capture; the captured packets stay."""
    with _translate_order_errors():
        service.stop_capture(call.service, _find_capture_order(call), "stopped by the API")
    return ApiResponse(None, status=202)


def _index_captures(call: ApiCall) -> dict[str, ResponseOrder]:
    """The newest capture of each name on machines of the subscription."""
    below = f"/subscriptions/{call['subscriptionId']}/".lower()
    found: dict[str, ResponseOrder] = {}
    for one in service.list_captures(call.service):
        if one.machine.startswith(below):
            found.setdefault(service.read_name(one).lower(), one)
    return found


def _find_capture_order(call: ApiCall) -> ResponseOrder:
    found = _index_captures(call).get(call["packetCaptureName"].lower())
    if found is None:
        raise make_not_found_error(f"The packet capture '{call['packetCaptureName']}'")
    return found


def _read_request(name: str, sent: SentCapture) -> CaptureRequest:
    """The capture that a body asks for: agents take one filter. Raises ApiError, ResponseOrderError."""
    if len(sent.filters) > 1:
        raise make_bad_request_error("'properties.filters' must have one filter.", "properties.filters")
    one = sent.filters[0] if sent.filters else SentFilter()
    protocol = _PROTOCOLS.get(one.protocol.lower())
    if protocol is None:
        raise make_bad_request_error("'protocol' must be TCP, UDP or Any.", "properties.filters")
    ports = [text for text in (one.local_port, one.remote_port) if text]
    addresses = [text for text in (one.remote_address, one.local_address) if text]
    if any(not text.isdecimal() for text in ports) or len(ports) > 1 or len(addresses) > 1:
        raise make_bad_request_error(
            "A filter has one port and one address, without ranges.", "properties.filters"
        )
    return CaptureRequest(
        name=name,
        protocol=protocol,
        address=addresses[0] if addresses else "any",
        port=int(ports[0]) if ports else 0,
        seconds=min(sent.time_limit_in_seconds, MOST_SECONDS),
        bytes=min(sent.total_bytes_per_session, MOST_BYTES),
        packets=1_000_000,
    )


def _build_document(call: ApiCall, one: ResponseOrder) -> dict[str, object]:
    base = call.path.lower().partition("/packetcaptures")[0]
    name, arguments = service.read_name(one), one.arguments
    return {
        "name": name,
        "id": f"{call.path[: len(base)]}/packetCaptures/{name}",
        "etag": f'W/"{one.id}"',
        "properties": {
            "target": one.machine,
            "bytesToCapturePerPacket": 0,
            "totalBytesPerSession": int(arguments["bytes"]),
            "timeLimitInSeconds": int(arguments["seconds"]),
            "storageLocation": {"filePath": f"nephoscope:{one.id}"},
            "filters": [
                {
                    "protocol": {"tcp": "TCP", "udp": "UDP"}.get(arguments["protocol"], "Any"),
                    **({} if arguments["address"] == "any" else {"remoteIPAddress": arguments["address"]}),
                    **({} if arguments["port"] == "any" else {"remotePort": arguments["port"]}),
                }
            ],
            "provisioningState": "Succeeded",
        },
    }
