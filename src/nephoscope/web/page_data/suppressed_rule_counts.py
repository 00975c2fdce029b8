"""Suppressed rule counts of each workspace, full and partial, for the overview."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from nephoscope.alerts.tuning.active_suppressions import RuleSuppressions, SuppressionsInForce
from nephoscope.state.rules.suppressions import ANY_RULE

if TYPE_CHECKING:
    from nephoscope.web.visits.request_context import Visit

READ = "Microsoft.Security/alertsSuppressionRules/read"


@dataclass(frozen=True, slots=True)
class SuppressedRules:
    """The rules of a workspace with a suppression in force, by how much it holds back; `every_rule`: those that are of all rules."""

    workspace: str
    whole: int
    part: int
    every_rule: int
    next_end: datetime | None


def count_suppressed_rules(visit: Visit) -> list[SuppressedRules]:
    """Count them in each workspace whose suppressions the visitor reads and that has one."""
    found = []
    for workspace in visit.workspaces(READ):
        in_force = SuppressionsInForce.load(visit.instance.state, workspace, visit.instance.now)
        if in_force.all:
            found.append(_count_suppressed_rules(workspace, in_force))
    return found


def _count_suppressed_rules(workspace: str, in_force: SuppressionsInForce) -> SuppressedRules:
    rules = {one.rule for one in in_force.all if one.rule != ANY_RULE}
    whole = sum(in_force.select_for_rule(one).whole for one in rules)
    every_rule = sum(one.rule == ANY_RULE for one in in_force.all)
    return SuppressedRules(
        workspace, whole, len(rules) - whole, every_rule, RuleSuppressions(in_force.all).next_end
    )
