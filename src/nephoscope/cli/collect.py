"""Take a read-only snapshot of a live Azure estate."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict, Unpack

import click

from nephoscope.cli.terminal.messages import exit_with_usage_error
from nephoscope.cli.terminal.sanitize_output import escape_controls, format_count

if TYPE_CHECKING:
    from nephoscope.collect.azure.collection_settings import CollectionSettings, Progress
    from nephoscope.collect.azure.collector import CollectionResult
    from nephoscope.collect.azure.content_requirements import ContentNeeds

_KINDS = ("default", "developer", "service-principal", "managed-identity", "workload-identity", "environment")
_GAPS_SHOWN = 20
#: What a script cannot be told: option -> as it is written.
_NARROWING = {
    "subscriptions": "--subscription", "resource_groups": "--resource-group", "management_groups": "--management-group",
    "tenants": "--tenant", "endpoint": "--endpoint", "out": "--out", "resume": "--resume", "no_graph": "--no-graph",
}  # fmt: skip


class _CollectionOptions(TypedDict):
    subscriptions: tuple[str, ...]
    resource_groups: tuple[str, ...]
    management_groups: tuple[str, ...]
    tenants: tuple[str, ...]
    credential: str
    cloud: str
    endpoint: str | None
    no_graph: bool
    policies: tuple[str, ...]
    everything: bool
    types: tuple[str, ...]
    out: Path | None
    script: str | None
    resume: bool


@click.command("collect")
@click.option(
    "--subscription", "subscriptions", multiple=True, metavar="ID", help="Read only this subscription."
)
@click.option(
    "--resource-group",
    "resource_groups",
    multiple=True,
    metavar="NAME_OR_ID",
    help="Read only this resource group.",
)
@click.option(
    "--management-group",
    "management_groups",
    multiple=True,
    metavar="NAME",
    help="Read only resources under this management group.",
)
@click.option(
    "--tenant", "tenants", multiple=True, metavar="ID", help="Sign in to this tenant; may be repeated."
)
@click.option(
    "--credential",
    type=click.Choice(_KINDS),
    default="default",
    envvar="NEPHOSCOPE_CREDENTIAL",
    show_default=True,
    help="Credential to sign in with; secrets are read from the AZURE_* environment variables.",
)
@click.option(
    "--cloud",
    default="public",
    envvar="NEPHOSCOPE_CLOUD",
    show_default=True,
    metavar="public|usgovernment|china|FILE",
    help="Azure cloud, or a file with the endpoints of a custom cloud.",
)
@click.option(
    "--endpoint", metavar="URL", help="Resource Manager endpoint, if it differs from the cloud's own."
)
@click.option(
    "--no-graph", is_flag=True, help="Skip Microsoft Graph: policies that read accounts end Unknown."
)
@click.option(
    "--policies",
    multiple=True,
    type=click.Path(exists=True),
    metavar="DIR",
    help="Also read the resources that these definitions need.",
)
@click.option(
    "--everything",
    is_flag=True,
    help=(
        "Read every resource type that nephoscope can read, not only the types that the content "
        "needs. This sends more requests."
    ),
)
@click.option(
    "--type",
    "types",
    multiple=True,
    metavar="TYPE",
    help=(
        "Read only this resource type, to scan together with an earlier export (`nephoscope "
        "gaps` names the types)."
    ),
)
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="FOLDER",
    help="Write the snapshot to this new folder.",
)
@click.option(
    "--script",
    type=click.Choice(("az", "powershell")),
    help=(
        "Print the commands that export the snapshot and send no request, for an account that "
        "nephoscope cannot use."
    ),
)
@click.option(
    "--resume",
    is_flag=True,
    help="Resume the interrupted collection in FOLDER without repeating finished requests.",
)
@click.pass_obj
def command(data: Path, /, **options: Unpack[_CollectionOptions]) -> None:
    """Collect a snapshot of a live estate for `nephoscope scan`: the resources that the loaded content
    needs, or all of them with --everything. Only GET requests and Resource Graph queries are sent; the
    role Reader is sufficient, plus Microsoft Graph's read permissions for accounts. --script prints
    equivalent az or Az PowerShell commands to run elsewhere. Exits 3 if something could not be read: the
    manifest (coverage.json) names the missing permissions.
    """
    from nephoscope.cli.session.session import show_progress_line
    from nephoscope.collect.azure.checkpoint import CheckpointError
    from nephoscope.collect.azure.collection_scope import CollectionScopeError
    from nephoscope.collect.azure.collection_settings import CollectError
    from nephoscope.connect.cloud import CloudError
    from nephoscope.connect.credentials import SignInError
    from nephoscope_policy.documents import ContentError

    if options["script"]:
        _print_script(data, options["script"], options)
        return
    out = options["out"]
    if out is None:
        if options["resume"]:
            exit_with_usage_error("--resume requires --out: the folder of the interrupted collection")
        out = Path(f"azure-{datetime.now(UTC):%Y%m%dT%H%M%SZ}")
    try:
        with show_progress_line() as progress:
            found = _collect_snapshot(data, options, out, progress)
    except (
        CollectError,
        CheckpointError,
        CloudError,
        ContentError,
        CollectionScopeError,
        SignInError,
    ) as error:
        exit_with_usage_error(str(error))
    _print_summary(found)
    sys.exit(3 if found.gaps else 0)


def _print_script(data: Path, form: str, options: _CollectionOptions) -> None:
    """Print the commands; what they read is decided where they run, by the sign-in there."""
    from nephoscope.collect.azure.export_script import render_export_script
    from nephoscope_policy.documents import ContentError

    given = {name for name, value in options.items() if value}
    narrowed = [name for name in _NARROWING if name in given]
    if narrowed:
        exit_with_usage_error(
            "--script exports everything that the account can read: remove "
            f"{', '.join(_NARROWING[name] for name in narrowed)}"
        )
    try:
        needs = _find_content_needs(data, options)
    except ContentError as error:
        exit_with_usage_error(str(error))
    click.echo(render_export_script(form, needs), nl=False)


def _collect_snapshot(
    data: Path, options: _CollectionOptions, out: Path, progress: Progress
) -> CollectionResult:
    from nephoscope.collect.azure.collector import Collector

    settings = _build_settings(options)
    needs = _find_content_needs(data, options)
    return Collector(settings, needs, out, progress).run()


def _build_settings(options: _CollectionOptions) -> CollectionSettings:
    from nephoscope.collect.azure.collection_scope import CollectionScope
    from nephoscope.collect.azure.collection_settings import CollectionSettings
    from nephoscope.connect.cloud import load_cloud

    cloud = load_cloud(options["cloud"])
    return CollectionSettings(
        scope=CollectionScope.of(
            options["subscriptions"],
            options["management_groups"],
            options["resource_groups"],
            options["tenants"],
        ),
        cloud=cloud.with_endpoint(options["endpoint"]) if options["endpoint"] else cloud,
        credential=options["credential"],
        graph=not options["no_graph"],
        resume=options["resume"],
    )


def _find_content_needs(data: Path, options: _CollectionOptions) -> ContentNeeds:
    """Return what is read: what the content needs, all else too, or some types alone."""
    from nephoscope.posture.scans.live_estate import find_content_needs

    if options["types"] and options["everything"]:
        exit_with_usage_error("--type and --everything are mutually exclusive")
    needs = find_content_needs(data, [Path(folder) for folder in options["policies"]])
    if options["types"]:
        return _limit_to_types(needs, options["types"])
    return needs.with_all_readable() if options["everything"] else needs


def _limit_to_types(needs: ContentNeeds, types: tuple[str, ...]) -> ContentNeeds:
    """The needs of some types alone; ends the process for one that there is no way to read."""
    from nephoscope.collect.azure.collection_plan import CollectionPlan
    from nephoscope.collect.resource_sources import TypeSources

    found = needs.select_types(types)
    for type_, why in CollectionPlan.of(found, TypeSources.load_builtin()).unread.items():
        exit_with_usage_error(f"--type {TypeSources.load_builtin().spell(type_)}: cannot be collected: {why}")
    for type_ in types:
        if type_.count("/") == 0:
            exit_with_usage_error(
                f"--type must be a resource type, such as Microsoft.KeyVault/vaults (got {type_})"
            )
    return found


def _print_summary(found: CollectionResult) -> None:
    """What was read, at what price, and what was not, on the error stream: the path alone goes to the output."""
    from nephoscope.collect.azure.collection_gaps import format_gap_lines

    click.echo(found.path)
    width = max((len(what) for what in found.requests), default=0)
    for what, count in sorted(found.requests.items()):
        again = f"  ({found.retried[what]} again)" if found.retried[what] else ""
        click.echo(f"{count:7d}  {what:<{width}}{again}".rstrip(), err=True)
    total = found.requests.total()
    rate = f", {total / found.resources:.3f} a resource" if found.resources else ""
    click.echo(
        (
            f"{format_count(total, 'request')} for {format_count(found.resources, 'resource')} in "
            f"{format_count(found.subscriptions, 'subscription')}{rate}"
        )
        + (f"; {format_count(found.reused, 'answer')} from before the interruption" if found.reused else ""),
        err=True,
    )
    if found.unread:
        click.echo(f"not read, by type: {len(found.unread)}; see notRead in coverage.json", err=True)
    lines = format_gap_lines(found.gaps)
    for line in lines[:_GAPS_SHOWN]:
        click.echo(escape_controls(f"nephoscope: not read: {line}"), err=True)
    if len(lines) > _GAPS_SHOWN:
        click.echo(f"nephoscope: and {len(lines) - _GAPS_SHOWN} more: see gaps in coverage.json", err=True)
