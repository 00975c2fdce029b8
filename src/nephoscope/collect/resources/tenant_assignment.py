"""Tenant assignment: the tenant of each subscription and of each resource outside subscriptions.

Azure's ids below `/providers/...` are unique within a tenant alone: two tenants may have a management group of one name. So what
several tenants' snapshots hold is never put together: each tenant has an estate and a coverage of its own.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

import msgspec
from msgspec.structs import replace

from nephoscope_policy.model.resource_id import MANAGEMENT_GROUP_TYPE, SUBSCRIPTION_TYPE

if TYPE_CHECKING:
    from collections.abc import Iterable
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

    def resolve(self) -> TenantMap:
        """Return which tenant everything belongs to."""
        roots = list(self._roots)
        named = {root: self._list_tenants_in_root(root) for root in roots}
        known = sorted({tenant for several in named.values() for tenant in several})
        own: dict[Path, str] = {}
        for root in roots:
            if len(named[root]) == 1:
                (own[root],) = named[root]
            elif not named[root] and self._joins(root, known):
                own[root] = known[0]
        unnamed = [root for root in roots if not named[root] and root not in own]
        own |= _label_roots(unnamed, self._declared, several=bool(known))
        of_subscription = dict(self._of_subscription)
        for root in sorted(roots, key=lambda one: one not in own):
            for subscription in self._subscriptions[root]:
                of_subscription.setdefault(subscription, own.get(root, ""))
        for subscription, tenant in self._learned.items():
            of_subscription.setdefault(subscription, tenant)
        return TenantMap(of_subscription, own, {root: frozenset(several) for root, several in named.items()})

    def _list_tenants_in_root(self, root: Path) -> set[str]:
        """The tenants that a root names, or that its subscriptions are known to belong to."""
        of = (self._of_subscription.get(one) for one in self._subscriptions[root])
        return self._named_in[root] | {tenant for tenant in of if tenant}

    def _joins(self, root: Path, known: list[str]) -> bool:
        """Return whether a root that names no tenant is of the only one that is known: it has no subscription and no manifest."""
        return len(known) == 1 and root not in self._declared and not self._subscriptions[root]


def _label_roots(roots: list[Path], declared: Iterable[Path], *, several: bool) -> dict[Path, str]:
    """A label for the tenant of each root that names none: one for exports without a manifest, one for each collected folder.

    A single tenant without a name is ''.
    """
    collected = [root for root in roots if root in declared]
    loose = [root for root in roots if root not in declared]
    # files beside the only folder with a manifest are of what the folder holds
    if len(collected) == 1 and not several:
        return dict.fromkeys(roots, "")
    labels = dict.fromkeys(loose, "")
    start = 1 if not loose else 2
    for number, root in enumerate(collected, start):
        labels[root] = f"unnamed-{number}"
    return labels


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
