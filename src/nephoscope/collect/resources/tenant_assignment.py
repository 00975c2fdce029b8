"""Tenant assignment: the tenant of each subscription and of each resource outside subscriptions.

Azure's ids below `/providers/...` are unique within a tenant alone: two tenants may have a management group of one name. So what
several tenants' snapshots hold is never put together: each tenant has an estate and a coverage of its own.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

import msgspec
from msgspec.structs import replace

from nephoscope.collect.resources.unstated_tenants import (
    KnownTenants,
    UnstatedSource,
    collect_by_folder,
    join_sources,
    name_unstated_sources,
)
from nephoscope.model.tenant_name import is_tenant_stated
from nephoscope_policy.model.resource_id import MANAGEMENT_GROUP_TYPE, SUBSCRIPTION_TYPE

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from nephoscope_policy.model.coverage import Coverage
    from nephoscope_policy.model.resource import Resource

# What says its own tenant in `properties.tenantId`; elsewhere that is another thing (the tenant whose keys a vault takes).
_CONTAINERS = frozenset({SUBSCRIPTION_TYPE, MANAGEMENT_GROUP_TYPE})


class Tenancy(msgspec.Struct):
    """Collects what resources and manifests say of tenants; `resolve` when all were seen. `roots` are the arguments of a scan."""

    _roots: dict[Path, None] = msgspec.field(default_factory=dict)
    _of_subscription: dict[str, str] = msgspec.field(default_factory=dict)
    _named_in: defaultdict[Path, set[str]] = msgspec.field(default_factory=lambda: defaultdict(set))
    _subscriptions: defaultdict[Path, set[str]] = msgspec.field(default_factory=lambda: defaultdict(set))
    _declared: dict[Path, set[str]] = msgspec.field(default_factory=dict)
    _learned: dict[str, str] = msgspec.field(default_factory=dict)

    @property
    def subscriptions(self) -> frozenset[str]:
        """The lower-cased subscriptions that resources and manifests were of."""
        return frozenset(self._of_subscription).union(*self._subscriptions.values())

    def add_resource(self, resource: Resource, root: Path) -> str:
        """Note a resource; the tenant that it names itself, '' where it names none."""
        tenant, subscription = read_tenant_name(resource), resource.id.subscription
        if not tenant and subscription in self._subscriptions.get(root, ()):
            return ""
        self._roots.setdefault(root)
        if tenant:
            self._named_in[root].add(tenant)
        if subscription:
            self._subscriptions[root].add(subscription)
            if tenant:
                self._of_subscription.setdefault(subscription, tenant)
        return tenant

    def add_manifest(self, coverage: Coverage, root: Path) -> None:
        """Note a manifest."""
        self._roots.setdefault(root)
        self._declared.setdefault(root, set()).add(coverage.tenant)
        if coverage.tenant:
            self._named_in[root].add(coverage.tenant)
            for scope in coverage.scopes:
                if scope.startswith("/subscriptions/"):
                    self._of_subscription.setdefault(scope.split("/")[2], coverage.tenant)

    def add_facts(self, subscription: str, tenant: str) -> None:
        """Note external facts: the tenant that their writer named is that of a subscription of which nothing else was seen."""
        if tenant or subscription not in self._learned:
            self._learned[subscription] = tenant

    def resolve(self, knowledge: KnownTenants | None = None) -> TenantMap:
        """Return which tenant everything belongs to."""
        knowledge = knowledge or KnownTenants()
        roots = list(self._roots)
        self._spread_names()
        unstated = [root for root in roots if not self._list_tenants_in_root(root)]
        kept = knowledge.read_kept() if unstated else {}
        self._take_stated(kept)
        named = {root: self._list_tenants_in_root(root) for root in roots}
        own = {root: next(iter(several)) for root, several in named.items() if len(several) == 1}
        stated = knowledge.stated if not any(named.values()) else ""
        own |= dict.fromkeys(unstated, stated) if stated else self._name_unstated(unstated, named, kept)
        of_subscription = dict(self._of_subscription)
        for root in sorted(roots, key=lambda one: one not in own):
            for subscription in self._subscriptions[root]:
                of_subscription.setdefault(subscription, own.get(root, ""))
        for subscription, tenant in self._learned.items():
            of_subscription.setdefault(subscription, tenant)
        return TenantMap(of_subscription, own, {root: frozenset(several) for root, several in named.items()})

    def _name_unstated(
        self, roots: Iterable[Path], named: Mapping[Path, set[str]], kept: Mapping[str, str]
    ) -> dict[Path, str]:
        """The tenants of roots that name none: that of which others with their subscriptions are, or one of their own."""
        own: dict[Path, str] = {}
        unknown: list[UnstatedSource] = []
        folders = collect_by_folder(named)
        for group in join_sources({root: self._subscriptions[root] for root in roots}, folders):
            tenants = {tenant for root in group.roots for tenant in named[root]} or group.tenants
            if len(tenants) == 1:
                own |= dict.fromkeys(group.roots, next(iter(tenants)))
            elif not tenants:
                unknown.append(group)
        return own | name_unstated_sources(unknown, kept)

    def _list_tenants_in_root(self, root: Path) -> set[str]:
        """The tenants that a root names, or that its subscriptions are known to belong to."""
        of = (self._of_subscription.get(one) for one in self._subscriptions[root])
        return self._named_in[root] | {tenant for tenant in of if tenant}

    def _spread_names(self) -> None:
        """Give the subscriptions of a root that names one tenant to it."""
        for root in self._roots:
            if len(tenants := self._list_tenants_in_root(root)) == 1:
                for subscription in self._subscriptions[root]:
                    self._of_subscription.setdefault(subscription, *tenants)

    def _take_stated(self, kept: Mapping[str, str]) -> None:
        """Take the tenants of subscriptions that a data folder knows by their ids."""
        for subscription in self.subscriptions & kept.keys():
            if is_tenant_stated(kept[subscription]):
                self._of_subscription.setdefault(subscription, kept[subscription])


class TenantMap(msgspec.Struct, frozen=True):
    """Map of subscriptions and roots to tenants; a root that several tenants share has none of its own."""

    _of_subscription: dict[str, str]
    _of_root: dict[Path, str]
    _named_in: dict[Path, frozenset[str]]

    @property
    def names(self) -> tuple[str, ...]:
        """The tenants, sorted; one without a name where nothing was read."""
        named = (tenant for several in self._named_in.values() for tenant in several)
        return tuple(sorted({*self._of_subscription.values(), *self._of_root.values(), *named})) or ("",)

    def find_tenant(self, subscription: str, tenant: str, root: Path) -> str | None:
        """The tenant of what lies in a lower-cased subscription ('' = none) and names a tenant itself ('' = none).

        None where it lies in no subscription, names no tenant, and several share the root that it was found under.
        """
        if subscription:
            return self._of_subscription.get(subscription) or self._of_root.get(root, "")
        return tenant or self._of_root.get(root)

    def find_tenants_below(self, root: Path) -> frozenset[str]:
        """The tenants of what was found under a root."""
        if root in self._of_root:
            return frozenset({self._of_root[root]})
        return self._named_in.get(root, frozenset())

    def restrict(self, coverage: Coverage, root: Path, tenant: str) -> Coverage:
        """Return what of a manifest speaks of a tenant: its subscriptions, and what lies above them where the manifest
        is of this tenant."""
        above = coverage.tenant or self._of_root.get(root)
        mine = above == tenant
        dated = mine or not coverage.tenant

        def is_about(scope: str, *, other: bool = mine) -> bool:
            return (
                self._find_tenant_of_scope(scope, root) == tenant
                if scope.startswith("/subscriptions/")
                else other
            )

        return replace(
            coverage,
            scopes={scope: types for scope, types in coverage.scopes.items() if is_about(scope)},
            read_at={scope: when for scope, when in coverage.read_at.items() if is_about(scope, other=dated)},
            claimed_at={scope: times for scope, times in coverage.claimed_at.items() if is_about(scope)},
            gaps=coverage.gaps if mine else {},
            tenant=tenant,
        )

    def _find_tenant_of_scope(self, scope: str, root: Path) -> str | None:
        return self.find_tenant(scope.split("/")[2], "", root)


def read_tenant_name(resource: Resource) -> str:
    """The lower-cased tenant that a body names, '' where it names none."""
    body, type_ = resource.body, resource.id.type
    if "tenantId" not in body and type_ not in _CONTAINERS:  # nearly every resource
        return ""
    tenant: object = body.get("tenantId")
    if not tenant and type_ in _CONTAINERS:
        properties = resource.body.get("properties")
        tenant = properties.get("tenantId") if isinstance(properties, dict) else None
    return tenant.lower() if isinstance(tenant, str) else ""
