"""Machine resource: the ARM id that an enrolled machine gets, inside of Azure and outside."""

from __future__ import annotations

import re

from nephoscope_policy.model.resource_id import ResourceId, is_in_scope

HYBRID = "Microsoft.HybridCompute/machines"
_AZURE = frozenset(
    {"microsoft.compute/virtualmachines", "microsoft.compute/virtualmachinescalesets/virtualmachines"}
)
_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,52}[A-Za-z0-9])?")
_GROUP = re.compile(r"/subscriptions/[0-9a-f-]{36}/resourcegroups/[^/]+", re.IGNORECASE)


class MachineRefusedError(ValueError):
    """A machine that an enrolment does not let in, with the reason."""


def build_machine_resource_id(scope: str, computer: str, azure_id: str) -> str:
    """Return the ARM id of a machine that enrols within a scope; `azure_id` is that of a virtual machine, '' outside of Azure.

    Raises MachineRefusedError.
    """
    if azure_id:
        return _find_azure_machine(scope, azure_id)
    if not _GROUP.fullmatch(scope):
        raise MachineRefusedError("a machine outside of Azure needs an enrolment for a resource group")
    name = computer.partition(".")[0]
    if not _NAME.fullmatch(name):
        raise MachineRefusedError(
            f"the name {computer[:100]!r} is not a valid machine name: use 1 to 54 letters, digits, '.', '_' and '-'"
        )
    return f"{scope}/providers/{HYBRID}/{name}"


def _find_azure_machine(scope: str, azure_id: str) -> str:
    try:
        found = ResourceId.parse(azure_id)
    except ValueError as error:
        raise MachineRefusedError(f"azureResourceId: {error}") from error
    if found.type not in _AZURE:
        raise MachineRefusedError(f"azureResourceId: not a virtual machine: {azure_id[:300]!r}")
    if not is_in_scope(found.key, scope.lower()):
        raise MachineRefusedError(
            f"azureResourceId: the enrolment is for {scope}, not for {azure_id[:300]!r}"
        )
    return azure_id.rstrip("/")
