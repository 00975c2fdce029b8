"""Changes of network security rules: asked for here, planned by the response engine, applied after an approval."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING
from uuid import uuid4

import msgspec

from nephoscope.automation.actions.network_rules import KIND
from nephoscope.automation.rule_change_plan import GroupChange
from nephoscope.state import StateError
from nephoscope.state.automation.automation_runs import AutomationRun, RunStatus
from nephoscope.state.workspaces.workspace import DEFAULT

if TYPE_CHECKING:
    from nephoscope.service.service_context import ServiceContext

#: What is needed at each group whose rules are to change.
WRITE = "Microsoft.Network/networkSecurityGroups/securityRules/write"
#: What is needed at the machine whose learned rules are asked for.
ENFORCE = "Microsoft.Security/adaptiveNetworkHardenings/enforce/action"


def request_rule_change(
    context: ServiceContext,
    operation: str,
    scope: str,
    title: str,
    changes: Sequence[GroupChange],
    *,
    hours: float = 0.0,
    apply: str = "",
) -> AutomationRun:
    """Ask for a change of rules: the engine checks it by the network model, then it waits for an approval.

    `operation` is needed at `scope`, and the writing of rules at each group; the run is one of the default workspace, as those of
    automations are. Raises DeniedError; StateError for no change.
    """
    if not changes:
        raise StateError("no rule is to be changed")
    for one in changes:
        context.require(WRITE, one.group.lower())
    now = context.now
    settings = msgspec.to_builtins({"changes": tuple(changes), "hours": hours, "apply": apply})
    run = AutomationRun(
        uuid4().hex, DEFAULT, title, KIND.name, {"action": KIND.name, **settings}, "network.change", scope,
        {"requested": context.author, "groups": [one.group for one in changes]}, RunStatus.PENDING, now, now, now,
        requesters=(context.actor.name,),
    )  # fmt: skip
    groups = [one.group for one in changes]
    with (
        context.transact(operation, scope, scope, run=run.id, groups=groups, title=title),
        context.state.transaction() as session,
    ):
        context.state.automation_runs.put(session, run)
    return run


def find_open_request(context: ServiceContext, change: GroupChange) -> AutomationRun | None:
    """Return a run that was asked for with the same rules for a group and is not decided yet."""
    statuses = (RunStatus.PENDING, RunStatus.RUNNING, RunStatus.APPROVE)
    for run in context.state.automation_runs.list_newest(DEFAULT, statuses=statuses, most=1_000):
        if run.action == KIND.name and change in msgspec.convert(run.settings["changes"], list[GroupChange]):
            return run
    return None
