"""The estate of a tenant: every resource of a snapshot, one body per id, with what the snapshot has read."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING

from nephoscope.estate.resource_diff import find_changed_resources, iterate_batches
from nephoscope.estate.scope_hierarchy import (
    TENANT_ROOT,
    derive_containers,
    get_subscription_name,
    map_ancestors,
    map_management_group_names,
)
from nephoscope_policy.model.resource_id import MANAGEMENT_GROUP_TYPE, SUBSCRIPTION_TYPE

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from nephoscope.estate.resource_diff import Batches
    from nephoscope_policy.model.coverage import Coverage
    from nephoscope_policy.model.resource import Resource
    from nephoscope_policy.model.source_location import Quarantined


@dataclass(frozen=True, slots=True)
class Estate:
    """A frozen set of resources by lower-cased id, derived subscriptions and resource groups included.

    `coverage` says what was read; `quarantine` what could not be; `duplicates` counts the bodies that gave way to another of
    the same id. `management_groups` maps a subscription's id (`/subscriptions/<guid>`) to the ids of the management groups
    above it, nearest first; a subscription whose ancestors were not read is not in it. `tenant` is the lower-cased id of the tenant,
    '' where the snapshot does not tell it: ids outside subscriptions are unique within a tenant alone. `forgotten` are the lower-cased
    ids and the claims (coverage.claim_key) of external facts that were taken back since the estate was kept last.
    """

    resources: Mapping[str, Resource]
    coverage: Coverage
    quarantine: tuple[Quarantined, ...] = ()
    management_groups: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    duplicates: int = 0
    _types: Mapping[str, tuple[Resource, ...]] = field(default_factory=dict, repr=False)
    _batches: Batches = field(default=(), repr=False)
    tenant: str = ""
    forgotten: frozenset[str] = frozenset()

    @classmethod
    def of(
        cls,
        resources: Iterable[Resource],
        coverage: Coverage,
        quarantine: Iterable[Quarantined] = (),
        duplicates: int = 0,
        *,
        derives: bool = True,
        tenant: str = "",
    ) -> Estate:
        """Build an estate; of two bodies with one id the later wins, and missing containers are derived (where `derives`)."""
        by_key: dict[str, Resource] = {}
        for resource in resources:
            duplicates += resource.key in by_key
            by_key[resource.key] = resource
        for resource in derive_containers(by_key.values()) if derives else ():
            by_key.setdefault(resource.key, resource)
        types: defaultdict[str, list[Resource]] = defaultdict(list)
        for resource in by_key.values():
            types[resource.type].append(resource)
        return cls(
            MappingProxyType(by_key),
            coverage,
            tuple(quarantine),
            MappingProxyType(map_ancestors(types)),
            duplicates,
            MappingProxyType({name: tuple(found) for name, found in types.items()}),
            iterate_batches(by_key),
            tenant,
        )

    def list_of_type(self, type_: str) -> Sequence[Resource]:
        """The resources of a type, in any case of its letters."""
        return self._types.get(type_.lower(), ())

    def list_changed_ids(self, earlier: Estate) -> list[str]:
        """The lower-cased ids of the resources that only one of two estates has, or that differ."""
        return [] if earlier is self else find_changed_resources(earlier._batches, self._batches)

    @property
    def types(self) -> Iterable[str]:
        """The lower-cased types of which the estate has a resource."""
        return self._types.keys()

    @property
    def subscription_names(self) -> dict[str, str]:
        """The display name of each subscription (its lower-cased guid) that was read with one."""
        found = (
            (one.id.subscription, get_subscription_name(one)) for one in self.list_of_type(SUBSCRIPTION_TYPE)
        )
        return {id_: title for id_, title in found if title}

    @property
    def management_group_names(self) -> dict[str, str]:
        """The display name of each management group (its lower-cased id) of which one was read; Azure's own of the tenant's root."""
        root = {f"/providers/{MANAGEMENT_GROUP_TYPE}/{self.tenant}": TENANT_ROOT} if self.tenant else {}
        return root | map_management_group_names(self._types)

    @property
    def subscriptions(self) -> tuple[str, ...]:
        """The ids of the subscriptions (`/subscriptions/<guid>`), sorted."""
        return tuple(sorted(resource.key for resource in self.list_of_type(SUBSCRIPTION_TYPE)))
