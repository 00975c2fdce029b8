"""Change security rules after an approval: the change is applied to the network model first, then handed to a command, and undone.

Nothing is changed in Azure by this program itself.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

import msgspec
from msgspec import Meta

from nephoscope.automation.action import ActionContext, ActionError, ActionKind, ActionOutcome
from nephoscope.automation.planned_settings import ApplyCommand, ApprovalHours, UndoHours
from nephoscope.automation.program_execution import run_action_program
from nephoscope.automation.rule_change_plan import GroupChange, RuleChangePlan, load_network, plan_changes
from nephoscope.estate.addresses import AddressSet
from nephoscope.estate.estate_store import StoreError
from nephoscope.state.automation.automation_runs import AutomationRun


class NetworkRulesActionSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Rules to put into network security groups, and for how long."""

    changes: Annotated[
        tuple[GroupChange, ...],
        Meta(description="Groups, each with ARM securityRules entries to put.", min_length=1),
    ]
    hours: UndoHours = 0.0
    wait: ApprovalHours = 72.0
    apply: ApplyCommand = ""


def plan(
    settings: NetworkRulesActionSettings,
    run: AutomationRun,  # noqa: ARG001 - the signature of all actions
    around: ActionContext,
) -> ActionOutcome:
    """Return the change with its effect by the model; nothing where the model sees no effect."""
    found = _check_rule_changes(settings, around)
    if not found.effects:
        return ActionOutcome("the rules would change nothing")
    removed = sum(len(one.removed) for one in found.effects)
    added = sum(len(one.added) for one in found.effects)
    detail = f"would put {len(found.apply.splitlines())} rules: {removed} openings removed, {added} added"
    until = around.now + timedelta(hours=settings.wait)
    return ActionOutcome(detail, {"target": "nsg", **msgspec.to_builtins(found)}, until)


def _check_rule_changes(settings: NetworkRulesActionSettings, around: ActionContext) -> RuleChangePlan:
    allowed = around.operator.block
    management = AddressSet.of(allowed.management if allowed else ())
    try:
        model = load_network(around.data, settings.changes[0].group)
    except StoreError as error:
        raise ActionError(f"the estate cannot be read: {error}") from error
    missing = [one.group for one in settings.changes if one.group.lower() not in model.estate.resources]
    if missing:
        raise ActionError(f"the stored estate has no network security group {missing[0]}", again=False)
    return plan_changes(model, settings.changes, management)


def approve(settings: NetworkRulesActionSettings, run: AutomationRun, around: ActionContext) -> ActionOutcome:
    """Check once more, since rules may have changed; then hand the change to its command, where one is named."""
    assert run.plan is not None
    planned, found = msgspec.convert(run.plan, RuleChangePlan), _check_rule_changes(settings, around)
    if found.effects != planned.effects:
        raise ActionError(
            "the network changed after planning: the rules would do something else", again=False
        )
    if found.undo != planned.undo:
        raise ActionError(
            "the network changed after planning: the undo would not restore the present rules", again=False
        )
    until = around.now + timedelta(hours=settings.hours) if settings.hours else None
    approval = f"approved by {run.by}"
    return ActionOutcome(
        f"{approval}; {_run_configured_program(settings, run, around, 'apply')}", None, until
    )


def undo(settings: NetworkRulesActionSettings, run: AutomationRun, around: ActionContext) -> ActionOutcome:
    """Hand what undoes the change to the command, where one is named; else say what is to be run."""
    return ActionOutcome(_run_configured_program(settings, run, around, "undo"))


def _run_configured_program(
    settings: NetworkRulesActionSettings, run: AutomationRun, around: ActionContext, what: str
) -> str:
    assert run.plan is not None
    if not settings.apply:
        return f"run: {run.plan[what]}"
    return run_action_program(settings.apply, run, around, what)


KIND = ActionKind(
    "network-rules",
    "Change security rules after an approval",
    NetworkRulesActionSettings,
    plan=plan,
    approve=approve,
    undo=undo,
    receiver=lambda one: one.apply,
    scopes=lambda one: tuple(each.group.lower() for each in one.changes),
)
