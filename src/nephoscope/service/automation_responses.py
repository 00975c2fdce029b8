"""Runs of response: list them, approve, deny, undo and retry them; try a rule; keep the secrets that actions sign with.

A plan is approved by somebody else than who asked for it, with the right at the workspace and at each scope that it touches.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from nephoscope.automation.action import find_action_kind
from nephoscope.service.actors import ROOT_SCOPE
from nephoscope.service.approvals import require_approver
from nephoscope.service.service_context import get_workspace_scope
from nephoscope.state import NotFoundError

if TYPE_CHECKING:
    from datetime import datetime

    from nephoscope.automation.engine import AutomationEngine
    from nephoscope.automation.rule import AutomationRule
    from nephoscope.service.service_context import ServiceContext
    from nephoscope.state.automation.automation_runs import AutomationRun, RunStatus

READ = "Nephoscope/responses/read"
_Decide = Callable[[str, str, "datetime"], "AutomationRun"]


def approve_run(context: ServiceContext, engine: AutomationEngine, run: str) -> AutomationRun:
    """Approve what a run planned; it is done at the next tick. OwnRequestError for who asked for it, StateError where it waits for
    nobody."""
    return _decide_run(context, engine, run, "approve", engine.approve, requester_decides=False)


def deny_run(context: ServiceContext, engine: AutomationEngine, run: str) -> AutomationRun:
    """Deny what a run planned."""
    return _decide_run(context, engine, run, "deny", engine.deny)


def undo_run(context: ServiceContext, engine: AutomationEngine, run: str) -> AutomationRun:
    """Undo what was approved, at the next tick and before it is over."""
    return _decide_run(context, engine, run, "undo", engine.undo)


def retry_run(context: ServiceContext, engine: AutomationEngine, run: str) -> AutomationRun:
    """Retry a dead run at the next tick, under its id and in the step that failed."""
    return _decide_run(context, engine, run, "retry", engine.retry)


def try_rule(
    context: ServiceContext, engine: AutomationEngine, rule: AutomationRule, incident: int | None, alert: str
) -> tuple[bool, list[AutomationRun]]:
    """Do the actions of a rule with an incident or an alert; whether its conditions hold, and the runs as they ended."""
    from nephoscope.automation.rule_trial import try_with_row

    on = f"alert {alert}" if alert else f"incident {incident}"
    workspace = engine.workspace
    with context.change(
        _format_operation("test"),
        get_workspace_scope(workspace),
        f"rule {rule.title}",
        on=on,
        workspace=workspace,
    ):
        return try_with_row(engine, rule, incident, alert, context.now, do=True, by=context.actor.name)


def put_secret(context: ServiceContext, name: str, secret: str) -> None:
    """Keep the secret of a name, encrypted, that webhooks sign with and mail signs in with."""
    context.require("Nephoscope/secrets/write", ROOT_SCOPE)
    with (
        context.state.credentials.seal({_format_credential(name): secret}) as keep,
        context.state.transaction() as session,
    ):
        keep(session)
        context.enter(session, "Nephoscope/secrets/write", _format_credential(name))


def remove_secret(context: ServiceContext, name: str) -> None:
    """Remove the secret of a name; StateError where there is none."""
    with context.change("Nephoscope/secrets/delete", ROOT_SCOPE, _format_credential(name)):
        context.state.credentials.remove(_format_credential(name))


def _decide_run(
    context: ServiceContext,
    engine: AutomationEngine,
    run: str,
    act: str,
    decide: _Decide,
    *,
    requester_decides: bool = True,
) -> AutomationRun:
    operation, scope = _format_operation(act), get_workspace_scope(engine.workspace)
    context.require(operation, scope)
    known = find_run(context, engine.workspace, run)
    # denying leaves everything as it is
    touched = () if act == "deny" else list_scopes(known)
    require_approver(context, operation, (scope, *touched), () if requester_decides else known.requesters)
    with context.change(operation, scope, known.id, workspace=engine.workspace):
        return decide(known.id, context.author, context.now)


def list_runs(
    context: ServiceContext, workspace: str, statuses: Sequence[RunStatus] = (), most: int = 100
) -> list[AutomationRun]:
    """Return the newest runs of a workspace. Raises DeniedError."""
    context.require(READ, get_workspace_scope(workspace))
    return context.state.automation_runs.list_newest(workspace, statuses=statuses, most=most)


def read_run(context: ServiceContext, workspace: str, run: str) -> AutomationRun:
    """Return the run of an ID or its beginning. Raises DeniedError; StateError where there is none, or several."""
    context.require(READ, get_workspace_scope(workspace))
    return find_run(context, workspace, run)


def find_run(context: ServiceContext, workspace: str, run: str) -> AutomationRun:
    """Return the run of an ID or its beginning; NotFoundError where the workspace has none, StateError where it has several."""
    with context.state.reading() as session:
        found = context.state.automation_runs.read(session, run)
    if found.workspace != workspace:
        raise NotFoundError(f"run {run!r} not found in the workspace {workspace}")
    return found


def list_scopes(run: AutomationRun) -> tuple[str, ...]:
    """Return the scopes that a run's plan touches; everything where its settings cannot be read any more."""
    try:
        kind = find_action_kind(run.action)
        return kind.scopes(kind.parse(run.settings))
    except ValueError:
        return (ROOT_SCOPE,)


def _format_operation(act: str) -> str:
    return f"Nephoscope/responses/{act}/action"


def _format_credential(name: str) -> str:
    return f"response.{name}"
