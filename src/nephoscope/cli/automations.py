"""Send assessments, scores, compliance states, alerts and incidents to other systems when they change."""

from __future__ import annotations

import sys
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn, TypeVar, Unpack

import click

from nephoscope.cli.session.filter_options import most_option
from nephoscope.cli.session.lake_access import lake_of, take_in
from nephoscope.cli.session.list_output import list_options, show_list
from nephoscope.cli.session.secret_input import secret, secret_pair
from nephoscope.cli.session.service_context import service_of
from nephoscope.cli.session.state_access import state_of
from nephoscope.cli.terminal.messages import usage_error

if TYPE_CHECKING:
    from nephoscope.automation.automation_readiness import Readiness
    from nephoscope.automation.rule import AutomationRule
    from nephoscope.service.automation_options import AutomationOptions
    from nephoscope.state import State

T = TypeVar("T")
COLUMNS = ("name", "enabled", "events", "actions", "scopes", "error")
RUNS = ("id", "status", "action", "on", "attempts", "created", "detail")
_FAULT = 3
_MOST_BYTES = 4 << 20


@click.group("automations")
def command() -> None:
    """Manage workflow automations and continuous export, including those created through the API; their runs
    are listed by `response`.
    """


@command.command("list")
@list_options
@click.pass_obj
def list_(data: Path, /, output: str) -> None:
    """List automations and their failed runs. Exits 3 if one is invalid or refers to something that does not
    exist.
    """
    from nephoscope.automation.rule_catalogue import load_automations
    from nephoscope.posture.published.snapshot_cache import PublishedSnapshotCache

    with state_of(data) as state:
        found, wrong = load_automations(state, PublishedSnapshotCache(data))
        tallies = state.run_standings.by_rule()
        ready = _readiness(data, state)
        missing = {one.key: "; ".join(ready.missing(one)) for one in found if one.enabled}
    rows = [
        {
            "name": one.title, "enabled": one.enabled, "events": list(one.sources),
            "actions": [str(each["action"]) for each in one.actions], "scopes": list(one.scope.scopes),
            "error": "; ".join(filter(None, [missing.get(one.key), tallies[one.key].failure if one.key in tallies else ""])),
            "id": one.key,
        }
        for one in found
    ]  # fmt: skip
    rows += [
        {
            "name": one.title,
            "enabled": False,
            "events": [],
            "actions": [],
            "scopes": [],
            "error": one.reason,
            "id": one.key,
        }
        for one in wrong
    ]
    show_list(rows, COLUMNS, output, "no automations: create one with nephoscope automations add")
    sys.exit(_FAULT if wrong or any(missing.values()) else 0)


@command.command("add")
@click.argument("name")
@click.option(
    "--on",
    "events",
    multiple=True,
    metavar="EVENTS",
    help=(
        "Type of the exported documents: Assessments and Alerts export each change, "
        "AssessmentsSnapshot exports everything weekly."
    ),
)
@click.option(
    "--where",
    multiple=True,
    metavar="'PATH OPERATOR VALUE'",
    help="Condition that an event must meet: see docs/guides/automation.md.",
)
@click.option(
    "--scope",
    "scopes",
    multiple=True,
    metavar="ID",
    help="Include only events at or below this subscription or resource group.",
)
@click.option("--webhook", metavar="URL", default="", help="Post to this webhook, signed with --secret.")
@click.option(
    "--secret", metavar="NAME", default="", help="Secret that signs the webhook (`response secret NAME`)."
)
@click.option(
    "--batch",
    type=click.IntRange(1, 500),
    default=1,
    show_default=True,
    help="Maximum number of records in one request.",
)
@click.option("--mail", multiple=True, metavar="ADDRESS", help="Send an email.")
@click.option(
    "--command", "program", metavar="NAME", default="", help="Run a command allowed in operator.yaml."
)
@click.option("--files", metavar="NAME", default="", help="Append to a file allowed in operator.yaml.")
@click.option("--table", metavar="WORKSPACE", default="", help="Append to the tables of a workspace.")
@click.option(
    "--event-hub",
    metavar="env:VARIABLE|file:PATH",
    default="",
    help="Send to the event hub of this connection string.",
)
@click.option(
    "--from",
    "file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Automation as a JSON document in Azure's format.",
)
@click.pass_obj
def add(data: Path, /, name: str, **options: Unpack[AutomationOptions]) -> None:
    """Create or replace the automation NAME."""
    from nephoscope.automation.rule_formats.security_actions import list_secrets, name_secrets
    from nephoscope.automation.rule_formats.security_automations import TENANT, read_automation
    from nephoscope.service.automation_options import properties
    from nephoscope.service.automations import put_automation

    try:
        body = _read(options["file"]) if options["file"] else {"properties": properties(options)}
        body = _with_connection(
            {**body, "id": f"{TENANT}/{name}", "name": name, "type": "Microsoft.Security/automations"},
            options,
        )
        rule = read_automation(body)
        with state_of(data) as state:
            secrets = name_secrets(rule.key, list_secrets(body))
            if why := _readiness(data, state, secrets).missing(rule):
                usage_error("; ".join(why))
            new = put_automation(service_of(data, state), body)
    except ValueError as error:
        usage_error(str(error))
    click.echo(f"automation {name} {'added' if new else 'changed'}")


def _readiness(data: Path, state: State, secrets: Collection[str] = ()) -> Readiness:
    """Return what automations may name; `secrets` are about to be kept."""
    from nephoscope.automation.automation_readiness import Readiness
    from nephoscope.automation.operator_policy import operator
    from nephoscope.posture.published.snapshot_cache import PublishedSnapshotCache

    kept = {*state.credentials.names(), *secrets}
    try:
        return Readiness(data, state, operator(data), kept, PublishedSnapshotCache(data).newest())
    except ValueError as error:
        _refuse(str(error))


def _read(path: Path) -> dict[str, object]:
    from nephoscope.files.json_text import JsonTextError, read_json

    try:
        found = read_json(path, _MOST_BYTES)
    except JsonTextError as error:
        raise ValueError(f"{path}: {error}") from error
    if not isinstance(found, dict):
        raise ValueError(f"{path}: must be a JSON object")
    return found


def _with_connection(body: dict[str, object], options: AutomationOptions) -> dict[str, object]:
    """The document with the connection string of --event-hub, and without those whom Azure names in it."""
    given = body.get("properties")
    if not isinstance(given, dict) or not isinstance(given.get("actions") or [], list):
        return body
    actions = given.get("actions") or []
    if options["event_hub"]:
        connection = secret("connection", secret_pair(f"connection={options['event_hub']}")[1])
        actions = [
            {**one, "connectionString": connection} if one.get("actionType") == "EventHub" else one
            for one in actions
        ]
    kept = {name: value for name, value in given.items() if name != "metadata"}
    return {**body, "properties": {**kept, "actions": actions}}


@command.command("remove")
@click.argument("name")
@click.pass_obj
def remove(data: Path, /, name: str) -> None:
    """Remove the automation NAME (or ID), even if it is invalid. Runs that have started continue."""
    from nephoscope.service.automations import remove_automation

    with state_of(data) as state:
        remove_automation(service_of(data, state), _find_id(state, name))
    click.echo(f"automation {name} removed")


def _find_id(state: State, name: str) -> str:
    """The lower-cased id of the automation of a name or id, whether or not it can be used."""
    from nephoscope.automation.rule_formats.security_automations import TYPE

    wanted = name.casefold().rstrip("/")
    found = [
        one.key
        for one in state.arm_documents.all([TYPE])
        if wanted in (one.key, str(one.body.get("name") or "").casefold(), one.key.rpartition("/")[2])
    ]
    return _only(found, name)


def _require_automation(data: Path, state: State, name: str) -> AutomationRule:
    from nephoscope.automation.rule_catalogue import load_automations
    from nephoscope.posture.published.snapshot_cache import PublishedSnapshotCache

    found = [
        one
        for one in load_automations(state, PublishedSnapshotCache(data))[0]
        if name.casefold() in (one.key, one.title.casefold())
    ]
    return _only(found, name)


def _only(found: Sequence[T], name: str) -> T:
    if len(found) != 1:
        said = "several automations are" if found else "no automation is"
        _refuse(f"{said} named '{name}': see the IDs in `nephoscope automations list --output json`")
    return found[0]


def _refuse(text: str) -> NoReturn:
    usage_error(text)


@command.command("test")
@click.argument("name")
@click.option("--do", is_flag=True, help="Send the first matching document.")
@click.pass_obj
def test(data: Path, /, name: str, do: bool) -> None:
    """Count the published documents that match the automation NAME now; with --do, send the first one."""
    from nephoscope.automation.event_kinds import ALERTS, INCIDENTS
    from nephoscope.automation.rule_trial import list_matches
    from nephoscope.service.automations import try_automation

    failed = False
    with lake_of(data) as (lake, state):
        found = _require_automation(data, state, name)
        for trigger, count, _ in list_matches(data, found):
            click.echo(f"{trigger.kinds[0].source}: {count:,} documents")
        for source in sorted({ALERTS, INCIDENTS}.intersection(found.sources)):
            click.echo(f"{source}: these events are sent as they happen and cannot be tested")
        ended = try_automation(service_of(data, state), lake, found) if do else []
        for one in ended:
            failed = failed or one.status.value != "done"
            click.echo(f"{one.action}: {one.status.value}: {one.detail}")
        take_in(data, lake, state)
    sys.exit(_FAULT if failed else 0)


@command.command("history")
@click.argument("name", default="")
@most_option()
@list_options
@click.pass_obj
def history(data: Path, /, name: str, most: int, output: str) -> None:
    """List the runs of the automation NAME, or of all; `response retry` repeats failed runs."""
    from nephoscope.state.automation.automation_runs import RuleLanguage

    with state_of(data) as state:
        key = _require_automation(data, state, name).key if name else ""
        runs = state.automation_runs.of_language(RuleLanguage.AUTOMATION, key, most)
    rows = [
        {
            "id": one.id, "status": one.status.value, "rule": one.rule, "action": one.action, "on": f"{one.kind} {one.subject}",
            "attempts": one.attempts, "created": one.created, "detail": one.detail,
        }
        for one in runs
    ]  # fmt: skip
    show_list(rows, RUNS, output, "no runs")


@command.command("run")
@click.pass_obj
def run(data: Path, /) -> None:
    """Process what was published since the last run, as the server does. Exits 3 if a run has failed
    permanently.
    """
    from nephoscope.automation.engine import AutomationEngine
    from nephoscope.automation.publication_watch import PublicationWatch
    from nephoscope.automation.rule_catalogue import load_rules
    from nephoscope.posture.published.snapshot_cache import PublishedSnapshotCache

    dead = False
    with lake_of(data) as (lake, state):
        planned = PublicationWatch(data, state, PublishedSnapshotCache(data)).look()
        click.echo(f"{planned} runs planned")
        rules = load_rules(data, state).rules
        for workspace in state.workspaces.all():
            for one in AutomationEngine(lake, state, workspace.name, rules).tick():
                dead = dead or one.status.value == "dead"
                click.echo(f"{one.rule}: {one.action}: {one.status.value}: {one.detail}")
        take_in(data, lake, state)
    sys.exit(_FAULT if dead else 0)
