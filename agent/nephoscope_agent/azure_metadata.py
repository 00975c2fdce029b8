"""Azure's instance metadata service: what it says of the virtual machine that asks."""

from __future__ import annotations

import json
import os
import urllib.error
import urllib.request

from nephoscope_agent.row import Values

#: The address of the service; tests answer on another one.
METADATA = os.environ.get("NEPHOSCOPE_AGENT_METADATA", "http://169.254.169.254")
_PATH = "/metadata/instance/compute?api-version=2021-02-01"
_SECONDS = 2
_OUTSIDE = "/providers/microsoft.hybridcompute/"


def read_azure_id() -> str:
    """Return the ARM id of this virtual machine, '' outside of Azure."""
    return str(_read_compute().get("resourceId", ""))


def read_host_encryption(resource: str) -> bool | None:
    """Return whether Azure's host encrypts the disks of this machine: None where it does not say, False outside of Azure."""
    if _OUTSIDE in resource.lower():
        return False
    profile = _read_compute().get("securityProfile")
    told = profile.get("encryptionAtHost") if isinstance(profile, dict) else None
    return None if told in (None, "") else str(told).lower() == "true"


def _read_compute() -> Values:
    request = urllib.request.Request(METADATA + _PATH, headers={"Metadata": "true"})
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=_SECONDS) as answer:
            found = json.loads(answer.read())
    except (OSError, ValueError, urllib.error.URLError):
        return {}
    return found if isinstance(found, dict) else {}
