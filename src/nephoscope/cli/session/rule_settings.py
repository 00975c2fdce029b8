"""Rule settings commands: set, clear, list and show changes."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click

from nephoscope.cli.session.filter_options import workspace_option
from nephoscope.cli.session.list_output import list_options, show_list
from nephoscope.cli.session.options import Instant
from nephoscope.cli.session.service_context import call_in_workspace
from nephoscope.cli.session.state_access import find_workspace, open_state
from nephoscope.cli.terminal.messages import print_message, usage_error

if TYPE_CHECKING:
    from nephoscope.service.service_context import ServiceContext

SETTINGS = ("rule", "setting", "value", "file", "expires", "author", "comment")
CHANGES = ("moment", "author", "kind", "rule", "subject", "change", "advice")
_Command = TypeVar("_Command", bound=Callable[..., object])
_Result = TypeVar("_Result")


of_workspace = workspace_option()


def rules_option(command: _Command) -> _Command:
    """Give a command the option `--rules`, as `folders`."""
    return click.option(
        "--rules", "folders", multiple=True, type=click.Path(exists=True, path_type=Path), metavar="DIR",
        help="Folder of the rules (default: the shipped rules).",
    )(command)  # fmt: skip


def call_rule_service(data: Path, workspace: str, call: Callable[[ServiceContext, str], _Result]) -> _Result:
    """Call a service of rules; a setting that a rule cannot have is a wrong use."""
    from nephoscope.alerts.tuning.rule_settings import SettingError

    try:
        return call_in_workspace(data, workspace, call)
    except SettingError as error:
        usage_error(str(error))


@click.command("set")
@click.argument("rule")
@of_workspace
@rules_option
@click.option(
    "--disable",
    is_flag=True,
    help="Pause the rule; use `content enable` to enable or disable rules permanently.",
)
@click.option("--severity", metavar="WORD", help="High, Medium, Low or Informational.")
@click.option(
    "--trigger-threshold",
    "triggerThreshold",
    type=int,
    metavar="N",
    help="Threshold for the number of rows.",
)
@click.option(
    "--query-frequency", "queryFrequency", metavar="SPAN", help="Interval between runs, such as 1h."
)
@click.option("--query-period", "queryPeriod", metavar="SPAN", help="Lookback period of the query.")
@click.option(
    "--suppression-duration",
    "suppressionDuration",
    metavar="SPAN",
    help="Pause after an alert (suppression duration).",
)
@click.option(
    "--learning-period",
    "learningPeriod",
    metavar="SPAN",
    help=("Minimum age of the logs before alerts below High are raised; 0d: raise from the first day."),
)
@click.option(
    "--incident/--no-incident",
    "createIncident",
    default=None,
    help="Create incidents from alerts.",
)
@click.option(
    "--repeat-interval",
    "repeatInterval",
    metavar="SPAN",
    help="Duration for which repeated alerts about the same entities are suppressed.",
)
@click.option(
    "--aggregation-kind",
    "aggregationKind",
    metavar="KIND",
    help="SingleAlert: one alert for all rows of a run; AlertPerResult: one alert per row.",
)
@click.option(
    "--learn",
    metavar="SPAN",
    help="Learning period from now: results in it count as normal and never raise alerts.",
)
@click.option("--expires", type=Instant(), metavar="TIME", help="Expiry (default: none).")
@click.option("--comment", default="", metavar="TEXT", help="Reason.")
@click.pass_obj
def set_(
    data: Path,
    /,
    rule: str,
    workspace: str,
    folders: tuple[Path, ...],
    learn: str | None,
    expires: datetime | None,
    comment: str,
    **options: object,
) -> None:
    """Override settings of RULE (its ID or name)."""
    from nephoscope.alerts.documents.duration import duration
    from nephoscope.cli.session.rule_selection import find_rule, load_rules
    from nephoscope.service.rules import set_rule_settings

    values = {name: value for name, value in options.items() if value is not None}
    if values.pop("disable"):
        values["enabled"] = False
    try:
        if learn:
            values["learningUntil"] = (datetime.now(UTC) + duration(learn)).isoformat()
    except ValueError as error:
        usage_error(f"--learn: {error}")
    if not values:
        usage_error("nothing to change: give at least one setting")

    def put(context: ServiceContext, own: str) -> None:
        found = find_rule(load_rules(data, context.state, own, folders), rule)
        set_rule_settings(context, own, found, values, comment=comment, expires=expires)

    call_rule_service(data, workspace, put)


@click.command("reset")
@click.argument("rule")
@click.argument("settings", nargs=-1)
@of_workspace
@rules_option
@click.option("--forget", is_flag=True, help="Delete the learned baseline as well.")
@click.pass_obj
def reset(
    data: Path,
    /,
    rule: str,
    settings: tuple[str, ...],
    workspace: str,
    folders: tuple[Path, ...],
    forget: bool,
) -> None:
    """Remove overrides of RULE, for these SETTINGS or all."""
    from nephoscope.cli.session.rule_selection import find_rule, load_rules
    from nephoscope.service.rules import reset_rule_settings

    def reset_(context: ServiceContext, own: str) -> list[str]:
        found = find_rule(load_rules(data, context.state, own, folders), rule)
        return reset_rule_settings(context, own, found, settings, forget=forget)

    gone = call_rule_service(data, workspace, reset_)
    print_message(f"removed: {', '.join(gone) or 'nothing'}")


@click.command("settings")
@of_workspace
@rules_option
@list_options
@click.pass_obj
def settings(data: Path, /, workspace: str, folders: tuple[Path, ...], output: str) -> None:
    """List overridden rule settings."""
    from nephoscope.alerts.tuning.rule_settings import settings_in_file
    from nephoscope.cli.session.rule_selection import load_rules

    now = datetime.now(UTC)
    with open_state(data) as state:
        own = find_workspace(state, workspace).name
        rules = {one.id: one for one in load_rules(data, state, own, folders)}
        found = state.rule_settings.all(own)
    rows = [
        {
            "rule": rules[one.rule].name if one.rule in rules else one.rule,
            "setting": one.setting,
            "value": one.value,
            "file": settings_in_file(rules[one.rule]).get(one.setting, "") if one.rule in rules else "",
            "expires": one.expires,
            "holds": one.is_active(now),
            "author": one.author,
            "changed": one.changed,
            "comment": one.comment,
            "advice": one.advice,
            "id": one.rule,
        }
        for one in found
    ]
    show_list(rows, SETTINGS, output, "no overrides")


@click.command("changes")
@of_workspace
@list_options
@click.pass_obj
def changes(data: Path, /, workspace: str, output: str) -> None:
    """Show the change history of suppressions and overrides, oldest first."""
    with open_state(data) as state:
        found = state.tuning_changes.all(find_workspace(state, workspace).name)
    rows = [
        {
            "moment": one.moment,
            "author": one.author,
            "kind": one.kind,
            "rule": one.rule,
            "subject": one.subject,
            "change": "made" if one.before is None else "removed" if one.after is None else "changed",
            "advice": one.advice,
            "before": one.before,
            "after": one.after,
        }
        for one in found
    ]
    show_list(rows, CHANGES, output, "no changes")


COMMANDS = (set_, reset, settings, changes)
"""Commands of this file, for the group they belong to."""
