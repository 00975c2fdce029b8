"""The instance view of a virtual machine, made of what was read of it: Resource Graph keeps it under `extended`.

Source: https://learn.microsoft.com/rest/api/compute/virtual-machines/get ($expand), virtual-machines/list-all (statusOnly)
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nephoscope.api.wire.api_call import ApiCall

MACHINE = "microsoft.compute/virtualmachines"
_TOLD = ("computerName", "osName", "osVersion", "hyperVGeneration")


def is_requested(call: ApiCall) -> bool:
    """Return whether a request asks for the state of machines beside what they are."""
    expanded = {one.strip().lower() for one in call.get_query_value("$expand").split(",")}
    return "instanceview" in expanded or call.get_query_value("statusOnly").lower() == "true"


def add_instance_view(body: dict[str, Any]) -> dict[str, object]:
    """A document with its instance view, where it is a machine."""
    if str(body.get("type", "")).lower() != MACHINE:
        return body
    properties = body.get("properties") or {}
    return {**body, "properties": {**properties, "instanceView": build_instance_view(properties)}}


def build_instance_view(properties: Mapping[str, Any]) -> dict[str, object]:
    """Return what is known of how a machine runs; without a power state where none was read."""
    known = properties.get("instanceView") or (properties.get("extended") or {}).get("instanceView") or {}
    if known.get("statuses"):
        return dict(known)
    provisioned = str(properties.get("provisioningState") or "")
    statuses = [known["powerState"]] if isinstance(known.get("powerState"), Mapping) else []
    if provisioned:
        state = {
            "code": f"ProvisioningState/{provisioned.lower()}",
            "level": "Info",
            "displayStatus": f"Provisioning {provisioned.lower()}",
        }
        statuses = [state, *statuses]
    return {**{name: known[name] for name in _TOLD if known.get(name)}, "statuses": statuses}
