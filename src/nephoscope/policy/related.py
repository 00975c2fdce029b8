"""Finding the related resources of an *IfNotExists effect.

Source: https://learn.microsoft.com/azure/governance/policy/concepts/effect-audit-if-not-exists (details.type, name,
resourceGroupName, existenceScope).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from nephoscope.model.resource_id import SUBSCRIPTION_TYPE

if TYPE_CHECKING:
    from nephoscope.policy.snapshot import Snapshot
    from nephoscope.policy.view import View

EXTENSIONS = frozenset(
    {
        "microsoft.aadiam/diagnosticsettings",
        "microsoft.authorization/locks",
        "microsoft.automanage/configurationprofileassignments",
        "microsoft.advisor/configurations",
        "microsoft.chaos/targets",
        "microsoft.guestconfiguration/guestconfigurationassignments",
        "microsoft.insights/datacollectionruleassociations",
        "microsoft.insights/diagnosticsettings",
        "microsoft.insights/guestdiagnosticsettingsassociation",
        "microsoft.insights/vminsightsonboardingstatuses",
        "microsoft.kubernetesconfiguration/extensions",
        "microsoft.kubernetesconfiguration/fluxconfigurations",
        "microsoft.kubernetesconfiguration/sourcecontrolconfigurations",
        "microsoft.maintenance/configurationassignments",
        "microsoft.management/managementgroups/diagnosticsettings",
        "microsoft.policyinsights/attestations",
        "microsoft.policyinsights/remediations",
        "microsoft.security/advancedthreatprotectionsettings",
        "microsoft.security/assessments",
        "microsoft.security/defenderforstoragesettings",
        "microsoft.security/devicesecuritygroups",
        "microsoft.security/serverscans",
        "microsoft.security/complianceresults",
        "microsoft.azureactivedirectory/diagnosticsettings",
        "microsoft.hybridconnectivity/endpoints",
        "microsoft.azurestackhci/virtualmachineinstances",
        "microsoft.connectedvmwarevsphere/virtualmachineinstances",
        "microsoft.customproviders/associations",
        "microsoft.dataprotection/backupinstances",
        "microsoft.recoveryservices/backupprotecteditems",
        "microsoft.resources/links",
    }
)
"""Types whose resources extend another one: looked up under the evaluated resource, not in its resource group."""


_WILDCARDS = frozenset("?*")


@dataclass(frozen=True, slots=True)
class Lookup:
    """What an effect's details ask for, evaluated; all but `name` lower-cased, `name` '' where none is given."""

    type: str
    name: str = ""
    resource_group: str = ""
    scope: str = ""


@dataclass(frozen=True, slots=True)
class Found:
    """The candidates, and why the answer may be incomplete: `gap` is '' when it is complete, `unique` when an id was named."""

    candidates: tuple[View, ...]
    gap: str
    unique: bool


def find(lookup: Lookup, view: View, snapshot: Snapshot) -> Found:
    """The related resources of `view`."""
    identifier = view.resource.id
    parent = _parent(lookup, view)
    if parent:
        candidates = _under(parent, lookup, view, snapshot)
    elif lookup.scope == "subscription" or not (identifier.resource_group or lookup.resource_group):
        candidates = snapshot.in_subscription(identifier.subscription, lookup.type)
    else:
        candidates = snapshot.in_group(_group(lookup, view), lookup.type)
    if lookup.name:
        candidates = [candidate for candidate in candidates if names_match(lookup.name, candidate.full_name)]
    unique = bool(parent and lookup.name) and not _WILDCARDS & set(lookup.name) and _one_level(lookup, view)
    gap = _gap(lookup, view, snapshot, parent, candidates, unique)
    return Found(tuple(candidates), gap, unique)


def _parent(lookup: Lookup, view: View) -> str:
    """The id under which to look, '' where the look-up goes by resource group or subscription."""
    if lookup.type.startswith(f"{view.type}/") or (
        lookup.type in EXTENSIONS and lookup.scope != "subscription"
    ):
        return view.key
    return ""


def _under(parent: str, lookup: Lookup, view: View, snapshot: Snapshot) -> list[View]:
    """Children of any depth: `a/b/c` under an `a` is a grandchild."""
    if _one_level(lookup, view):
        return snapshot.children(parent, lookup.type)
    prefix = f"{parent}/"
    scope = view.resource.id.resource_group_id
    pool = (
        snapshot.in_group(scope, lookup.type)
        if scope
        else snapshot.in_subscription(view.resource.id.subscription, lookup.type)
    )
    return [candidate for candidate in pool if candidate.key.startswith(prefix)]


def _one_level(lookup: Lookup, view: View) -> bool:
    return lookup.type in EXTENSIONS or lookup.type.count("/") == view.type.count("/") + 1


def _group(lookup: Lookup, view: View) -> str:
    identifier = view.resource.id
    if lookup.resource_group:
        return f"{identifier.subscription_id}/resourcegroups/{lookup.resource_group}"
    return identifier.resource_group_id


@lru_cache(maxsize=8192)
def _segments(name: str) -> tuple[str, ...]:
    return tuple(name.lower().split("/"))


def names_match(wanted: str, full_name: object) -> bool:
    """Whether a name, possibly of the last segments only, fits; a segment `?` or `*` stands for any one name."""
    if not isinstance(full_name, str):
        return False
    pattern, actual = _segments(wanted), tuple(full_name.lower().split("/"))
    if len(pattern) > len(actual):
        return False
    tail = actual[len(actual) - len(pattern) :]
    return all(p == a or p in ("?", "*") for p, a in zip(pattern, tail, strict=True))


def _gap(
    lookup: Lookup, view: View, snapshot: Snapshot, parent: str, candidates: list[View], unique: bool
) -> str:
    """Why absence proves nothing, '' where it does."""
    if unique and candidates:
        return ""
    for key, reason in snapshot.unknown_under(parent, lookup.type) if parent else ():
        known = any(candidate.key == key for candidate in candidates)
        if not known and (not lookup.name or names_match(lookup.name, key.rsplit("/", 1)[-1])):
            return reason
    coverage = snapshot.coverage
    scope = view.resource.id.subscription_id
    last = lookup.name.lower() if "/" not in lookup.name else ""
    if coverage.covers(lookup.type, scope, last) or coverage.covers(lookup.type, view.key, last):
        return ""
    why = coverage.gaps.get(lookup.type)
    where = "the tenant" if not scope else scope if view.type != SUBSCRIPTION_TYPE else view.key
    return f"{lookup.type} was not collected in {where}" + (f" ({why})" if why else "")
