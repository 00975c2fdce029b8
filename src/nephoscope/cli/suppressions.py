"""Manage alert suppressions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict, TypeVar, Unpack

import click

from nephoscope.cli.session.filter_options import workspace_option
from nephoscope.cli.session.lake_access import open_lake
from nephoscope.cli.session.list_output import list_options, show_list
from nephoscope.cli.session.operation_commands import add_operations
from nephoscope.cli.session.options import Instant
from nephoscope.cli.session.service_context import build_context
from nephoscope.cli.session.state_access import find_workspace
from nephoscope.cli.terminal.messages import print_message, usage_error
from nephoscope.operations.detection import suppressions

if TYPE_CHECKING:
    from nephoscope.lake.lake import Lake
    from nephoscope.service.suppressions import NewSuppression
    from nephoscope.state import State

PREVIEW = ("ended", "severity", "name", "verdict", "incident", "id")
REASONS = ("FalsePositive", "BenignPositive", "Other")
_Command = TypeVar("_Command", bound=Callable[..., object])


_workspace = workspace_option()


def _condition_options(command: _Command) -> _Command:
    options = (
        click.option(
            "--rule", default="", metavar="ID|NAME", help="Rule whose alerts are suppressed ('*' = any rule)."
        ),
        click.option(
            "--rules", "folders", multiple=True, type=click.Path(exists=True, path_type=Path), metavar="DIR",
            help="Folder of the rule (default: the shipped rules).",
        ),
        click.option(
            "--entity", "entities", multiple=True, metavar="FIELD=VALUE[,VALUE]",
            help=("Condition: ip.address=203.0.113.0/24, account.fullName=scan@contoso.com; with several " "values, any of them."),
        ),
        click.option(
            "--contains", "parts", multiple=True, metavar="FIELD=TEXT", help="Substring condition: process.commandLine=backup.ps1"
        ),
        click.option(
            "--watchlist", "aliases", multiple=True, metavar="FIELD=ALIAS",
            help="Watchlist condition: ip.address=Scanners, the items of a watchlist when a rule runs.",
        ),
        click.option(
            "--detail", "details", multiple=True, metavar="NAME=VALUE[,VALUE]", help="Condition on a custom detail."
        ),
        click.option(
            "--at-most", "amounts", multiple=True, metavar="NAME=NUMBER",
            help="Numeric condition on a custom detail: Requests=40",
        ),
        click.option(
            "--file", type=click.Path(exists=True, dir_okay=False, path_type=Path),
            help="Azure alertsSuppressionRules document, instead of conditions.",
        ),
    )  # fmt: skip
    for option in reversed(options):
        command = option(command)
    return command


@click.group("suppressions")
def command() -> None:
    """Manage alert suppressions: suppressed alerts are stored as dismissed, and counted."""


class _SuppressionOptions(TypedDict):
    rule: str
    folders: tuple[Path, ...]
    entities: tuple[str, ...]
    parts: tuple[str, ...]
    aliases: tuple[str, ...]
    details: tuple[str, ...]
    amounts: tuple[str, ...]
    file: Path | None
    reason: str
    comment: str
    expires: datetime | None
    forever: bool
    days: int
    dry_run: bool
    yes: bool


@command.command("create")
@click.argument("name")
@_workspace
@_condition_options
@click.option(
    "--reason",
    type=click.Choice(REASONS, case_sensitive=False),
    default="Other",
    show_default=True,
    help="Reason.",
)
@click.option("--comment", default="", metavar="TEXT", help="Comment.")
@click.option("--expires", type=Instant(), metavar="TIME", help="Expiry (default: 90 days from now).")
@click.option("--forever", is_flag=True, help="Never expire.")
@click.option(
    "--days",
    type=click.IntRange(1, 366),
    default=90,
    show_default=True,
    help="Days of history to check.",
)
@click.option("--dry-run", is_flag=True, help="Only show the alerts that it would have suppressed.")
@click.option(
    "--yes", is_flag=True, help="Create the suppression although it would have hidden a true positive."
)
@list_options
@click.pass_obj
def create(
    data: Path, /, name: str, workspace: str, output: str, **options: Unpack[_SuppressionOptions]
) -> None:
    """Create the suppression NAME, and list recent alerts that it would have suppressed. Exits 1 without a
    change if one of them is a true positive, unless --yes is given.
    """
    from nephoscope.cli.session.rule_selection import find_rule, load_rules
    from nephoscope.service.suppressions import create_suppression

    now = datetime.now(UTC)
    if options["forever"] and options["expires"]:
        usage_error("--forever and --expires are mutually exclusive")
    given = _read_suppression(name, options)
    with open_lake(data) as (lake, state):
        own = find_workspace(state, workspace).name
        if given.rule != "*":
            rules = load_rules(data, state, own, options["folders"])
            given = replace(given, rule=find_rule(rules, given.rule).id)
        found = _would_hold(state, lake, own, given, now - timedelta(days=options["days"]), now)
        bad = [row for row in found if row["verdict"] == "TruePositive"]
        expires = (
            None if options["forever"] else options["expires"] or given.expires or now + timedelta(days=90)
        )
        if not options["dry_run"] and (not bad or options["yes"]):
            create_suppression(build_context(data, state), own, replace(given, expires=expires))
    show_list(found, PREVIEW, output)
    made = (
        ""
        if options["dry_run"]
        else "; made"
        if not bad or options["yes"]
        else "; not created: use --yes to create it"
    )
    print_message(
        f"would have suppressed {len(found):,} alerts of {options['days']} days, {len(bad):,} of "
        f"them true positives{made}"
    )
    if bad and not options["yes"]:
        raise SystemExit(1)


def _read_suppression(name: str, options: _SuppressionOptions) -> NewSuppression:
    """Return what is to be suppressed: from the options, or from a document of Azure's."""
    from nephoscope.alerts.suppression.condition import ConditionError, conditions
    from nephoscope.service.suppressions import NewSuppression

    if options["file"]:
        return _document(name, options["file"], options)
    if not options["rule"]:
        usage_error("--rule is required: the ID or name of a rule, or '*' for all rules with --entity")
    try:
        found = conditions(_conditions(options))
    except ConditionError as error:
        usage_error("; ".join(error.reasons))
    reason = {one.lower(): one for one in REASONS}[options["reason"].lower()]
    return NewSuppression(name, options["rule"], found, reason, options["comment"])


def _conditions(options: _SuppressionOptions) -> list[dict[str, object]]:
    found: list[dict[str, object]] = []
    for texts, prefix, operator in (
        (options["entities"], "entities.", "in"),
        (options["details"], "details.", "in"),
        (options["amounts"], "details.", "atMost"),
        (options["parts"], "entities.", "contains"),
        (options["aliases"], "entities.", "inWatchlist"),
    ):
        for text in texts:
            field, _, value = text.partition("=")
            several = [one.strip() for one in value.split(",") if one.strip()]
            found.append({"field": prefix + field, operator: several if operator == "in" else value})
    return found


def _document(name: str, file: Path, options: _SuppressionOptions) -> NewSuppression:
    from nephoscope.alerts.tuning.azure_suppression_rule import DocumentError, read
    from nephoscope.service.suppressions import NewSuppression

    if _conditions(options) or options["rule"]:
        usage_error("--file contains the conditions: remove --rule and other conditions")
    try:
        given = read(file)
    except DocumentError as error:
        usage_error(str(error))
    return NewSuppression(
        name, given.alert_type, given.conditions, given.reason, given.comment, given.expires
    )


def _would_hold(
    state: State, lake: Lake, workspace: str, given: NewSuppression, since: datetime, until: datetime
) -> list[dict[str, object]]:
    from nephoscope.alerts.suppression.watchlist_items import watchlist_items
    from nephoscope.alerts.tuning.alert_history import find_hidden, list_past_alerts

    found = find_hidden(
        list_past_alerts(state, workspace, since, until),
        given.rule,
        given.conditions,
        watchlist_items(lake, workspace),
    )
    return [
        {
            "ended": one.alert.ended,
            "severity": one.alert.severity,
            "name": one.alert.document["AlertName"],
            "verdict": one.verdict,
            "incident": one.alert.incident,
            "id": one.id,
        }
        for one in found
    ]


add_operations(command, suppressions.OPERATIONS)
