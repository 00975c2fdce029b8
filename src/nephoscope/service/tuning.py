"""Advice about rules: seek it, apply it and take it back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nephoscope.alerts.tuning.applied_advice import list_applied_advice
from nephoscope.alerts.tuning.trial import RuleTrials, TrialKind
from nephoscope.alerts.tuning.tuning_service import TuningEditor
from nephoscope.service.rules import READ, WRITE
from nephoscope.service.service_context import get_workspace_scope
from nephoscope.service.suppressions import WRITE as SUPPRESS
from nephoscope.state import StateError

if TYPE_CHECKING:
    from datetime import datetime

    from nephoscope.alerts.tuning.advice import Advice
    from nephoscope.alerts.tuning.trial import RuleTrial
    from nephoscope.service.service_context import ServiceContext

#: Who tries a rule reads the logs that it reads.
LOGS = "Microsoft.OperationalInsights/workspaces/query/read"


def may_tune(context: ServiceContext, workspace: str) -> bool:
    """Tell whether the actor may apply advice: it changes the settings of rules, or suppresses alerts."""
    return all(context.actor.is_permitted(one, get_workspace_scope(workspace)) for one in (WRITE, SUPPRESS))


def apply_advice(context: ServiceContext, workspace: str, advice: Advice, expires: datetime) -> None:
    """Apply an advice that was tried just now."""
    from nephoscope.alerts.tuning.advice import execute_advice

    _require_tuning_permission(context, workspace)
    rule = advice.rule
    editing = TuningEditor(context.state, workspace, context.author, context.now, advice.id)
    with context.transact(
        WRITE, get_workspace_scope(workspace), rule.name, act="apply", rule=rule.id, workspace=workspace, advice=advice.id,
        change=advice.proposal.text, expires=expires,
    ):  # fmt: skip
        execute_advice(editing, advice, expires)


def undo_advice(context: ServiceContext, workspace: str, advice: str, rule: str = "") -> int:
    """Take back what an advice changed and nobody has changed since; how many things.

    StateError where it was not applied, or not in the rule of the id `rule` ('' = in any).
    """
    _require_tuning_permission(context, workspace)
    if rule and advice not in {one.advice for one in list_applied_advice(context.state, workspace, rule)}:
        raise StateError("the suggestion was not applied to this rule")
    with context.transact(
        WRITE, get_workspace_scope(workspace), f"suggestion {advice}", act="undo", rule=rule or None, workspace=workspace
    ):  # fmt: skip
        return TuningEditor(context.state, workspace, context.author, context.now).undo(advice)


def request_trial(context: ServiceContext, wanted: RuleTrial) -> RuleTrial:
    """Ask for a trial of a rule, which the server's worker does; the one that waits already for the same."""
    _require_trial(context, wanted)
    with context.change(
        _choose_operation(wanted), get_workspace_scope(wanted.workspace), _format_target(wanted), act="request", since=wanted.since,
        until=wanted.until, advice=wanted.advice or None, workspace=wanted.workspace,
    ):  # fmt: skip
        return RuleTrials(context.state).request_trial(wanted)


def stop_trial(context: ServiceContext, trial: RuleTrial) -> None:
    """Stop a trial."""
    _require_trial(context, trial)
    with context.change(
        _choose_operation(trial), get_workspace_scope(trial.workspace), _format_target(trial), act="stop", workspace=trial.workspace
    ):  # fmt: skip
        RuleTrials(context.state).stop(trial)


def _require_trial(context: ServiceContext, trial: RuleTrial) -> None:
    context.require(LOGS, get_workspace_scope(trial.workspace))
    if trial.what is TrialKind.APPLY:
        _require_tuning_permission(context, trial.workspace)


def _require_tuning_permission(context: ServiceContext, workspace: str) -> None:
    for operation in (WRITE, SUPPRESS):
        context.require(operation, get_workspace_scope(workspace))


def _choose_operation(trial: RuleTrial) -> str:
    return WRITE if trial.what is TrialKind.APPLY else READ


def _format_target(trial: RuleTrial) -> str:
    return f"{trial.what.value} of rule {trial.rule}"
