"""Packet captures of Azure machines by Network Watcher: start, stop, list, and the state with the storage location."""

from __future__ import annotations

from typing import Annotated

from nephoscope.automation.network_watcher import STOP, WRITE
from nephoscope.connect.network_watcher_client import AzureCapture
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
from nephoscope.service import azure_captures as service
from nephoscope.service.azure_captures import (
    MOST_BYTES,
    MOST_SECONDS,
    READ,
    AzureCaptureRequest,
    AzureProtocol,
)
from nephoscope.state import StateError

OPERATIONS = OperationGroup(
    "networkWatcherCaptures", "Packet captures of Network Watcher", "The capture",
    "Packet captures of Azure machines by Network Watcher, with the sign-in of operator.yaml.",
)  # fmt: skip
_ID = describe(
    "Resource ID of the capture.", max_length=2000, pattern=PLAIN, argument=True, metavar="CAPTURE"
)
_MACHINE = describe(
    "Resource ID of the machine.", max_length=2000, pattern=PLAIN, argument=True, metavar="MACHINE"
)
_REASON = describe("Justification.", max_length=2000, pattern=PLAIN)


class NewAzureCapture(Shape, frozen=True, kw_only=True):
    """A capture: which packets, its limits, and where the file goes."""

    machine: Annotated[str, _MACHINE]
    reason: Annotated[str, _REASON]
    protocol: Annotated[AzureProtocol, describe("Protocol.")] = "any"
    local_port: Annotated[int, describe("Port of the machine (0: any).", ge=0, le=65535)] = 0
    remote_port: Annotated[int, describe("Port of the other end (0: any).", ge=0, le=65535)] = 0
    remote_address: Annotated[str, describe("IP address of the other end.", max_length=45, pattern=PLAIN)] = (
        ""
    )
    seconds: Annotated[int, describe("Stop after this many seconds.", ge=1, le=MOST_SECONDS)] = 60
    bytes: Annotated[int, describe("Stop at this file size.", ge=1024, le=MOST_BYTES)] = 100 << 20
    storage: Annotated[
        str, describe("Resource ID of the storage account; empty for that of operator.yaml.", max_length=2000, pattern=PLAIN)
    ] = ""  # fmt: skip


class AzureCaptureShape(Shape, frozen=True, kw_only=True):
    """A capture as Azure has it; `storage_path` is the blob that gets the file."""

    id: str
    name: str
    machine: str
    storage_id: str
    storage_path: str
    seconds: int
    bytes: int


class AzureCaptureStateShape(Shape, frozen=True, kw_only=True):
    """A capture with its state, why it ended, and the errors of the machine."""

    capture: AzureCaptureShape
    status: str
    stop_reason: str
    errors: tuple[str, ...]


class AzureCaptureListShape(Shape, frozen=True, kw_only=True):
    """Captures of machines."""

    value: tuple[AzureCaptureShape, ...]


class AzureCaptureQuery(Shape, frozen=True, kw_only=True):
    """The machine whose captures are listed (empty: of all machines)."""

    machine: Annotated[str, _MACHINE] = ""


class AzureCaptureId(Shape, frozen=True, kw_only=True):
    """A capture by its resource ID."""

    id: Annotated[str, _ID]


class StoppedAzureCapture(Shape, frozen=True, kw_only=True):
    """A capture that is to end, and the reason."""

    id: Annotated[str, _ID]
    reason: Annotated[str, _REASON]


@OPERATIONS.operation(
    READ, ApiRoute("GET", "/networkWatcherCaptures", scoped=any_part_scope),
    CommandLine("list", columns=("name", "seconds", "bytes", "storagePath", "id"), nothing="no captures"),
)  # fmt: skip
def list_captures(call: OperationCall, query: AzureCaptureQuery) -> AzureCaptureListShape:
    """List the captures of a machine, or of all machines, as Azure has them now."""
    with translate_errors("machine", StateError):
        found = service.list_azure_captures(call.service, query.machine)
    return AzureCaptureListShape(value=tuple(map(_build_capture_shape, found)))


@OPERATIONS.operation(
    WRITE,
    ApiRoute("POST", "/networkWatcherCaptures", scoped=None),
    CommandLine("start", message="{id}: started"),
)
def start_capture(call: OperationCall, body: NewAzureCapture) -> AzureCaptureShape:
    """Start a capture on an Azure machine that has the Network Watcher extension."""
    asked = AzureCaptureRequest(
        protocol=body.protocol, local_port=body.local_port, remote_port=body.remote_port, remote_address=body.remote_address,
        seconds=body.seconds, bytes=body.bytes, storage=body.storage,
    )  # fmt: skip
    with translate_errors("body", StateError):
        return _build_capture_shape(
            service.start_azure_capture(call.service, body.machine, asked, body.reason)
        )


def _describe_state(one: AzureCaptureStateShape) -> str:
    words = (one.status, one.stop_reason, one.capture.storage_path, *one.errors)
    return " ".join(filter(None, words))


@OPERATIONS.operation(
    READ, ApiRoute("POST", "/networkWatcherCaptures/status", scoped=any_part_scope),
    CommandLine("status", message=_describe_state),
)  # fmt: skip
def query_capture(call: OperationCall, body: AzureCaptureId) -> AzureCaptureStateShape:
    """Return the state of a capture and the storage location of its file."""
    with translate_errors("id", StateError):
        capture, state = service.read_azure_capture(call.service, body.id)
    return AzureCaptureStateShape(
        capture=_build_capture_shape(capture), status=state.packet_capture_status, stop_reason=state.stop_reason,
        errors=state.packet_capture_error,
    )  # fmt: skip


@OPERATIONS.operation(
    STOP,
    ApiRoute("POST", "/networkWatcherCaptures/stop", scoped=any_part_scope),
    CommandLine("stop", message="{id}: stopped"),
)
def stop_capture(call: OperationCall, body: StoppedAzureCapture) -> AzureCaptureShape:
    """Stop a capture, and keep what it took until now."""
    with translate_errors("id", StateError):
        return _build_capture_shape(service.stop_azure_capture(call.service, body.id, body.reason))


def _build_capture_shape(one: AzureCapture) -> AzureCaptureShape:
    known = one.properties
    return AzureCaptureShape(
        id=one.id,
        name=one.name,
        machine=known.target,
        storage_id=known.storage_location.storage_id,
        storage_path=known.storage_location.storage_path,
        seconds=known.time_limit_in_seconds,
        bytes=known.total_bytes_per_session,
    )
