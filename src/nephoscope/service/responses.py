"""Runs of response: approve, deny, undo and retry them; try a rule; keep the secrets that actions sign with."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from nephoscope.service.actors import ROOT_SCOPE
from nephoscope.service.context import workspace_scope

if TYPE_CHECKING:
    from datetime import datetime

    from nephoscope.alerts.response.responder import Responder
    from nephoscope.alerts.response.rule import Asked
    from nephoscope.service.context import ServiceContext
    from nephoscope.state.responses import ResponseRun

_Decide = Callable[[str, str, "datetime"], "ResponseRun"]


def approve_run(context: ServiceContext, responder: Responder, run: str) -> ResponseRun:
    """Approve what a run planned; it is done at the next tick. StateError where it waits for nobody."""
    return _decide(context, responder, run, "approve", responder.approve)


def deny_run(context: ServiceContext, responder: Responder, run: str) -> ResponseRun:
    """Deny what a run planned."""
    return _decide(context, responder, run, "deny", responder.deny)


def undo_run(context: ServiceContext, responder: Responder, run: str) -> ResponseRun:
    """Undo what was approved, at the next tick and before it is over."""
    return _decide(context, responder, run, "undo", responder.undo)


def retry_run(context: ServiceContext, responder: Responder, run: str) -> ResponseRun:
    """Retry a dead run at the next tick, under its id and in the step that failed."""
    return _decide(context, responder, run, "retry", responder.retry)


def try_rule(
    context: ServiceContext, responder: Responder, rule: Asked, incident: int | None, alert: str
) -> tuple[bool, list[ResponseRun]]:
    """Do the actions of a rule with an incident or an alert; whether its conditions hold, and the runs as they ended."""
    from nephoscope.alerts.response.trying import tried

    on = f"alert {alert}" if alert else f"incident {incident}"
    workspace = responder.workspace
    with context.change(
        _operation("test"), workspace_scope(workspace), f"rule {rule.name}", on=on, workspace=workspace
    ):
        return tried(responder, rule, incident, alert, context.now, do=True)


def put_secret(context: ServiceContext, name: str, secret: str) -> None:
    """Keep the secret of a name, encrypted, that webhooks sign with and mail signs in with."""
    context.require("Nephoscope/secrets/write", ROOT_SCOPE)
    with (
        context.state.credentials.sealing({_credential(name): secret}) as keep,
        context.state.transaction() as session,
    ):
        keep(session)
        context.enter(session, "Nephoscope/secrets/write", _credential(name))


def remove_secret(context: ServiceContext, name: str) -> None:
    """Remove the secret of a name; StateError where there is none."""
    with context.change("Nephoscope/secrets/delete", ROOT_SCOPE, _credential(name)):
        context.state.credentials.remove(_credential(name))


def _decide(
    context: ServiceContext, responder: Responder, run: str, act: str, decide: _Decide
) -> ResponseRun:
    scope = workspace_scope(responder.workspace)
    with context.change(_operation(act), scope, run, workspace=responder.workspace):
        return decide(run, context.author, context.now)


def _operation(act: str) -> str:
    return f"Nephoscope/responses/{act}/action"


def _credential(name: str) -> str:
    return f"response.{name}"
