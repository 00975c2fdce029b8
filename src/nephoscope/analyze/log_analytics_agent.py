"""The Log Analytics agent should be installed on machines, scale sets and cloud services.

Looks for the extension of publisher Microsoft.EnterpriseCloud.Monitoring (MicrosoftMonitoringAgent, OmsAgentForLinux) among the
extensions of a machine, or in the extension profile of a scale set or cloud service. The agent is retired: the keys live on in
policies for cloud services and in retired ones.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from nephoscope.analyze.assessment_key import Key, index_keys
from nephoscope.analyze.verdict import assess_all, report_healthy, report_unhealthy
from nephoscope.analyze.virtual_machines import (
    CLASSIC,
    EXTENSION,
    MACHINE,
    assess_machines,
    is_extension,
    list_extensions,
)
from nephoscope.estate.network import SCALE_SET_TYPE
from nephoscope.estate.resource_lookup import get_properties

if TYPE_CHECKING:
    from collections.abc import Iterable

    from nephoscope.estate.estate_view import EstateView
    from nephoscope_policy.model.assessment import Assessment
    from nephoscope_policy.model.resource import Resource

CLOUD_SERVICE = "microsoft.compute/cloudservices"

ON_MACHINE = Key(
    "d1db3318-01ff-16de-29eb-28b344515626",
    "The Log Analytics agent should be installed on the machine",
    (MACHINE, CLASSIC),
    retired=("a4fe33eb-e377-4efb-ab31-0784311bc499",),
)
ON_SET = Key(
    "45cfe080-ceb1-a91e-9743-71551ed24e94",
    "The Log Analytics agent should be installed on every instance",
    (CLOUD_SERVICE, SCALE_SET_TYPE),
    ("15fdbc87-8a47-4ee9-a2aa-9a2ea1f37554",),
    ("a3a6ea0c-e018-4933-9ef0-5aaa1501449b",),
)
KEYS = index_keys(ON_MACHINE, ON_SET)
TYPES = (MACHINE, CLASSIC, EXTENSION, CLOUD_SERVICE, SCALE_SET_TYPE)

_PUBLISHER = "microsoft.enterprisecloud.monitoring"
_AGENTS = ("microsoftmonitoringagent", "omsagentforlinux")


def analyze(view: EstateView) -> Iterable[Assessment]:
    """Judge every machine, scale set and cloud service."""

    def assess_machine(resource: Resource, key: Key) -> Assessment:
        return _assess_agent(resource, key, list_extensions(view, resource))

    def assess_extensions(resource: Resource, key: Key) -> Assessment:
        return _assess_agent(resource, key, _list_profile_extensions(resource))

    yield from assess_machines(view, ON_MACHINE, assess_machine)
    for type_ in (CLOUD_SERVICE, SCALE_SET_TYPE):
        yield from assess_all(view.list_resources(type_), ON_SET, assess_extensions)


def _list_profile_extensions(resource: Resource) -> list[dict[str, object]]:
    """The extensions in a model's extension profile."""
    body = get_properties(resource)
    model: object = body.get("virtualMachineProfile") if resource.type == SCALE_SET_TYPE else body
    profile = model.get("extensionProfile") if isinstance(model, dict) else None
    entries = profile.get("extensions") if isinstance(profile, dict) else None
    return [entry.get("properties") or {} for entry in entries or [] if isinstance(entry, dict)]


def _assess_agent(resource: Resource, key: Key, bodies: list[dict[str, object]]) -> Assessment:
    id_ = str(resource.body["id"])
    if any(is_extension(body, _PUBLISHER, _AGENTS) for body in bodies):
        return report_healthy(id_, key, "the Log Analytics agent is installed")
    return report_unhealthy(id_, key, "the Log Analytics agent is not installed")
