"""NSG priorities in use: by rules of the stored estate and by pending changes.

Two rules of a group with one direction and one priority are refused by Azure (SecurityRuleConflict).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from nephoscope.state.automation.automation_runs import AutomationRun


def find_taken_priorities(
    data: Path, group: str, direction: str, but: str, plans: Iterable[AutomationRun]
) -> dict[int, str]:
    """Priority -> what has it; the rule named `but` counts for nothing. StoreError where the estate cannot be read."""
    known = {
        priority: f"the plan of the run {run_id}"
        for run_id, priority in _list_planned_rules(plans, group, direction)
    }
    for name, properties in _list_stored_rules(data, group):
        if (
            properties.get("direction") == direction
            and "priority" in properties
            and name.lower() != but.lower()
        ):
            known[int(properties["priority"])] = f"the rule {name}"
    return known


def _list_stored_rules(data: Path, group: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The rules of the group in the stored estate."""
    from nephoscope.estate.tenant_stores import iterate_current

    for resource in iterate_current(data):
        if resource.key == group.lower():
            for one in (resource.body.get("properties") or {}).get("securityRules") or []:
                yield str(one.get("name", "")), one.get("properties") or {}


def _list_planned_rules(
    plans: Iterable[AutomationRun], group: str, direction: str
) -> Iterator[tuple[str, int]]:
    """(run, priority) of the rules that plans make in the group."""
    for run in plans:
        if run.plan is not None and str(run.plan.get("resource", "")).lower() == group.lower():
            for properties in list_planned_rules(run.plan):
                if properties["direction"] == direction:
                    yield run.id, properties["priority"]


def list_planned_rules(plan: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The properties of the rules that a plan makes; none where it is for no group."""
    return [one["properties"] for one in (plan.get("template") or {}).get("resources", ())]
