"""Ambiguous management groups: one whose name several tenants have, of which a caller's roles mean none."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nephoscope.access.roles import find_role
from nephoscope.access.scopes import find_covered_tenants, find_group, find_reach

if TYPE_CHECKING:
    from collections.abc import Iterable

    from nephoscope.access.scopes import Hierarchy
    from nephoscope.state.access.principals import RoleAssignment


def explain_shared_name(
    roles: Iterable[RoleAssignment], operation: str, scope: str, hierarchy: Hierarchy
) -> str:
    """Say what to do where roles in several tenants cover a management group of one name, so that none is meant; '' elsewhere."""
    group = find_group(scope)
    if group not in hierarchy.doubtful:
        return ""
    held = tuple(
        one for one in roles if (found := find_role(one.role)) is not None and found.allows(operation)
    )
    covered, reached = find_covered_tenants(held, group, hierarchy), find_reach(held, operation, hierarchy)
    several = covered | ((reached.tenants | reached.whole_tenants) & hierarchy.find_tenants_with_group(group))
    if reached.everything or not covered or len(several) == 1:
        return ""
    return (
        f"your roles allow it in the tenants {' and '.join(sorted(several))}, which each have a management group "
        f"{group.rpartition('/')[2]!r}: ask with roles in one of them alone"
    )
