"""Manage automation rules for alerts and incidents, their runs and approvals."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from nephoscope.cli.session.filter_options import limit_option, workspace_option
from nephoscope.cli.session.lake_access import flush_pending, open_lake
from nephoscope.cli.session.list_output import list_options, show_list
from nephoscope.cli.session.operation_commands import add_operations
from nephoscope.cli.session.secret_input import secret, secret_pair
from nephoscope.cli.session.service_context import build_context, open_context
from nephoscope.cli.session.state_access import find_workspace, open_state
from nephoscope.cli.terminal.messages import print_message, usage_error
from nephoscope.operations.response import rules
from nephoscope.service.automation_responses import (
    approve_run,
    deny_run,
    put_secret,
    remove_secret,
    retry_run,
    try_rule,
    undo_run,
)
from nephoscope.state import StateError

if TYPE_CHECKING:
    from nephoscope.automation.engine import AutomationEngine
    from nephoscope.state.automation.automation_runs import AutomationRun

COLUMNS = ("id", "status", "rule", "action", "step", "on", "attempts", "due", "detail")
_FAULT = 3
_STATUSES = ("pending", "running", "done", "dead", "approve", "denied", "expired", "undone")
_WORKSPACE = workspace_option()


@click.group("response")
def command() -> None:
    """Manage response: automation rules in DATA/responses/rules, their runs, and approvals."""


@contextmanager
def _engine(data: Path, workspace: str) -> Iterator[AutomationEngine]:
    from nephoscope.automation.config_errors import list_file_faults
    from nephoscope.automation.engine import AutomationEngine
    from nephoscope.automation.rule_catalogue import load_rules

    with open_lake(data, keeps=True) as (lake, state):
        for fault in list_file_faults(data):
            print_message(fault)
        try:
            rules = load_rules(data, state).rules
            yield AutomationEngine(lake, state, find_workspace(state, workspace).name, rules)
        except ValueError as error:
            usage_error(str(error))
        flush_pending(data, lake, state)


@command.command("run")
@_WORKSPACE
@click.option("--schedule", is_flag=True, help="Keep running.")
@click.option(
    "--every", type=click.IntRange(1, 3600), default=5, show_default=True, help="Seconds between evaluations."
)
@click.pass_obj
def run(data: Path, /, workspace: str, schedule: bool, every: int) -> None:
    """Evaluate the rules for new events and run the actions that are due; `detect` does this automatically.
    Exits 3 if a run has failed permanently.
    """
    import time

    dead = False
    with _engine(data, workspace) as engine:
        while True:
            for one in engine.tick():
                dead = dead or one.status.value == "dead"
                print_message(f"{one.rule}: {one.action}: {one.status.value}: {one.detail}")
            if not schedule:
                break
            time.sleep(every)
    sys.exit(_FAULT if dead else 0)


@command.command("list")
@_WORKSPACE
@click.option(
    "--status",
    "statuses",
    multiple=True,
    type=click.Choice(_STATUSES),
    help="Show only runs with this status.",
)
@limit_option()
@list_options
@click.pass_obj
def list_(data: Path, /, workspace: str, statuses: tuple[str, ...], most: int, output: str) -> None:
    """List the runs of actions, newest first; `--status dead` shows failed runs, `--status approve` shows
    runs that wait for approval.
    """
    from nephoscope.state.automation.automation_runs import RunStatus

    with open_state(data) as state:
        wanted = [RunStatus(one) for one in statuses]
        found = state.automation_runs.newest(
            find_workspace(state, workspace).name, statuses=wanted, most=most
        )
    show_list([_row(one) for one in found], COLUMNS, output, "no runs")


def _row(one: AutomationRun) -> dict[str, object]:
    return {
        "id": one.id, "status": one.status.value, "rule": one.rule, "action": one.action, "step": one.step.value,
        "on": f"{one.kind} {one.subject}", "attempts": one.attempts, "begun": one.begun, "cutOff": one.cut_off,
        "due": one.due if one.status.value == "pending" else None, "until": one.until, "by": one.by,
        "detail": one.detail, "created": one.created, "changed": one.changed,
    }  # fmt: skip


@command.command("show")
@_WORKSPACE
@click.argument("id_", metavar="ID")
@click.pass_obj
def show(data: Path, /, workspace: str, id_: str) -> None:
    """Show the run ID (or its prefix): its changes, real or planned, and how to undo them."""
    with open_state(data) as state:
        name = find_workspace(state, workspace).name
        with state.reading() as session:
            found = state.automation_runs.read(session, id_)
        if found.workspace != name:
            raise StateError(f"run {id_!r} not found")
    shown = _row(found) | {"settings": found.settings, "plan": found.plan, "event": found.document}
    click.echo(json.dumps(shown, indent=2, ensure_ascii=False, default=str))


@command.command("approve")
@_WORKSPACE
@click.argument("id_", metavar="ID")
@click.option("--yes", is_flag=True, help="Skip the confirmation prompt.")
@click.pass_obj
def approve(data: Path, /, workspace: str, id_: str, yes: bool) -> None:
    """Review and approve the change of the run ID. It is passed to its command, or printed."""
    with _engine(data, workspace) as engine:
        with engine.state.reading() as session:
            found = engine.state.automation_runs.read(session, id_)
        if found.plan:
            click.echo(json.dumps(found.plan, indent=2, ensure_ascii=False))
        if not yes:
            click.confirm("Approve this?", abort=True, err=True)
        approved = approve_run(build_context(data, engine.state), engine, found.id)
        good = _follow_runs(engine, {approved.id})
    sys.exit(0 if good else _FAULT)


def _follow_runs(engine: AutomationEngine, wanted: set[str]) -> bool:
    """Do what is due and say how runs stand then; whether none of them is dead. Another process may be at it: that is said."""
    ended = {one.id: one for one in engine.tick() if one.id in wanted}
    for id_ in sorted(wanted):
        if one := ended.get(id_):
            click.echo(f"{id_}: {one.status.value}: {one.detail}")
        else:
            click.echo(
                f"{id_}: pending: another process is running responses; see nephoscope response show {id_}"
            )
    return all(one.status.value != "dead" for one in ended.values())


@command.command("deny")
@_WORKSPACE
@click.argument("id_", metavar="ID")
@click.pass_obj
def deny(data: Path, /, workspace: str, id_: str) -> None:
    """Deny the change of the run ID."""
    with _engine(data, workspace) as engine:
        denied = deny_run(build_context(data, engine.state), engine, id_)
        click.echo(f"{denied.id}: denied")


@command.command("undo")
@_WORKSPACE
@click.argument("id_", metavar="ID")
@click.pass_obj
def undo(data: Path, /, workspace: str, id_: str) -> None:
    """Undo the change of the run ID before it expires. Exits 3 if undoing fails permanently: the change
    remains in effect.
    """
    with _engine(data, workspace) as engine:
        undone = undo_run(build_context(data, engine.state), engine, id_)
        good = _follow_runs(engine, {undone.id})
    sys.exit(0 if good else _FAULT)


@command.command("retry")
@_WORKSPACE
@click.argument("ids", metavar="ID...", nargs=-1, required=True)
@click.pass_obj
def retry(data: Path, /, workspace: str, ids: tuple[str, ...]) -> None:
    """Retry failed runs under the same IDs, each from the failed step. Exits 3 if one fails again."""
    with _engine(data, workspace) as engine:
        context = build_context(data, engine.state)
        again = {retry_run(context, engine, one).id for one in ids}
        good = _follow_runs(engine, again)
    sys.exit(0 if good else _FAULT)


@command.command("test")
@_WORKSPACE
@click.argument("name", metavar="RULE")
@click.option("--incident", type=int, metavar="NUMBER", help="Incident to test with.")
@click.option("--alert", default="", metavar="ID", help="Alert to test with.")
@click.option(
    "--do",
    is_flag=True,
    help="Run the actions; without it, only show whether the rule matches and what it would do.",
)
@click.pass_obj
def test(data: Path, /, workspace: str, name: str, incident: int | None, alert: str, do: bool) -> None:
    """Test the rule RULE with an incident or alert in its current state, regardless of the rule's trigger."""
    from nephoscope.automation.rule_trial import try_with_row

    if (incident is None) == (not alert):
        usage_error("give --incident NUMBER or --alert ID")
    with _engine(data, workspace) as engine:
        rule = next(
            (one for one in engine.rules if name.casefold() in (one.key.casefold(), one.title.casefold())),
            None,
        )
        if rule is None:
            usage_error(f"rule '{name}' not found: see `nephoscope response rules`")
        if do:
            holds, ended = try_rule(build_context(data, engine.state), engine, rule, incident, alert)
        else:
            holds, ended = try_with_row(engine, rule, incident, alert, datetime.now(UTC), do=False)
        said = "hold" if holds else "do not match"
        click.echo(
            f"its conditions {said}; its actions: {', '.join(str(one['action']) for one in rule.actions)}"
        )
        for one in ended:
            click.echo(f"{one.action}: {one.status.value}: {one.detail}")
    sys.exit(_FAULT if any(one.status.value == "dead" for one in ended) else 0)


@command.command("secret")
@click.argument("name")
@click.option(
    "--from",
    "place",
    default="",
    metavar="env:VARIABLE|file:PATH",
    help="Source of the value (default: a prompt).",
)
@click.option("--remove", is_flag=True, help="Delete the secret.")
@click.pass_obj
def secret_(data: Path, /, name: str, place: str, remove: bool) -> None:
    """Store the encrypted secret NAME, for webhook signatures and mail sign-in."""
    with open_context(data) as service:
        if remove:
            remove_secret(service, name)
            click.echo(f"secret {name} removed")
            return
        _, checked = secret_pair(f"{name}={place}")
        given = secret(name, checked)
        put_secret(service, name, given)
        click.echo(f"secret {name} stored")


add_operations(command, rules.OPERATIONS)
