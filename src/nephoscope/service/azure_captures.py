"""Packet captures of Azure machines by Network Watcher, started and stopped with a sign-in that the operator's file names."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Literal
from uuid import uuid4

import msgspec

from nephoscope.automation.network_watcher import (
    MACHINE_TYPE,
    STOP,
    WATCHER_TYPE,
    WRITE,
    find_capture,
    find_watcher,
    list_captures,
    open_network_watcher,
)
from nephoscope.automation.operator_policy import load_operator_policy
from nephoscope.connect.network_watcher_client import (
    AzureCapture,
    AzureCaptureFilter,
    AzureCaptureProperties,
    AzureCaptureStatus,
    AzureStorageLocation,
    NetworkWatcherClient,
    NetworkWatcherError,
)
from nephoscope.estate.tenant_stores import open_tenant_stores
from nephoscope.state import NotFoundError, StateError
from nephoscope_policy.model.resource_id import ResourceId

if TYPE_CHECKING:
    from nephoscope.service.service_context import ServiceContext

READ = "Microsoft.Network/networkWatchers/packetCaptures/read"
#: Who may read the keys of a storage account may have packets written there, as in Azure.
STORAGE_KEYS = "Microsoft.Storage/storageAccounts/listKeys/action"
#: A name in a resource ID: no end in a point, so that it is no step to the folder above.
_NAME = r"[\w().-]*[\w()-]"
_CAPTURE = re.compile(
    rf"/subscriptions/{_NAME}/resourcegroups/{_NAME}/providers/microsoft\.network/networkwatchers/{_NAME}/packetcaptures/{_NAME}",
    re.IGNORECASE,
)
#: Seconds and bytes that Azure captures at most.
MOST_SECONDS, MOST_BYTES = 18_000, 1 << 32
AzureProtocol = Literal["any", "tcp", "udp"]


class AzureCaptureRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A capture: which packets, its limits, and the storage account that gets the file ('' = the operator's)."""

    protocol: AzureProtocol = "any"
    local_port: int = 0
    remote_port: int = 0
    remote_address: str = ""
    seconds: int = 60
    bytes: int = 100 << 20
    storage: str = ""

    def filters(self) -> tuple[AzureCaptureFilter, ...]:
        """Return the filter as Azure has it, none where every packet is wanted. Raises StateError."""
        try:
            address = str(ipaddress.ip_address(self.remote_address)) if self.remote_address else ""
        except ValueError as error:
            raise StateError(f"{self.remote_address[:100]!r} is not an IP address") from error
        found = AzureCaptureFilter(
            protocol="" if self.protocol == "any" else self.protocol.upper(),
            local_port=str(self.local_port or ""),
            remote_port=str(self.remote_port or ""),
            remote_address=address,
        )
        return () if found == AzureCaptureFilter() else (found,)


def start_azure_capture(
    context: ServiceContext, machine: str, asked: AzureCaptureRequest, reason: str
) -> AzureCapture:
    """Start a capture on a machine of the stored estate.

    A storage account that the request names wants the right to its keys. Raises DeniedError, NotFoundError; StateError where it
    cannot be meant, is not allowed, or Azure refuses.
    """
    key = _require_machine(context, machine, WRITE)
    if not reason.strip():
        raise StateError("a justification is required")
    client, own_storage = _open_client(context)
    storage = asked.storage or own_storage
    if not storage:
        raise StateError("a storage account is required: name one, or add captures.storage to operator.yaml")
    account = _find_storage(storage)
    if asked.storage:
        context.require(STORAGE_KEYS, account)
    watcher = _find_watcher(context, key)
    properties = AzureCaptureProperties(
        target=machine, storage_location=AzureStorageLocation(storage_id=storage), time_limit_in_seconds=asked.seconds,
        total_bytes_per_session=asked.bytes, filters=asked.filters(),
    )  # fmt: skip
    name = f"nephoscope-{uuid4().hex[:12]}"
    detail = {
        "machine": machine,
        "capture": name,
        "properties": msgspec.to_builtins(properties),
        "justification": reason,
    }
    with context.change_files(WRITE, key, f"packet capture of {key}", **detail), _translate_refusals():
        return client.create(watcher, name, properties)


def stop_azure_capture(context: ServiceContext, id_: str, reason: str) -> AzureCapture:
    """Stop a capture. Raises as `start_azure_capture`."""
    capture, client = _find_capture(context, id_, STOP)
    if not reason.strip():
        raise StateError("a justification is required")
    target = capture.properties.target.lower()
    with (
        context.change_files(
            STOP, target, f"packet capture of {target}", capture=capture.id, justification=reason
        ),
        _translate_refusals(),
    ):
        client.stop(capture.id)
    return capture


def read_azure_capture(context: ServiceContext, id_: str) -> tuple[AzureCapture, AzureCaptureStatus]:
    """Return a capture with its state, as Azure has it now. Raises as `start_azure_capture`."""
    capture, client = _find_capture(context, id_, READ)
    with _translate_refusals():
        return capture, client.query_status(capture.id)


def list_azure_captures(context: ServiceContext, machine: str = "") -> list[AzureCapture]:
    """Return the captures of a machine as Azure has them now, or of all machines that the user may read captures of.

    Raises as `start_azure_capture`.
    """
    key = _require_machine(context, machine, READ) if machine else ""
    client, _ = _open_client(context)
    watchers = [_find_watcher(context, key)] if key else _list_watchers(context)
    with _translate_refusals():
        found = [one for watcher in watchers for one in list_captures(client, watcher)]
    wanted = [one for one in found if not key or one.properties.target.lower() == key]
    return [one for one in wanted if context.actor.is_permitted(READ, one.properties.target.lower())]


def is_capturing_configured(context: ServiceContext) -> bool:
    """Return whether operator.yaml names a sign-in for captures of Network Watcher."""
    try:
        allowed = load_operator_policy(context.data).captures
    except ValueError:
        return False
    return allowed is not None and bool(allowed.sign_in)


def _list_watchers(context: ServiceContext) -> list[str]:
    """The network watchers of the stored estate."""
    return [
        str(one.body["id"])
        for store in open_tenant_stores(context.data)
        if store.version and store.list_snapshots()
        for one in store.select_types([WATCHER_TYPE]).list_of_type(WATCHER_TYPE)
    ]


@contextmanager
def _translate_refusals() -> Iterator[None]:
    """Raise StateError for what Azure does not carry out within the block."""
    try:
        yield
    except NetworkWatcherError as error:
        raise StateError(str(error)) from error


def _require_machine(context: ServiceContext, machine: str, operation: str) -> str:
    """Return the lower-cased id of a machine on which an operation is permitted. Raises DeniedError, StateError."""
    try:
        id_ = ResourceId.parse(machine)
    except ValueError as error:
        raise StateError(f"{machine[:300]!r} is not a resource ID") from error
    context.require(operation, id_.key)
    if id_.type != MACHINE_TYPE:
        raise StateError(f"{machine[:300]!r} is not a virtual machine of Azure")
    return id_.key


def _find_storage(storage: str) -> str:
    """Return the lower-cased id of a storage account. Raises StateError."""
    try:
        found = ResourceId.parse(storage)
    except ValueError as error:
        raise StateError(f"{storage[:300]!r} is not a resource ID") from error
    if found.type != "microsoft.storage/storageaccounts":
        raise StateError(f"{storage[:300]!r} is not a storage account")
    return found.key


def _find_capture(
    context: ServiceContext, id_: str, operation: str
) -> tuple[AzureCapture, NetworkWatcherClient]:
    """Return a capture whose machine an operation is permitted on, as one that is not there where it is not."""
    if not _CAPTURE.fullmatch(id_):
        raise StateError(f"{id_[:300]!r} is not the resource ID of a packet capture")
    client, _ = _open_client(context)
    unknown = NotFoundError(f"packet capture {id_[:300]!r} not found")
    with _translate_refusals():
        capture = find_capture(client, id_)
    if capture is None:
        raise unknown
    target = capture.properties.target.lower()
    if not any(context.actor.is_permitted(one, target) for one in (READ, operation)):
        raise unknown
    context.require(operation, target)
    return msgspec.structs.replace(capture, id=id_), client


def _find_watcher(context: ServiceContext, machine: str) -> str:
    """Return the network watcher of the region of a machine. Raises NotFoundError, StateError."""
    return find_watcher(context.data, machine)


def _open_client(context: ServiceContext) -> tuple[NetworkWatcherClient, str]:
    """Return the client with the sign-in of operator.yaml, and the storage account that it names."""
    try:
        allowed = load_operator_policy(context.data).captures
    except ValueError as error:
        raise StateError(f"operator.yaml (captures): {error}") from error
    return open_network_watcher(allowed), allowed.storage if allowed else ""
