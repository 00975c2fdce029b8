"""Tenant scope: everything of one tenant, as a reach."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nephoscope.model.read_scope import EVERYTHING

if TYPE_CHECKING:
    from nephoscope.access.scopes import Hierarchy
    from nephoscope.model.read_scope import Reach


def limit_to_tenant(tenant: str, hierarchy: Hierarchy) -> Reach:
    """Return all of one tenant; everything where none is named."""
    subscriptions = hierarchy.find_subscriptions_of_tenant(tenant)
    return (
        EVERYTHING.narrow_to_tenant(tenant, subscriptions, hierarchy.find_groups_above(subscriptions))
        if tenant
        else EVERYTHING
    )
