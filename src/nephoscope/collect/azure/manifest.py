"""The coverage manifest of a collection: what was read in full, scope by scope, and what was not and why."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from nephoscope.collect.azure.collected_ids import CollectedIds
from nephoscope.collect.azure.collection_gaps import CollectionGap, CollectionGaps
from nephoscope.collect.azure.collection_plan import CollectionPlan, ListJob
from nephoscope.collect.resource_sources import ANY, MAIN_TABLE, SEGMENT, TypeSources
from nephoscope.collect.resources.child_resources import list_child_types
from nephoscope.estate.coverage import SCHEMA_VERSION
from nephoscope_policy.model.resource_id import MANAGEMENT_GROUP_TYPE, SUBSCRIPTION_TYPE

# What Azure keeps with the subscription, and a resource group's rows leave out.
_OF_SUBSCRIPTIONS = frozenset({SUBSCRIPTION_TYPE, MANAGEMENT_GROUP_TYPE})


def list_complete_scopes(
    plan: CollectionPlan,
    reading: TypeSources,
    read: Iterable[str],
    holdings: CollectedIds,
    gaps: CollectionGaps,
) -> dict[str, list[str]]:
    """Return the types that were read in full by scope; a resource group among the scopes covers itself alone."""
    unlisted = _find_unlisted_parents(plan, holdings)
    return {
        scope: sorted(_list_complete_types(plan, reading, scope, unlisted, holdings, gaps)) for scope in read
    }


def _list_complete_types(
    plan: CollectionPlan,
    reading: TypeSources,
    scope: str,
    unlisted: dict[str, list[str]],
    holdings: CollectedIds,
    gaps: CollectionGaps,
) -> set[str]:
    grouped = "/resourcegroups/" in scope
    held = set(plan.tables_by_type) - _OF_SUBSCRIPTIONS - set(reading.partial)
    if not grouped:
        held |= {SUBSCRIPTION_TYPE, *plan.derived}
    held |= {child for type_ in held for child in list_child_types(type_)}
    held |= {
        type_
        for type_ in plan.embedded
        if not any(key.startswith(scope + "/") for key in unlisted.get(type_, ()))
    }
    found: set[str] = set()
    for type_ in held:
        found |= list_manifest_entries(type_, plan, reading)
    if plan.whole and not any(gaps.is_missing(type_, scope) for type_ in plan.tables[MAIN_TABLE]):
        found |= {type_ for type_ in holdings.types if type_.count("/") == 1 and type_ not in reading.lists}
    for job in plan.jobs:
        if not (grouped and job.list.of == {SUBSCRIPTION_TYPE}):
            found |= build_job_entries(job)
    return {entry for entry in found if not _is_entry_missing(entry, scope, plan, gaps)}


def list_manifest_entries(type_: str, plan: CollectionPlan, reading: TypeSources) -> set[str]:
    """The type; where its table holds only some names of it, those, and `*` for what a list would hold."""
    names = reading.named.get(type_)
    if not names:
        return {type_}
    return {f"{type_}/{name}" for name in names | plan.items.get(type_, frozenset()) | {"*"}}


def build_job_entries(job: ListJob) -> set[str]:
    """The type; for an extension that was asked for some types of resources only, the type under each of them."""
    if ANY in job.list.of and ANY not in job.parents:
        return {f"{parent}/providers/{job.list.type}" for parent in job.parents}
    return {job.list.type}


def _is_entry_missing(entry: str, scope: str, plan: CollectionPlan, gaps: CollectionGaps) -> bool:
    """Return whether the entry, what it is under, or what it comes from was not read."""
    parts = [entry.rpartition("/providers/")[2]]
    while parts[-1].count("/") > 1:
        parts.append(parts[-1].rpartition("/")[0])
    source = plan.derived.get(entry)
    wanted = (*parts, *([source.source] if source else []))
    return any(gaps.is_missing(part, place) for part in wanted for place in (scope, ""))


def _find_unlisted_parents(plan: CollectionPlan, holdings: CollectedIds) -> dict[str, list[str]]:
    """The parents that do not carry the list of a child type that only bodies list, by that type."""
    return {
        type_: [
            key for key, _ in holdings.list_ids(type_.rpartition("/")[0]) if key not in holdings.connected
        ]
        for type_ in plan.embedded
        if type_.rpartition("/")[2] == SEGMENT
    }


def build_manifest(
    tenants: Mapping[str, dict[str, list[str]]],
    gaps: CollectionGaps,
    unread: dict[str, str],
    collected: Mapping[str, object],
) -> dict[str, object]:
    """The manifest of what was read by tenant ('' where its id is not known).

    Beside the coverage, `notRead` are types without a way to read them, `missingPermissions` the gaps one by one.
    """
    members = {
        "declared": True,
        "gaps": gaps.describe_gaps_by_type(),
        "readAt": collected["started"],
    }
    return {
        "schemaVersion": SCHEMA_VERSION,
        "tenants": {
            tenant: {"scopes": dict(sorted(scopes.items())), **members} for tenant, scopes in tenants.items()
        },
        "notRead": dict(sorted(unread.items())),
        "missingPermissions": [_build_row(gap) for gap in gaps.sorted_gaps if gap.permission],
        "collected": collected,
    }


def _build_row(gap: CollectionGap) -> dict[str, str]:
    return {"type": gap.type, "scope": gap.scope, "permission": gap.permission, "reason": gap.reason}
