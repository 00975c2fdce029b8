"""Read scope: the parts of the estate that a principal may read."""

from __future__ import annotations

import msgspec
from msgspec.structs import replace


class Reach(msgspec.Struct, frozen=True):
    """Subscriptions (lower-cased GUIDs), resource groups (lower-cased ids) and management groups (lower-cased ids above them).

    `everything` is the whole tenant, whatever the other fields hold. `above` are lower-cased ids of documents that stand above the
    readable and hold there, such as an assignment at a management group. `tenants` are the lower-cased ids of the tenants that the
    readable is of, none where they are not known: a management group of the same name in another tenant is not meant.
    `whole_tenants` are those of which everything may be read.
    """

    everything: bool = False
    subscriptions: frozenset[str] = frozenset()
    groups: frozenset[str] = frozenset()
    management_groups: frozenset[str] = frozenset()
    above: frozenset[str] = frozenset()
    tenants: frozenset[str] = frozenset()
    whole_tenants: frozenset[str] = frozenset()

    def can_read(self, subscription: str, group: str = "") -> bool:
        """Return whether what lies in a subscription, or in a resource group (its id) of it, may be read; '' is the tenant."""
        return self.everything or subscription in self.subscriptions or (bool(group) and group in self.groups)

    @property
    def is_empty(self) -> bool:
        """Return whether nothing at all may be read."""
        return not (self.everything or self.subscriptions or self.groups or self.above or self.whole_tenants)

    @property
    def containers(self) -> frozenset[str]:
        """The ids of what contains the readable: management groups, and subscriptions of which only groups may be read."""
        around = {"/".join(group.split("/")[:3]) for group in self.groups}
        own = {f"/subscriptions/{one}" for one in self.subscriptions}
        return self.management_groups | self.above | around | own

    def with_ancestors(self, ids: frozenset[str]) -> Reach:
        """Return this reach with readable documents that stand above it and apply in it."""
        return self if self.everything or self.is_empty else replace(self, above=self.above | ids)

    def narrow_to(self, subscriptions: frozenset[str]) -> Reach:
        """Return this reach narrowed to some subscriptions."""
        if self.everything:
            return Reach(subscriptions=subscriptions)
        kept = frozenset(one for one in self.groups if one.split("/")[2] in subscriptions)
        return Reach(False, self.subscriptions & subscriptions, kept, tenants=self.tenants)

    def narrow_to_tenant(self, tenant: str, subscriptions: frozenset[str], above: frozenset[str]) -> Reach:
        """Narrow this reach to one tenant, whose subscriptions and management groups (lower-cased ids) are given."""
        if self.everything:
            return Reach(
                False,
                subscriptions,
                frozenset(),
                above,
                tenants=frozenset({tenant}),
                whole_tenants=frozenset({tenant}),
            )
        kept = frozenset(one for one in self.groups if one.split("/")[2] in subscriptions)
        return replace(
            self,
            subscriptions=self.subscriptions & subscriptions,
            groups=kept,
            management_groups=self.management_groups & above,
            tenants=self.tenants & {tenant},
            whole_tenants=self.whole_tenants & {tenant},
        )

    def narrow_to_groups(self, subscriptions: frozenset[str], groups: frozenset[str]) -> Reach:
        """Return this reach narrowed to some subscriptions and some resource groups (lower-cased ids)."""
        if self.everything:
            return Reach(subscriptions=subscriptions, groups=groups)
        seen = {one for one in groups if one in self.groups or one.split("/")[2] in self.subscriptions}
        seen |= {one for one in self.groups if one.split("/")[2] in subscriptions}
        return Reach(False, self.subscriptions & subscriptions, frozenset(seen), tenants=self.tenants)


EVERYTHING = Reach(everything=True)
