"""Manage automation rules for alerts and incidents, their runs and approvals."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from nephoscope.cli.session.filter_options import add_workspace_option
from nephoscope.cli.session.lake_access import flush_pending_rows, open_lake
from nephoscope.cli.session.operation_commands import add_operations
from nephoscope.cli.session.secret_input import read_secret, split_secret_pair
from nephoscope.cli.session.service_context import build_context, open_context
from nephoscope.cli.session.state_access import find_workspace
from nephoscope.cli.terminal.messages import exit_with_usage_error, print_message
from nephoscope.operations.response import rules, runs
from nephoscope.service.automation_responses import (
    put_secret,
    remove_secret,
    try_rule,
)

if TYPE_CHECKING:
    from nephoscope.automation.engine import AutomationEngine

_FAULT = 3
_WORKSPACE = add_workspace_option()


@click.group("response")
def command() -> None:
    """Manage response: automation rules in DATA/responses/rules, their runs, and approvals."""


@contextmanager
def _open_engine(data: Path, workspace: str) -> Iterator[AutomationEngine]:
    from nephoscope.automation.config_errors import list_file_faults
    from nephoscope.automation.engine import AutomationEngine
    from nephoscope.automation.rule_catalog import load_rules

    with open_lake(data, keeps=True) as (lake, state):
        for fault in list_file_faults(data):
            print_message(fault)
        try:
            rules = load_rules(data, state).rules
            yield AutomationEngine(lake, state, find_workspace(state, workspace).name, rules)
        except ValueError as error:
            exit_with_usage_error(str(error))
        flush_pending_rows(data, lake, state)


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
    with _open_engine(data, workspace) as engine:
        while True:
            for one in engine.tick():
                dead = dead or one.status.value == "dead"
                print_message(f"{one.rule}: {one.action}: {one.status.value}: {one.detail}")
            if not schedule:
                break
            time.sleep(every)
    sys.exit(_FAULT if dead else 0)


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
        exit_with_usage_error("give --incident NUMBER or --alert ID")
    with _open_engine(data, workspace) as engine:
        rule = next(
            (one for one in engine.rules if name.casefold() in (one.key.casefold(), one.title.casefold())),
            None,
        )
        if rule is None:
            exit_with_usage_error(f"rule '{name}' not found: see `nephoscope response rules`")
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
        _, checked = split_secret_pair(f"{name}={place}")
        given = read_secret(name, checked)
        put_secret(service, name, given)
        click.echo(f"secret {name} stored")


add_operations(command, rules.OPERATIONS, runs.OPERATIONS)
