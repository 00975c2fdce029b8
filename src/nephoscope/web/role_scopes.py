"""Where a role holds, in the words of people: subscriptions by their names."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nephoscope.access.scopes import MANAGEMENT_GROUP, TENANT, WORKSPACE

if TYPE_CHECKING:
    from nephoscope.web.visit import Visit


def placed(visit: Visit, scope: str) -> str:
    """The place of a scope as it is kept; of a subscription that the visitor may not see, or that was not collected, its id."""
    if scope == TENANT:
        return "everything"
    last = scope.rsplit("/", 1)[-1]
    if scope.startswith(WORKSPACE):
        return f"workspace {last}"
    if scope.startswith(MANAGEMENT_GROUP):
        return f"management group {last}"
    id_ = scope.split("/")[2]
    name = visit.subscriptions.get(id_, id_)
    return f"{last} in {name}" if "/resourcegroups/" in scope else name
