"""Runs of response: approve, deny, undo and retry them; try a rule; keep the secrets that actions sign with."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from nephoscope.service.actors import ROOT_SCOPE
from nephoscope.service.service_context import workspace_scope

if TYPE_CHECKING:
    from datetime import datetime

    from nephoscope.automation.engine import AutomationEngine
    from nephoscope.automation.rule import AutomationRule
    from nephoscope.service.service_context import ServiceContext
    from nephoscope.state.automation.automation_runs import AutomationRun

_Decide = Callable[[str, str, "datetime"], "AutomationRun"]


def approve_run(context: ServiceContext, engine: AutomationEngine, run: str) -> AutomationRun:
    """Approve what a run planned; it is done at the next tick. StateError where it waits for nobody."""
    return _decide(context, engine, run, "approve", engine.approve)


def deny_run(context: ServiceContext, engine: AutomationEngine, run: str) -> AutomationRun:
    """Deny what a run planned."""
    return _decide(context, engine, run, "deny", engine.deny)


def undo_run(context: ServiceContext, engine: AutomationEngine, run: str) -> AutomationRun:
    """Undo what was approved, at the next tick and before it is over."""
    return _decide(context, engine, run, "undo", engine.undo)


def retry_run(context: ServiceContext, engine: AutomationEngine, run: str) -> AutomationRun:
    """Retry a dead run at the next tick, under its id and in the step that failed."""
    return _decide(context, engine, run, "retry", engine.retry)


def try_rule(
    context: ServiceContext, engine: AutomationEngine, rule: AutomationRule, incident: int | None, alert: str
) -> tuple[bool, list[AutomationRun]]:
    """Do the actions of a rule with an incident or an alert; whether its conditions hold, and the runs as they ended."""
    from nephoscope.automation.rule_trial import try_with_row

    on = f"alert {alert}" if alert else f"incident {incident}"
    workspace = engine.workspace
    with context.change(
        _operation("test"), workspace_scope(workspace), f"rule {rule.title}", on=on, workspace=workspace
    ):
        return try_with_row(engine, rule, incident, alert, context.now, do=True)


def put_secret(context: ServiceContext, name: str, secret: str) -> None:
    """Keep the secret of a name, encrypted, that webhooks sign with and mail signs in with."""
    context.require("Nephoscope/secrets/write", ROOT_SCOPE)
    with (
        context.state.credentials.seal({_credential(name): secret}) as keep,
        context.state.transaction() as session,
    ):
        keep(session)
        context.enter(session, "Nephoscope/secrets/write", _credential(name))


def remove_secret(context: ServiceContext, name: str) -> None:
    """Remove the secret of a name; StateError where there is none."""
    with context.change("Nephoscope/secrets/delete", ROOT_SCOPE, _credential(name)):
        context.state.credentials.remove(_credential(name))


def _decide(
    context: ServiceContext, engine: AutomationEngine, run: str, act: str, decide: _Decide
) -> AutomationRun:
    scope = workspace_scope(engine.workspace)
    with context.change(_operation(act), scope, run, workspace=engine.workspace):
        return decide(run, context.author, context.now)


def _operation(act: str) -> str:
    return f"Nephoscope/responses/{act}/action"


def _credential(name: str) -> str:
    return f"response.{name}"
