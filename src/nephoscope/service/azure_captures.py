"""Packet captures of Azure machines by Network Watcher, started and stopped with a sign-in that the operator's file names."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from typing import TYPE_CHECKING, Literal
from uuid import uuid4

import msgspec

from nephoscope.automation.operator_policy import operator
from nephoscope.connect.cloud import CloudError, load_cloud
from nephoscope.connect.credentials import SignInError, TokenProvider, credential_source
from nephoscope.connect.network_watcher_client import (
    AzureCapture,
    AzureCaptureFilter,
    AzureCaptureProperties,
    AzureCaptureStatus,
    AzureStorageLocation,
    NetworkWatcherClient,
    NetworkWatcherError,
)
from nephoscope.estate.tenant_stores import tenant_stores
from nephoscope.state import NotFoundError, StateError
from nephoscope_policy.model.resource_id import ResourceId

if TYPE_CHECKING:
    from nephoscope.service.service_context import ServiceContext

READ, WRITE = (f"Microsoft.Network/networkWatchers/packetCaptures/{one}" for one in ("read", "write"))
STOP = "Microsoft.Network/networkWatchers/packetCaptures/stop/action"
#: Who may read the keys of a storage account may have packets written there, as in Azure.
STORAGE_KEYS = "Microsoft.Storage/storageAccounts/listKeys/action"
_WATCHERS = "microsoft.network/networkwatchers"
_MACHINE = "microsoft.compute/virtualmachines"
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
    told = {
        "machine": machine,
        "capture": name,
        "properties": msgspec.to_builtins(properties),
        "justification": reason,
    }
    with context.change_files(WRITE, key, f"packet capture of {key}", **told), _translating():
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
        _translating(),
    ):
        client.stop(capture.id)
    return capture


def read_azure_capture(context: ServiceContext, id_: str) -> tuple[AzureCapture, AzureCaptureStatus]:
    """Return a capture with its state, as Azure has it now. Raises as `start_azure_capture`."""
    capture, client = _find_capture(context, id_, READ)
    with _translating():
        return capture, client.query_status(capture.id)


def list_azure_captures(context: ServiceContext, machine: str = "") -> list[AzureCapture]:
    """Return the captures of a machine as Azure has them now, or of all machines that the user may read captures of.

    Raises as `start_azure_capture`.
    """
    key = _require_machine(context, machine, READ) if machine else ""
    client, _ = _open_client(context)
    watchers = [_find_watcher(context, key)] if key else _list_watchers(context)
    with _translating():
        found = [one for watcher in watchers for one in _list_below(client, watcher)]
    wanted = [one for one in found if not key or one.properties.target.lower() == key]
    return [one for one in wanted if context.actor.is_permitted(READ, one.properties.target.lower())]


def _list_below(client: NetworkWatcherClient, watcher: str) -> tuple[AzureCapture, ...]:
    """The captures of a network watcher, none where it is gone since the estate was stored."""
    try:
        return client.list(watcher)
    except NetworkWatcherError as error:
        if error.status == HTTPStatus.NOT_FOUND:
            return ()
        raise


def is_configured(context: ServiceContext) -> bool:
    """Return whether operator.yaml names a sign-in for captures of Network Watcher."""
    try:
        allowed = operator(context.data).captures
    except ValueError:
        return False
    return allowed is not None and bool(allowed.sign_in)


def _list_watchers(context: ServiceContext) -> list[str]:
    """The network watchers of the stored estate."""
    return [
        str(one.body["id"])
        for store in tenant_stores(context.data)
        if store.version and store.snapshots()
        for one in store.select_types([_WATCHERS]).by_type(_WATCHERS)
    ]


@contextmanager
def _translating() -> Iterator[None]:
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
    if id_.type != _MACHINE:
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
    try:
        capture = client.get(id_)
    except NetworkWatcherError as error:
        raise unknown if error.status == HTTPStatus.NOT_FOUND else StateError(str(error)) from error
    target = capture.properties.target.lower()
    if not any(context.actor.is_permitted(one, target) for one in (READ, operation)):
        raise unknown
    context.require(operation, target)
    return msgspec.structs.replace(capture, id=id_), client


def _find_watcher(context: ServiceContext, machine: str) -> str:
    """Return the network watcher of the region of a machine. Raises NotFoundError; StateError where it was not collected."""
    for store in tenant_stores(context.data):
        if not (store.version and store.snapshots()):
            continue
        known = store.find_several([machine]).get(machine)
        if known is None:
            continue
        place = _read_region(known.body)
        for one in store.select_types([_WATCHERS]).by_type(_WATCHERS):
            if one.id.subscription == known.id.subscription and _read_region(one.body) == place:
                return str(one.body["id"])
        raise StateError(
            f"the stored estate has no network watcher for {place or 'its region'} in this subscription"
        )
    raise NotFoundError(f"machine {machine[:300]!r} not found in the stored estate")


def _read_region(body: object) -> str:
    place = body.get("location") if isinstance(body, dict) else None
    return str(place or "").lower().replace(" ", "")


def _open_client(context: ServiceContext) -> tuple[NetworkWatcherClient, str]:
    """Return the client with the sign-in of operator.yaml, and the storage account that it names."""
    try:
        allowed = operator(context.data).captures
        if allowed is None or not allowed.sign_in:
            raise StateError(
                "operator.yaml must name a sign-in for captures of Network Watcher (captures.sign_in)"
            )
        cloud = load_cloud(allowed.cloud)
        source = credential_source(allowed.sign_in, cloud, allowed.tenant)
    except (CloudError, SignInError, ValueError) as error:
        raise StateError(f"operator.yaml (captures): {error}") from error
    tokens = TokenProvider(source, cloud.resource_manager_scope)
    return NetworkWatcherClient(cloud.resource_manager, tokens), allowed.storage
