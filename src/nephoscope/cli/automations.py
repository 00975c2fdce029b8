"""Send assessments, scores, compliance states, alerts and incidents to other systems when they change."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from nephoscope.cli.session.lake_access import flush_pending_rows, open_lake
from nephoscope.cli.session.operation_commands import add_operations
from nephoscope.operations.response import automations

_FAULT = 3


@click.group("automations")
def command() -> None:
    """Manage workflow automations and continuous export, including those created through the API; their runs
    are listed by `response`.
    """


@command.command("run")
@click.pass_obj
def run(data: Path, /) -> None:
    """Process what was published since the last run, as the server does. Exits 3 if a run has failed
    permanently.
    """
    from nephoscope.automation.engine import AutomationEngine
    from nephoscope.automation.publication_watch import PublicationWatch
    from nephoscope.automation.rule_catalog import load_rules
    from nephoscope.posture.published.snapshot_cache import PublishedSnapshotCache

    dead = False
    with open_lake(data) as (lake, state):
        planned = PublicationWatch(data, state, PublishedSnapshotCache(data)).plan_runs()
        click.echo(f"{planned} runs planned")
        rules = load_rules(data, state).rules
        for workspace in state.workspaces.all():
            for one in AutomationEngine(lake, state, workspace.name, rules).tick():
                dead = dead or one.status.value == "dead"
                click.echo(f"{one.rule}: {one.action}: {one.status.value}: {one.detail}")
        flush_pending_rows(data, lake, state)
    sys.exit(_FAULT if dead else 0)


add_operations(command, automations.OPERATIONS)
