"""Scopes of role assignments: what they are called, and what lies in them."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from nephoscope.estate.scope_hierarchy import get_subscription_name
from nephoscope.posture.attack_paths.entity import (
    GROUP_OF_RESOURCES,
    MANAGEMENT_GROUP,
    SUBSCRIPTION,
    TENANT,
    GraphEntity,
)
from nephoscope_policy.model.resource_id import SUBSCRIPTION_TYPE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nephoscope.estate.estate_view import EstateView
    from nephoscope_policy.model.resource import Resource

_ABOVE = "/providers/microsoft.management/managementgroups/"


class Scopes:
    """Resources by type and subscription, so that a scope is searched in its subscriptions alone."""

    def __init__(self, view: EstateView) -> None:
        self._view = view
        self._held: dict[str, dict[str, list[Resource]]] = {}

    def list_resources_in_scope(self, type_: str, scope: str) -> Iterator[Resource]:
        """The resources of a lower-cased type at or below a lower-cased scope ('' = the tenant)."""
        held = self._group_resources_of_type(type_)
        for subscription in self.subscriptions(scope):
            for one in held.get(subscription, ()):
                if is_above(scope) or one.key == scope or one.key.startswith(f"{scope}/"):
                    yield one

    def subscriptions(self, scope: str) -> Iterator[str]:
        """The ids (`/subscriptions/<guid>`) of the subscriptions that a scope lies in or contains."""
        if scope.startswith("/subscriptions/"):
            yield "/".join(scope.split("/")[:3])
            return
        for one in self._view.list_resources(SUBSCRIPTION_TYPE):
            above = self._view.estate.management_groups.get(one.key, ())
            if not scope or scope in {str(group).lower() for group in above}:
                yield one.key

    def _group_resources_of_type(self, type_: str) -> dict[str, list[Resource]]:
        if type_ not in self._held:
            found: defaultdict[str, list[Resource]] = defaultdict(list)
            for one in self._view.list_resources(type_):
                found[one.id.subscription_id].append(one)
            self._held[type_] = found
        return self._held[type_]

    def find_container(self, scope: str) -> GraphEntity | None:
        """The container of a scope as an entity; None where the scope is a resource."""
        if is_above(scope):
            name = scope.rsplit("/", 1)[-1]
            return (
                GraphEntity(scope, MANAGEMENT_GROUP, name, scope)
                if scope
                else GraphEntity(TENANT, TENANT, "Root scope")
            )
        parts = scope.split("/")
        if len(parts) not in (3, 5):
            return None
        known = self._view.estate.resources.get(scope)
        spelled = str(known.body.get("id") or scope) if known else scope
        if len(parts) == 5:
            return GraphEntity(scope, GROUP_OF_RESOURCES, known.name if known else parts[4], spelled)
        title = get_subscription_name(known) if known else ""
        return GraphEntity(scope, SUBSCRIPTION, title or parts[2], spelled)


def is_above(scope: str) -> bool:
    """Return whether a scope stands above subscriptions."""
    return not scope or scope.startswith(_ABOVE)
