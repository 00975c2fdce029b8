"""Serve Defender documents that only Azure produces, as they were collected, else 501 with the reason.

A kind that is in none of the tables is no kind of these providers: 404.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from nephoscope.api.wire import arm_documents
from nephoscope.api.wire.api_call import ApiCall
from nephoscope.api.wire.azure_error import ApiError, make_not_assessed_error, make_not_found_error
from nephoscope.api.wire.operation import ApiSurface, OperationRegistry
from nephoscope.api.wire.response import ApiResponse
from nephoscope_policy.model.resource_id import ResourceId

SURFACE = ApiSurface("Collected from Azure")
#: The surface that reads whatever was collected, by any path.
RESOURCES = "Resources"
_DEVICES = "Devices of the internet of things are not watched here."
_NETWORK = "No rule before the machine is wider than its traffic, or flow logs cover less than 30 days."
_ACTING = "This server does not act on it and does not store it."
_FINDINGS = "Findings of this scanner come as sub-assessments; no scans of its own are kept here."
_SOLUTIONS = "This server does not discover partner solutions."

#: What is asked for -> why nothing here produces it.
SECURITY: Mapping[str, str] = {
    "adaptiveNetworkHardenings": _NETWORK,
    "allowedConnections": "No machine of the subscription has a network that was read whole, or it has more than 400 machines.",
    "alerts": "This server does not simulate alerts: test rules with `nephoscope content test`.",
    "apiCollections": "Published APIs are not discovered here.",
    "applicationWhitelistings": "Adaptive application control has not learned what machines run yet.",
    "complianceResults": "Use regulatoryComplianceStandards instead.",
    "compliances": "Use regulatoryComplianceStandards instead.",
    "devices": _DEVICES,
    "discoveredSecuritySolutions": _SOLUTIONS,
    "externalSecuritySolutions": _SOLUTIONS,
    "healthReports": "The health of plans is not assessed here.",
    "ingestionSettings": _ACTING,
    "integrations": _SOLUTIONS,
    "iotAlertTypes": _DEVICES,
    "iotAlerts": _DEVICES,
    "iotDefenderSettings": _DEVICES,
    "iotRecommendationTypes": _DEVICES,
    "iotRecommendations": _DEVICES,
    "iotSecuritySolutions": _DEVICES,
    "iotSensors": _DEVICES,
    "iotSites": _DEVICES,
    "jitNetworkAccessPolicies": "No just-in-time policy is defined.",
    "mdeOnboardings": _SOLUTIONS,
    "onPremiseIotSensors": _DEVICES,
    "operationResults": "No operation of this provider takes long here.",
    "operationStatuses": "No operation of this provider takes long here.",
    "securityConnectors": "Other clouds and code hosts are not connected here.",
    "securitySolutions": _SOLUTIONS,
    "securitySolutionsReferenceData": _SOLUTIONS,
    "serverVulnerabilityAssessments": _FINDINGS,
    "settings": _ACTING,
    "softwareInventories": "No log of installed software: it is read from ConfigurationData and DeviceTvmSoftwareInventory.",
    "sqlVulnerabilityAssessments": _FINDINGS,
    "tasks": "Nothing fails a recommendation there.",
    "topologies": "No virtual network of the subscription was read.",
    "vmScanners": _FINDINGS,
}
INSIGHTS: Mapping[str, str] = {
    "componentPolicyStates": "The components of resources are not judged apart.",
    "policyMetadata": "No loaded initiative maps its groups to the controls of a standard: import Microsoft's initiatives.",
    "policyTrackedResources": "Nothing is deployed or changed by policies here.",
}
SENTINEL: Mapping[str, str] = {
    "actions": "Responses are rules of `nephoscope response`.",
    "aggregations": "Cases were replaced by incidents.",
    "alertRules": "Actions of a rule are rules of `nephoscope response`.",
    "bookmarks": "Use the expansions of a bookmark and its relations with incidents instead.",
    "cases": "Cases were replaced by incidents.",
    "dataConnectors": "Nothing is fetched by a connector here: `nephoscope sources` does that.",
    "enrichment": "Addresses and domains are enriched within queries.",
    "entities": "Use the timeline, insights, expansions and relations of an entity instead.",
    "entityQueryTemplates": "The queries about entities are hunting queries.",
    "fileImports": "Files of indicators are imported by `nephoscope intel import`.",
    "incidents": "Use the alerts, entities and bookmarks of an incident instead.",
    "recommendations": "How a workspace could be used better is not assessed here.",
    "listRepositories": "Content is imported by `nephoscope content import`.",
}


@dataclass(frozen=True, slots=True)
class CollectedProvider:
    """A provider with its kinds; `word` begins the names of its operations."""

    name: str
    word: str
    kinds: Mapping[str, str]

    @property
    def marker(self) -> str:
        """Return what stands before its kinds in an id."""
        return f"/providers/{self.name.lower()}/"


PROVIDERS = (
    CollectedProvider("Microsoft.Security", "Security", SECURITY),
    CollectedProvider("Microsoft.PolicyInsights", "PolicyInsights", INSIGHTS),
    CollectedProvider("Microsoft.SecurityInsights", "SecurityInsights", SENTINEL),
)


#: (method, end of the operation's name, end of its permission)
_CHANGES = (
    ("PUT", "CreateOrUpdate", "write"),
    ("PATCH", "Update", "write"),
    ("POST", "Act", "action"),
    ("DELETE", "Delete", "delete"),
)


def explain_unsupported_kind(provider: CollectedProvider, rest: str) -> str | None:
    """Explain why the kind that a path ends with is not produced, None where the provider has no such kind here."""
    words = rest.split("/")
    word = words[2] if words[0].lower() == "locations" and len(words) > 2 else words[0]
    return next((why for name, why in provider.kinds.items() if name.lower() == word.lower()), None)


def extract_provider_path(call: ApiCall, provider: CollectedProvider) -> str:
    """Return what of the path of a call stands behind its provider."""
    path = call.path.rstrip("/")
    return path[path.lower().rindex(provider.marker) + len(provider.marker) :]


def explain_absence(provider: CollectedProvider, call: ApiCall) -> str:
    """Explain why the kind at a path is not produced; Fault where the provider has no such kind, or answers to other methods there."""
    found = explain_unsupported_kind(provider, extract_provider_path(call, provider))
    if found is None:
        raise _build_no_such_kind_error(call)
    return found


def _build_no_such_kind_error(call: ApiCall) -> ApiError:
    own = [
        one for one in OperationRegistry.load_all_operations() if one.surface not in (SURFACE.name, RESOURCES)
    ]
    allowed = ", ".join(sorted({one.method for one in own if one.template.match(call.path) is not None}))
    if not allowed:
        return ApiError(404, "InvalidResourceType", f"nephoscope answers nothing at {call.path[:300]}.")
    said = f"{call.method} is not possible here; {allowed} is."
    return ApiError(405, "MethodNotAllowed", said, headers={"Allow": allowed})


def _declare_collection_operations(provider: CollectedProvider) -> None:
    path = f"{{scope}}/providers/{provider.name}/{{rest}}"

    @SURFACE.get(path, f"{provider.word}_Read", f"{provider.name}/collected/read")
    def _get(call: ApiCall) -> ApiResponse:
        """Get a collected document, or list the documents of a type below a scope; 501 if none was collected."""
        return read(call, provider)

    for method, name, act in _CHANGES:

        @SURFACE.operation(method, path, f"{provider.word}_{name}", f"{provider.name}/collected/{act}")
        def _refuse_change(call: ApiCall) -> ApiResponse:
            """Answer 501: this server does not process such objects."""
            raise make_not_assessed_error(explain_absence(provider, call))


def read(call: ApiCall, provider: CollectedProvider, *, judged: bool = False) -> ApiResponse:
    """Return what was published or collected at the path of a call: one document, or a list; not assessed where there never was any.

    Of what is `judged` an evaluation that found none says so by an empty list.
    """
    tail = extract_provider_path(call, provider)
    if _is_single_path(call.path):
        found = arm_documents.find_document(call)
        if found is not None:
            return ApiResponse(found)
        why = explain_absence(provider, call)
        if _has_any_document(call, provider, tail.rpartition("/")[0]):
            raise make_not_found_error(f"The resource '{call.path}'")
        raise make_not_assessed_error(why)
    listed = _list_documents(call, provider, tail)
    if not listed.body["value"]:
        why = explain_absence(provider, call)
        if not (judged and call.instance.snapshots.load_newest()) and not _has_any_document(
            call, provider, tail
        ):
            raise make_not_assessed_error(why)
    return listed


def _is_single_path(path: str) -> bool:
    try:
        ResourceId.parse(path.rstrip("/"))
    except ValueError:
        return False
    return True


def _list_types(provider: CollectedProvider, tail: str) -> list[str]:
    """The types that a list is of: a kind stands at the subscription or at a location."""
    words = tail.lower().split("/")
    own = "/".join([provider.name.lower(), *words[::2]])
    return (
        [own]
        if words[0] == "locations"
        else [own, f"{provider.name.lower()}/locations/{'/'.join(words[::2])}"]
    )


def _has_any_document(call: ApiCall, provider: CollectedProvider, tail: str) -> bool:
    """Return whether the estate has documents of a kind at all."""
    published = call.instance.snapshots.load_newest()
    types = _list_types(provider, tail)
    return published is not None and bool(
        published.listing.page(types, call.reach, most=1, collected=True).bodies
    )


def _list_documents(call: ApiCall, provider: CollectedProvider, tail: str) -> ApiResponse:
    wanted = f"{tail.lower()}/"

    def is_below(body: Mapping[str, object]) -> bool:
        own = str(body["id"]).lower().rpartition(provider.marker)[2]
        if not wanted.startswith("locations/") and own.startswith("locations/"):
            own = own.split("/", 2)[-1]
        return own.startswith(wanted)

    scope = call.path.lower().rpartition(provider.marker)[0]
    return arm_documents.list_page(call, _list_types(provider, tail), scope, is_below)


for _provider in PROVIDERS:
    _declare_collection_operations(_provider)
