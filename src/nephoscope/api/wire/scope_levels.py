"""Scope levels at which ARM accepts each document type.

Source: the paths of the operations at https://learn.microsoft.com/rest/api/defenderforcloud, https://learn.microsoft.com/rest/api/policy
and https://learn.microsoft.com/rest/api/resourcegraph, and what they say of `scope`
"""

from __future__ import annotations

from collections.abc import Mapping

from nephoscope.access.scopes import MANAGEMENT_GROUP
from nephoscope.api.wire.azure_error import ApiError

TENANT, MANAGED, SUBSCRIPTION, GROUP, RESOURCE = (
    "tenant", "management group", "subscription", "resource group", "resource",
)  # fmt: skip
_CONNECTOR, _HUB = "microsoft.security/securityconnectors", "microsoft.devices/iothubs"
_MACHINES = (
    "microsoft.compute/virtualmachines",
    "microsoft.compute/virtualmachinescalesets",
    "microsoft.hybridcompute/machines",
)
_EVERY = (MANAGED, SUBSCRIPTION, GROUP, RESOURCE)
#: Lower-cased type -> where it stands: levels, and types of resources that alone have it. What is below a type stands with it.
LEVELS: Mapping[str, tuple[str, ...]] = {
    "microsoft.authorization/policyassignments": _EVERY,
    "microsoft.authorization/policydefinitions": (MANAGED, SUBSCRIPTION),
    "microsoft.authorization/policyexemptions": _EVERY,
    "microsoft.authorization/policysetdefinitions": (MANAGED, SUBSCRIPTION),
    "microsoft.policyinsights/attestations": (SUBSCRIPTION, GROUP, RESOURCE),
    "microsoft.policyinsights/remediations": _EVERY,
    "microsoft.resourcegraph/queries": (GROUP,),
    "microsoft.security/advancedthreatprotectionsettings": (RESOURCE,),
    "microsoft.security/alertssuppressionrules": (SUBSCRIPTION,),
    "microsoft.security/applications": (SUBSCRIPTION, _CONNECTOR),
    "microsoft.security/assessmentmetadata": (SUBSCRIPTION,),
    "microsoft.security/assessments": (SUBSCRIPTION, GROUP, RESOURCE),
    "microsoft.security/assignments": (GROUP,),
    "microsoft.security/autoprovisioningsettings": (SUBSCRIPTION,),
    "microsoft.security/automations": (GROUP,),
    "microsoft.security/connectors": (SUBSCRIPTION,),
    "microsoft.security/customassessmentautomations": (GROUP,),
    "microsoft.security/customentitystoreassignments": (GROUP,),
    "microsoft.security/customrecommendations": (MANAGED, SUBSCRIPTION, _CONNECTOR),
    "microsoft.security/defenderforstoragesettings": (RESOURCE,),
    "microsoft.security/devicesecuritygroups": (RESOURCE,),
    "microsoft.security/governancerules": (MANAGED, SUBSCRIPTION, _CONNECTOR),
    "microsoft.security/informationprotectionpolicies": (MANAGED, SUBSCRIPTION),
    "microsoft.security/ingestionsettings": (SUBSCRIPTION,),
    "microsoft.security/iotdefendersettings": (SUBSCRIPTION,),
    "microsoft.security/iotsecuritysolutions": (GROUP,),
    "microsoft.security/iotsensors": (SUBSCRIPTION, _HUB),
    "microsoft.security/iotsites": (SUBSCRIPTION, _HUB),
    "microsoft.security/locations/applicationwhitelistings": (SUBSCRIPTION,),
    "microsoft.security/locations/jitnetworkaccesspolicies": (GROUP,),
    "microsoft.security/onpremiseiotsensors": (SUBSCRIPTION,),
    "microsoft.security/pricings": (SUBSCRIPTION, *_MACHINES),
    "microsoft.security/securityconnectors": (GROUP,),
    "microsoft.security/securitycontacts": (SUBSCRIPTION,),
    "microsoft.security/securitystandards": (MANAGED, SUBSCRIPTION, _CONNECTOR),
    "microsoft.security/sensitivitysettings": (TENANT,),
    "microsoft.security/servervulnerabilityassessments": (RESOURCE,),
    "microsoft.security/servervulnerabilityassessmentssettings": (SUBSCRIPTION,),
    "microsoft.security/settings": (SUBSCRIPTION,),
    "microsoft.security/sqlvulnerabilityassessments": (RESOURCE,),
    "microsoft.security/standardassignments": _EVERY,
    "microsoft.security/standards": (GROUP,),
    "microsoft.security/workspacesettings": (SUBSCRIPTION,),
}


def check_scope_level(path: str, version: str) -> None:
    """Fault 404 where a path puts what its scope cannot have; `version` is the one of the interface that was asked for."""
    scope, _, tail = path.rstrip("/").rpartition("/providers/")
    space, *words = tail.split("/")
    if len(words) % 2:  # a list, which nothing can be put in the place of
        return
    type_ = "/".join([space, *words[::2]])
    places = _find_allowed_levels(type_.lower())
    if places is None or not {*_find_scope_level(scope.strip("/").lower())}.isdisjoint(places):
        return
    problem = f"The resource type '{'/'.join(words[::2])}' could not be found in the namespace '{space}' for api version '{version}'"
    raise ApiError(
        404, "InvalidResourceType", f"{problem} at this scope: expected a {' or a '.join(places)}."
    )


def _find_allowed_levels(type_: str) -> tuple[str, ...] | None:
    """Where a type stands, None where it may anywhere."""
    while type_ not in LEVELS and "/" in type_:
        type_ = type_.rpartition("/")[0]
    return LEVELS.get(type_)


def _find_scope_level(scope: str) -> tuple[str, ...]:
    """The level of a scope, and of a resource its type."""
    if not scope:
        return (TENANT,)
    words = scope.split("/")
    if f"/{scope}".startswith(MANAGEMENT_GROUP) and len(words) == 4:
        return (MANAGED,)
    if words[0] == "subscriptions" and len(words) in (2, 4):
        return (SUBSCRIPTION,) if len(words) == 2 else (GROUP,)
    space, *names = f"/{scope}".rpartition("/providers/")[2].split("/")
    return RESOURCE, "/".join([space, *names[::2]])
