"""Visible scopes: the subscriptions and resource groups that the signed-in identity sees in the requested scope."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from nephoscope.collect.azure.collected_ids import CollectedIds
from nephoscope.collect.azure.collection_gaps import CollectionGaps
from nephoscope.collect.azure.collection_scope import CollectionScope
from nephoscope.collect.azure.resource_graph import GROUPED, GraphTableQuery, QueryArea, ResourceGraph
from nephoscope_policy.model.resource_id import MANAGEMENT_GROUP_TYPE, RESOURCE_GROUP_TYPE, SUBSCRIPTION_TYPE

TABLE = "resourcecontainers"


@dataclass(slots=True)
class VisibleScope:
    """Scopes visible to the sign-in of one tenant, lower-cased: subscription ids and `<subscription>/<group>`.

    `apart` are the groups with more read permissions than the subscription around them: scopes of their own.
    """

    tenant: str
    subscriptions: set[str] = field(default_factory=set)
    groups: set[str] = field(default_factory=set)
    apart: set[str] = field(default_factory=set)

    def add_row(self, row: dict[str, object]) -> None:
        """Note a row of the containers."""
        subscription = str(row.get("subscriptionId") or "").lower()
        type_ = str(row.get("type", "")).lower()
        if type_ == SUBSCRIPTION_TYPE:
            self.subscriptions.add(subscription)
        elif type_ == RESOURCE_GROUP_TYPE:
            self.groups.add(f"{subscription}/{str(row.get('name', '')).lower()}")

    def list_areas(self, scope: CollectionScope) -> list[QueryArea]:
        """Return what queries look at, in parts of up to 200 subscriptions."""
        if not scope.resource_groups:
            return [QueryArea(self.tenant, part) for part in _split_ids(sorted(self.subscriptions))]
        subscriptions = sorted({group.split("/", 1)[0] for group in self.groups})
        return [
            QueryArea(
                self.tenant,
                part,
                groups=tuple(sorted(one for one in self.groups if one.split("/", 1)[0] in part)),
            )
            for part in _split_ids(subscriptions)
        ]

    def list_scopes(self, scope: CollectionScope) -> list[str]:
        """The ids of the subscriptions and of the groups that stand apart, or of the resource groups where such were asked for."""
        if scope.resource_groups:
            return [build_group_id(group) for group in sorted(self.groups)]
        whole = [f"/subscriptions/{id_}" for id_ in sorted(self.subscriptions)]
        return whole + [build_group_id(group) for group in sorted(self.apart)]


def build_group_id(pair: str) -> str:
    """The id of a resource group from `<subscription>/<group>`."""
    return "/subscriptions/{}/resourcegroups/{}".format(*pair.split("/", 1))


def list_scopes(area: QueryArea) -> list[str]:
    """Return the ids of what a query covers: resource groups, else subscriptions."""
    if area.groups:
        return [build_group_id(group) for group in area.groups]
    return [f"/subscriptions/{id_}" for id_ in area.subscriptions]


def _split_ids(ids: list[str]) -> Iterator[tuple[str, ...]]:
    return (tuple(ids[start : start + GROUPED]) for start in range(0, len(ids), GROUPED))


def find_visible_scope(
    tenant: str,
    scope: CollectionScope,
    types: frozenset[str],
    graph: ResourceGraph,
    holdings: CollectedIds,
    gaps: CollectionGaps,
) -> VisibleScope:
    """Read the containers of the scope as the sign-in of a tenant sees them."""
    seen = VisibleScope(tenant)

    def take(row: dict[str, object]) -> None:
        holdings.add_body(row)
        seen.add_row(row)

    reader = ResourceGraph(graph.client, graph.checkpoint, take)
    for area in _list_requested_areas(tenant, scope):
        wanted = types - {MANAGEMENT_GROUP_TYPE} if area.subscriptions or scope.resource_groups else types
        if scope.resource_groups:
            wanted -= {SUBSCRIPTION_TYPE}
        for refused in reader.read(GraphTableQuery(TABLE, wanted), area, ""):
            for id_ in refused.area.subscriptions or ("",):
                gaps.add(
                    SUBSCRIPTION_TYPE,
                    f"/subscriptions/{id_}" if id_ else "",
                    refused.reason,
                    refused.permission or "Microsoft.Resources/subscriptions/read",
                )
    return seen


def _list_requested_areas(tenant: str, scope: CollectionScope) -> list[QueryArea]:
    if scope.subscriptions:
        pairs = scope.pairs
        return [
            QueryArea(tenant, part, groups=tuple(pair for pair in pairs if pair.split("/", 1)[0] in part))
            for part in _split_ids(sorted(scope.subscriptions))
        ]
    return [QueryArea(tenant, (), scope.management_groups, names=scope.names)]


def add_missing_scopes(scope: CollectionScope, seen: list[VisibleScope], gaps: CollectionGaps) -> None:
    """Note every subscription and resource group that was asked for by name and that no sign-in sees."""
    subscriptions = {id_ for one in seen for id_ in one.subscriptions}
    groups = {group for one in seen for group in one.groups}
    if not scope.resource_groups:
        for id_ in scope.subscriptions:
            if id_ not in subscriptions:
                gaps.add(
                    SUBSCRIPTION_TYPE,
                    f"/subscriptions/{id_}",
                    "it does not exist, or it may not be read",
                    "Microsoft.Resources/subscriptions/read",
                )
        return
    for pair in scope.pairs:
        if pair not in groups:
            gaps.add(
                RESOURCE_GROUP_TYPE,
                build_group_id(pair),
                "it does not exist, or it may not be read",
                "Microsoft.Resources/subscriptions/resourceGroups/read",
            )
