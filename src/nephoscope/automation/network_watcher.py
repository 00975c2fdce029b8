"""Network Watcher for captures: the client with the sign-in of operator.yaml, and the watcher of a machine of the stored estate."""

from __future__ import annotations

import ipaddress
from http import HTTPStatus
from itertools import product
from pathlib import Path

from nephoscope.automation.operator_policy import CapturePolicy
from nephoscope.connect.cloud import CloudError, load_cloud
from nephoscope.connect.credentials import SignInError, TokenProvider, create_credential_source
from nephoscope.connect.network_watcher_client import (
    AzureCapture,
    AzureCaptureFilter,
    NetworkWatcherClient,
    NetworkWatcherError,
)
from nephoscope.estate.tenant_stores import open_tenant_stores
from nephoscope.state import NotFoundError, StateError

#: What starts and stops a capture in Azure, and the names of both in the audit log.
WRITE = "Microsoft.Network/networkWatchers/packetCaptures/write"
STOP = "Microsoft.Network/networkWatchers/packetCaptures/stop/action"
WATCHER_TYPE, MACHINE_TYPE = "microsoft.network/networkwatchers", "microsoft.compute/virtualmachines"
_ENDED = {"stopped", "error"}


def open_network_watcher(allowed: CapturePolicy | None) -> NetworkWatcherClient:
    """Return the client with the sign-in that operator.yaml names. Raises StateError where it names none or a wrong one."""
    if allowed is None or not allowed.sign_in:
        raise StateError(
            "operator.yaml must name a sign-in for captures of Network Watcher (captures.sign_in)"
        )
    try:
        cloud = load_cloud(allowed.cloud)
        source = create_credential_source(allowed.sign_in, cloud, allowed.tenant)
    except (CloudError, SignInError, ValueError) as error:
        raise StateError(f"operator.yaml (captures): {error}") from error
    return NetworkWatcherClient(cloud.resource_manager, TokenProvider(source, cloud.resource_manager_scope))


def find_watcher(data: Path, machine: str) -> str:
    """Return the network watcher of the region of a machine, by its lower-cased id.

    Raises NotFoundError for a machine that the stored estate does not have; StateError where the watcher was not collected.
    """
    for store in open_tenant_stores(data):
        if not (store.version and store.list_snapshots()):
            continue
        known = store.find_resources([machine]).get(machine)
        if known is None:
            continue
        place = _read_region(known.body)
        for one in store.select_types([WATCHER_TYPE]).list_of_type(WATCHER_TYPE):
            if one.id.subscription == known.id.subscription and _read_region(one.body) == place:
                return str(one.body["id"])
        raise StateError(
            f"the stored estate has no network watcher for {place or 'its region'} in this subscription"
        )
    raise NotFoundError(f"machine {machine[:300]!r} not found in the stored estate")


def _read_region(body: object) -> str:
    place = body.get("location") if isinstance(body, dict) else None
    return str(place or "").lower().replace(" ", "")


def list_captures(client: NetworkWatcherClient, watcher: str) -> tuple[AzureCapture, ...]:
    """Return the captures of a network watcher, none where it is gone since the estate was stored. Raises NetworkWatcherError."""
    try:
        return client.list(watcher)
    except NetworkWatcherError as error:
        if error.status == HTTPStatus.NOT_FOUND:
            return ()
        raise


def find_capture(client: NetworkWatcherClient, id_: str) -> AzureCapture | None:
    """Return a capture by its resource ID, None where there is none. Raises NetworkWatcherError."""
    try:
        return client.get(id_)
    except NetworkWatcherError as error:
        if error.status == HTTPStatus.NOT_FOUND:
            return None
        raise


def is_running(client: NetworkWatcherClient, id_: str) -> bool:
    """Return whether a capture has not ended: what Azure does not know yet counts as running. Raises NetworkWatcherError."""
    return client.query_status(id_).packet_capture_status.lower() not in _ENDED


def build_filters(protocol: str, address: str, port: int) -> tuple[AzureCaptureFilter, ...]:
    """Return the filters for packets with an address and a port at either end ('' and 0 for any), none for every packet.

    A packet is captured that one of the filters lets through, so that each side of each end has a filter.
    """
    known = str(ipaddress.ip_address(address)) if address else ""
    ends = ({"local_address": known}, {"remote_address": known}) if known else ({},)
    ports = ({"local_port": str(port)}, {"remote_port": str(port)}) if port else ({},)
    found = tuple(
        AzureCaptureFilter(protocol=protocol.upper(), **end, **at) for end, at in product(ends, ports)
    )
    return () if found == (AzureCaptureFilter(),) else found
