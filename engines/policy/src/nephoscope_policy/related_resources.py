"""Finding the related resources of an *IfNotExists effect.

Source: https://learn.microsoft.com/azure/governance/policy/concepts/effect-audit-if-not-exists (details.type, name,
resourceGroupName, existenceScope).
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import msgspec

from nephoscope_policy.azure_facts import always_exists, list_constant_names
from nephoscope_policy.data_gap import STALE, Gap, name_standing_child
from nephoscope_policy.model.resource_id import SUBSCRIPTION_TYPE
from nephoscope_policy.report_age import covers_freshly, explain_expired_claim, is_report

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from nephoscope_policy.model.coverage import Coverage
    from nephoscope_policy.resource_view import View
    from nephoscope_policy.snapshot import Snapshot

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


class RelatedLookup(msgspec.Struct, frozen=True):
    """Look-up that an effect's details ask for, evaluated; all but `name` lower-cased, '' where none is given."""

    type: str
    name: str = ""
    resource_group: str = ""
    scope: str = ""


class LookupPlan(msgspec.Struct, frozen=True):
    """A look-up as it goes from resources of one type.

    `under` says that candidates lie under the evaluated resource, `levels` how many levels below (1 for an extension), `last`
    is the lower-cased last segment of a plain name ('' for none or a wildcard), `unique` says that an id is named in full.
    """

    lookup: RelatedLookup
    under: bool
    levels: int
    names: tuple[str, ...]
    last: str
    unique: bool


@lru_cache(maxsize=65536)
def plan_lookup(lookup: RelatedLookup, type_: str) -> LookupPlan:
    """Return how to look up from a resource of a lower-cased type."""
    nested = lookup.type.startswith(f"{type_}/")
    extension = lookup.type in EXTENSIONS and lookup.scope != "subscription"
    under = nested or extension
    levels = lookup.type.count("/") - type_.count("/") if nested else 1
    names = tuple(lookup.name.lower().split("/")) if lookup.name else ()
    last = names[-1] if names and names[-1] not in _WILDCARDS else ""
    unique = under and levels == 1 and bool(last)
    return LookupPlan(lookup, under, levels, names, last, unique)


def find_candidates(wanted: LookupPlan, view: View, snapshot: Snapshot) -> list[View]:
    """The related resources of `view`."""
    lookup, identifier = wanted.lookup, view.resource.id
    if wanted.under:
        found = snapshot.list_descendants(view.key, lookup.type, wanted.levels)
        if wanted.last and wanted.levels == 1 and len(found) > _FEW and view.resource.planned is None:
            found = snapshot.list_named_children(view.key, lookup.type, wanted.last)
        return _filter_fitting_candidates(wanted, found)
    if lookup.scope == "subscription" or not (identifier.resource_group or lookup.resource_group):
        own = identifier.subscription
        found = snapshot.list_resources_in_subscription(own, lookup.type)
        return _filter_named_candidates(
            wanted, own, found, snapshot, lambda one: one.resource.id.subscription
        )
    group = _get_group_name(lookup, view)
    found = snapshot.list_resources_in_group(group, lookup.type)
    found = _filter_named_candidates(
        wanted, group, found, snapshot, lambda one: one.resource.id.resource_group_id
    )
    if not lookup.scope and not lookup.resource_group:
        return [one for one in found if not _is_extension_of_other_resource(one, view)]
    return found


def _filter_named_candidates(
    wanted: LookupPlan, place: str, found: list[View], snapshot: Snapshot, place_of: Callable[[View], str]
) -> list[View]:
    """Return those found in a subscription or group whose name fits; of many it is remembered for the next that looks from there."""
    if not wanted.names or len(found) <= _FEW or found[0].resource.planned is not None:
        return _filter_fitting_candidates(wanted, found)
    key = (wanted.lookup.type, place, wanted.names)
    known = snapshot.looked_up.get(key)
    if known is None:
        if wanted.last:
            named = snapshot.list_resources_named(wanted.lookup.type, wanted.last)
            found = [one for one in named if place_of(one) == place]
        known = snapshot.looked_up[key] = _filter_fitting_candidates(wanted, found)
    return known


def _filter_fitting_candidates(wanted: LookupPlan, found: list[View]) -> list[View]:
    if not wanted.names:
        return found
    return [
        one for one in found if _matches_name(wanted.names, one.full_name, is_open=_is_candidate_unnamed(one))
    ]


def explain_uncertain_candidate(wanted: LookupPlan, candidate: View) -> str:
    """Explain why a candidate may not be there, or not be the one that is asked for; '' where it is."""
    planned = candidate.resource.planned
    if planned is None:
        return ""
    return planned.condition or (planned.unnamed if wanted.names and _has_open_name(candidate) else "")


def _is_candidate_unnamed(candidate: View) -> bool:
    planned = candidate.resource.planned
    return planned is not None and bool(planned.unnamed)


def _has_open_name(candidate: View) -> bool:
    return _is_candidate_unnamed(candidate) and "{" in candidate.resource.id.name


_FEW = 8
"""Lists up to this long are read through; longer ones go by name."""


def _is_extension_of_other_resource(candidate: View, view: View) -> bool:
    """Return whether a candidate is an extension of a resource other than the evaluated one, as only its id can tell."""
    parent = candidate.resource.id.parent
    extension = candidate.key.startswith(f"{parent}/providers/") and "/providers/" in parent
    return extension and parent != view.key


def _get_group_name(lookup: RelatedLookup, view: View) -> str:
    identifier = view.resource.id
    if lookup.resource_group:
        return f"{identifier.subscription_id}/resourcegroups/{lookup.resource_group}"
    return identifier.resource_group_id


def _matches_name(pattern: tuple[str, ...], full_name: object, *, is_open: bool = False) -> bool:
    """Return whether a name, possibly of the last segments only, fits; a segment `?` or `*` stands for any one name.

    `is_open`: parts in braces are not known, so that a segment with one may be any name.
    """
    if not isinstance(full_name, str):
        return False
    actual = full_name.lower().split("/")
    if len(pattern) > len(actual):
        return False
    pairs = zip(reversed(pattern), reversed(actual), strict=False)
    return all(p == a or p in _WILDCARDS or (is_open and "{" in a) for p, a in pairs)


def explain_gap(
    wanted: LookupPlan, view: View, snapshot: Snapshot, found: list[View], now: datetime
) -> Gap | None:
    """Explain why absence proves nothing at an aware time, None where it does."""
    if wanted.unique and not all(map(_has_open_name, found)):
        return None
    lookup = wanted.lookup
    reason = _explain_unknown_gap(wanted, view, snapshot, found)
    if reason is not None:
        return reason
    unread = None if snapshot.coverage.supposed else _find_unread_name(wanted, view, found)
    if unread is not None:
        return Gap(name_standing_child(lookup.type, unread, _find_parent(wanted, view)))
    if snapshot.complete and snapshot.coverage.supposed:
        return None
    last = wanted.last if len(wanted.names) == 1 else ""
    if _are_candidates_collected(wanted, view, snapshot, last, now):
        return None
    if expired := _describe_expiry(wanted, view, snapshot.coverage, last, now):
        return Gap(expired, STALE)
    why = snapshot.coverage.gaps.get(lookup.type)
    scope = view.resource.id.subscription_id
    return Gap(f"{lookup.type} in {scope or 'the tenant'}" + (f" ({why})" if why else ""))


def _find_unread_name(wanted: LookupPlan, view: View, found: list[View]) -> str | None:
    """Return the name ('' for any) of what Azure always has and is not among the found, so that it was not read; None for nothing."""
    parent = SUBSCRIPTION_TYPE if _searches_subscription(wanted, view) else view.type
    if wanted.under and wanted.levels != 1:
        return None
    if not found:
        return wanted.last if always_exists(parent, wanted.lookup.type, wanted.last) else None
    if wanted.names:
        return None
    return min(
        list_constant_names(parent, wanted.lookup.type) - {one.resource.id.name for one in found},
        default=None,
    )


def _find_parent(wanted: LookupPlan, view: View) -> str:
    return view.resource.id.subscription_id if _searches_subscription(wanted, view) else view.key


def _searches_subscription(wanted: LookupPlan, view: View) -> bool:
    """Return whether a look-up goes over the subscription, not to what lies under the resource or in a resource group."""
    lookup = wanted.lookup
    in_group = view.resource.id.resource_group or lookup.resource_group
    return not wanted.under and (lookup.scope == "subscription" or not in_group)


def _are_candidates_collected(
    wanted: LookupPlan, view: View, snapshot: Snapshot, last: str, now: datetime
) -> bool:
    """Return whether the snapshot holds the answer: for a resource and what is under it, a resource group or a subscription.

    A manifest's `<type>/providers/<extension>` stands for the extension under resources of the type alone, `<type>/*` for what
    a list of the type holds where further ones are read by name (docs/decisions/0081-what-a-manifest-may-claim.md).
    """
    type_, coverage, place = wanted.lookup.type, snapshot.coverage, _find_narrowest_scope(wanted, view)
    name = last if wanted.names else "*"
    if covers_freshly(coverage, type_, place, now, last) or (
        name != last and covers_freshly(coverage, type_, place, now, name)
    ):
        return True
    owner = _find_named_owner(wanted, view)
    if owner and covers_freshly(coverage, type_, owner, now, wanted.last):
        return True
    return _has_claims_below(wanted, view) and covers_freshly(
        coverage, _format_below_type(view, type_), place, now, name
    )


def _find_named_owner(wanted: LookupPlan, view: View) -> str:
    """The lower-cased id of the resource that a child belongs to which is looked up in a resource group by its name in full,
    such as `server/default`; '' for every other look-up."""
    lookup, names = wanted.lookup, wanted.names
    if wanted.under or lookup.scope == "subscription" or len(names) < 2 or _WILDCARDS.intersection(names):
        return ""
    namespace, *kinds = lookup.type.split("/")
    if len(kinds) != len(names):
        return ""
    below = "".join(f"/{kind}/{name}" for kind, name in zip(kinds[:-1], names[:-1], strict=True))
    return f"{_get_group_name(lookup, view)}/providers/{namespace}{below}"


def _describe_expiry(wanted: LookupPlan, view: View, coverage: Coverage, last: str, now: datetime) -> str:
    """Explain that a claim which would have answered has expired, '' where there was none such."""
    type_, place = wanted.lookup.type, _find_narrowest_scope(wanted, view)
    if not (coverage.claimed_at or is_report(type_)):
        return ""
    name = last if wanted.names else "*"
    entries = [(type_, last), (type_, name)]
    if _has_claims_below(wanted, view):
        entries.append((_format_below_type(view, type_), name))
    reasons = (explain_expired_claim(coverage, entry, place, now, each) for entry, each in entries)
    return next(filter(None, reasons), "")


def _has_claims_below(wanted: LookupPlan, view: View) -> bool:
    """Return whether a claim of the type under resources of the view's type alone answers."""
    return wanted.under or view.resource.id.type == SUBSCRIPTION_TYPE


def _format_below_type(view: View, type_: str) -> str:
    return f"{view.resource.id.type}/providers/{type_}"


def _find_narrowest_scope(wanted: LookupPlan, view: View) -> str:
    """The narrowest scope whose claims answer a look-up; a claim of what contains it answers too."""
    if wanted.under:
        return view.key
    identifier = view.resource.id
    if wanted.lookup.scope == "subscription":
        return identifier.subscription_id
    return _get_group_name(wanted.lookup, view) or identifier.subscription_id


def _explain_unknown_gap(wanted: LookupPlan, view: View, snapshot: Snapshot, found: list[View]) -> Gap | None:
    """Explain why an analyzer could not compute a resource that would be a candidate, None where there is none such."""
    if not wanted.under:
        return None
    known = {candidate.key for candidate in found}
    for key, reason in snapshot.list_unknown_children(view.key, wanted.lookup.type):
        if key not in known and (
            not wanted.names or _matches_name(wanted.names[-1:], key.rsplit("/", 1)[-1])
        ):
            return reason
    return None
