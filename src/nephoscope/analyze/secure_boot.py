"""Secure Boot should be on for Linux virtual machines that support it.

The policy asks it of the machine's guest extension AzureSecurityLinuxAgent, so that the assessment lies on that extension. The
answer is in the machine's body: securityProfile.uefiSettings.secureBootEnabled under the security type TrustedLaunch or
ConfidentialVM. A machine of generation 1, or without that security type on a generation that is known to be 1, is NotApplicable.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from nephoscope.analyze.assessment_key import Key, index_keys
from nephoscope.analyze.verdict import assess_all, report_healthy, report_not_applicable, report_unhealthy
from nephoscope.analyze.virtual_machines import EXTENSION, MACHINE, is_extension
from nephoscope.estate.data_gap import DataNotCollectedError
from nephoscope.estate.resource_lookup import get_properties
from nephoscope.files.json_tree import get_tree

if TYPE_CHECKING:
    from collections.abc import Iterable

    from nephoscope.estate.estate_view import EstateView
    from nephoscope_policy.model.assessment import Assessment
    from nephoscope_policy.model.resource import Resource

ON = Key(
    "0396b18c-41aa-489c-affd-4ee5d1714a59",
    "Secure Boot should be enabled on Linux machines",
    (EXTENSION,),
    ("b1bb3592-47b8-4150-8db0-bfdcc2c8965b",),
)
KEYS = index_keys(ON)
TYPES = (MACHINE, EXTENSION)

_PUBLISHER = "microsoft.azure.security.monitoring"
_AGENT = ("azuresecuritylinuxagent",)


def analyze(view: EstateView) -> Iterable[Assessment]:
    """Judge the machine behind every guest extension of that agent."""

    def assess(extension: Resource, key: Key) -> Assessment:
        id_ = str(extension.body["id"])
        machine = view.estate.resources.get(extension.id.parent)
        if machine is None or not machine.complete:
            raise DataNotCollectedError(extension.id.parent)
        profile = get_tree(get_properties(machine), "securityProfile")
        if str(profile.get("securityType", "")).lower() in ("trustedlaunch", "confidentialvm"):
            if get_tree(profile, "uefiSettings").get("secureBootEnabled") is True:
                return report_healthy(id_, key, "Secure Boot is on")
            return report_unhealthy(id_, key, "Secure Boot is off")
        generation = _read_generation(machine)
        if generation == "v1":
            return report_not_applicable(
                id_, key, "generation-1", "a machine of generation 1 has no Secure Boot"
            )
        if generation == "v2":
            return report_unhealthy(id_, key, "the machine is of generation 2 and has no trusted launch")
        raise DataNotCollectedError(
            f"the generation of {machine.key} (properties.instanceView.hyperVGeneration)"
        )

    agents = [
        part
        for part in view.list_resources(EXTENSION)
        if is_extension(get_properties(part), _PUBLISHER, _AGENT)
    ]
    return assess_all(agents, ON, assess)


def _read_generation(machine: Resource) -> str:
    shown: object = get_properties(machine).get("instanceView")
    return str(shown.get("hyperVGeneration", "")).lower() if isinstance(shown, dict) else ""
