"""Temporary disks, caches and the traffic to storage should be encrypted (a retired key).

Healthy with securityProfile.encryptionAtHost true, with a confidential machine whose operating system disk is encrypted together
with the guest state, or with a provisioned AzureDiskEncryption or AzureDiskEncryptionForLinux extension. Whether that extension
finished every disk is only known inside the machine.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nephoscope.analyze.assessment_key import Key, index_keys
from nephoscope.analyze.verdict import report_healthy, report_unhealthy
from nephoscope.analyze.virtual_machines import (
    CLASSIC,
    EXTENSION,
    MACHINE,
    assess_machines,
    is_extension,
    list_extensions,
)
from nephoscope.estate.resource_lookup import get_properties

if TYPE_CHECKING:
    from collections.abc import Iterable

    from nephoscope.estate.estate_view import EstateView
    from nephoscope_policy.model.assessment import Assessment
    from nephoscope_policy.model.resource import Resource

ENCRYPTED = Key(
    "d57a4221-a804-52ca-3dea-768284f06bb7",
    "Temporary disks, caches and traffic to storage should be encrypted",
    (MACHINE, CLASSIC),
    retired=("0961003e-5a0a-4549-abde-af6a37f2724d",),
)
KEYS = index_keys(ENCRYPTED)
TYPES = (MACHINE, CLASSIC, EXTENSION)

_PUBLISHER = "microsoft.azure.security"
_TYPES = ("azurediskencryption", "azurediskencryptionforlinux")


def analyze(view: EstateView) -> Iterable[Assessment]:
    """Judge every virtual machine."""

    def assess(machine: Resource, key: Key) -> Assessment:
        id_ = str(machine.body["id"])
        profile: Any = get_properties(machine).get("securityProfile") or {}
        if profile.get("encryptionAtHost") is True:
            return report_healthy(id_, key, "encryption at host is on")
        if _is_confidential(machine):
            return report_healthy(
                id_, key, "the disk of the confidential machine is encrypted with its guest state"
            )
        for body in list_extensions(view, machine):
            if is_extension(body, _PUBLISHER, _TYPES) and _is_agent_provisioned(body):
                return report_healthy(id_, key, "Azure Disk Encryption is installed")
        return report_unhealthy(id_, key, "neither encryption at host nor Azure Disk Encryption is on")

    return assess_machines(view, ENCRYPTED, assess)


def _is_agent_provisioned(body: dict[str, object]) -> bool:
    return str(body.get("provisioningState", "Succeeded")).lower() == "succeeded"


def _is_confidential(machine: Resource) -> bool:
    value: Any = get_properties(machine)
    for name in ("storageProfile", "osDisk", "managedDisk", "securityProfile"):
        value = value.get(name)
        if not isinstance(value, dict):
            return False
    return str(value.get("securityEncryptionType", "")).lower() == "diskwithvmgueststate"
