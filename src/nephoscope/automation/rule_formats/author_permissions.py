"""Author permissions: an automation reads and writes only what its author may.

Who put it may have lost roles since, and documents that were kept before an automation was cut to its author's rights hold
more. One that was put by the command line has no author: who commands the machine reads everything.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from nephoscope.access.scopes import Hierarchy, find_reach, is_permitted
from nephoscope.automation.event_kinds import RISKS
from nephoscope.automation.rule import AutomationError, AutomationRule
from nephoscope.files.json_tree import get_list, get_text, get_tree

if TYPE_CHECKING:
    from nephoscope.state import State

READS = ("Microsoft.Security/assessments/read", "Microsoft.Security/alerts/read")
#: What else is read by who is told of risks of identities: these, and the logs that they come from.
RISK_READS = ("Nephoscope/identityProtection/read", "Microsoft.OperationalInsights/workspaces/query/read")
WORKSPACE_WRITE = "Microsoft.OperationalInsights/workspaces/write"


def limit_to_author(
    one: AutomationRule, body: Mapping[str, object], state: State, hierarchy: Hierarchy
) -> AutomationRule:
    """Return an automation within its author's rights of now; AutomationError where that one is let in no more, or may not do it."""
    properties = get_tree(body, "properties")
    id_ = get_text(properties, "metadata", "lastUpdatedBy")
    if not id_:
        return one
    author = state.principals.get(id_)
    if author is None or author.disabled:
        raise AutomationError(
            "properties.metadata.lastUpdatedBy",
            f"user {id_[:100]!r} is disabled or deleted: another user must save the automation again",
        )
    roles = state.principals.roles(author.id)
    for at, action in enumerate(get_list(properties, "actions")):
        if get_text(action, "actionType") == "Workspace":
            name = (get_text(action, "workspaceResourceId") or "default").rpartition("/")[2].lower()
            if not is_permitted(roles, WORKSPACE_WRITE, f"/workspaces/{name}", hierarchy):
                raise AutomationError(
                    f"properties.actions[{at}]",
                    f"{author.name}, the author, cannot change the workspace {name}",
                )
    if RISKS in one.sources and not all(is_permitted(roles, each, "/", hierarchy) for each in RISK_READS):
        raise AutomationError(
            "properties.sources", f"{author.name}, the author, cannot read risks of identities"
        )
    read = tuple(find_reach(roles, one, hierarchy) for one in READS)
    return replace(one, scope=replace(one.scope, read=read))
