"""Imports advisory feeds, and reports what an import changed."""

from __future__ import annotations

import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict, Unpack

import click

from nephoscope.cli.session.lake_access import open_lake
from nephoscope.cli.session.service_context import build_context, open_context
from nephoscope.cli.terminal.messages import exit_with_usage_error, print_message
from nephoscope.cli.terminal.sanitize_output import format_count
from nephoscope.vulnerability.errors import DatabaseFileError, FeedError

if TYPE_CHECKING:
    from nephoscope.service.advisory_updates import AdvisoryUpdate

SAMPLE = "sample:"
_SHOWN, _UNREAD = 10, 3
_TIME = click.DateTime(["%Y-%m-%d", "%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%dT%H:%M:%S"])


class _ImportOptions(TypedDict):
    feed: str
    published: datetime | None
    max_age: int
    partial: bool
    whole: bool


@click.command("import")
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="FILE...")
@click.option(
    "--feed",
    default="",
    metavar="NAME",
    help="Name of the feed (default: the name of the first file).",
)
@click.option(
    "--published",
    type=_TIME,
    help=(
        "Publication time of the feed, from which its age is computed (default: the time of its newest file)."
    ),
)
@click.option(
    "--max-age",
    type=click.IntRange(1, 3650),
    default=7,
    show_default=True,
    metavar="DAYS",
    help="Maximum age of the feed in days before it is stale.",
)
@click.option(
    "--partial",
    is_flag=True,
    help="Mark the feed as partial: it does not assess packages that it does not name.",
)
@click.option(
    "--whole",
    is_flag=True,
    help=(
        "Confirm that the feed is whole although it lost more than half of its packages of an ecosystem, or "
        "has no advisory of one release alone."
    ),
)
@click.pass_obj
def import_(data: Path, /, files: tuple[Path, ...], **asked: Unpack[_ImportOptions]) -> None:
    """Import FILES, archives and folders of a feed, replacing its previous import. Formats are detected:
    OSV, distribution trackers and OVAL, CSAF, secdb, NVD, KEV, EPSS and others. If a document cannot be
    parsed, nothing is changed; documents of unknown formats, and feeds that seem to be cut, make the command exit 3.
    `sample:` imports the advisories, packages and images of the sample company.
    """
    if files == (Path(SAMPLE),):
        _import_sample(data)
        return
    if missing := next((one for one in files if not one.exists()), None):
        raise click.UsageError(
            f"{missing} does not exist: use a file, an archive or a folder of a feed, or {SAMPLE}"
        )
    from nephoscope.service.advisory_updates import update_advisories

    if asked["partial"] and asked["whole"]:
        raise click.UsageError("--partial and --whole: use one of them")
    name, published = asked["feed"] or files[0].resolve().name.split(".")[0], asked["published"]
    try:
        with open_context(data, keeps=True) as service:
            done = update_advisories(
                service,
                files,
                name,
                published=published.replace(tzinfo=UTC) if published else None,
                longest_age=timedelta(days=asked["max_age"]),
                is_partial=asked["partial"],
                is_whole=asked["whole"],
            )
    except (FeedError, DatabaseFileError) as error:
        exit_with_usage_error(str(error))
    _report_import(name, done)


def _report_import(name: str, done: AdvisoryUpdate) -> None:
    """Print what an import brought; exits 3 where a document was not read, or the feed seems to be cut."""
    result, changes = done.imported, done.rematched.changes
    click.echo(f"{name}: {result.records:,} records; advisories of {result.changed:,} packages changed")
    if result.is_single:
        print_message(f"{name} has one advisory: it assesses no other package; import the whole feed")
    for ecosystem in result.shrank:
        print_message(
            f"{name} lost more than half of its entries of {ecosystem}: it assesses no others; import the whole feed, or import this "
            "one with --whole if it is whole"
        )
    if result.in_passing:
        print_message(
            f"{name} names packages of {', '.join(result.in_passing)} in advisories of other releases: it assesses no others of them; "
            "import their feeds, or import this one with --whole if it covers them"
        )
    if result.uncompared:
        print_message(
            f"{name} has advisories of ecosystems that no package belongs to: {', '.join(result.uncompared)}"
        )
    if done.rematched.packages:
        click.echo(
            f"matched again: {format_count(done.rematched.packages, 'package')}; findings: "
            f"{changes.opened:,} opened, {changes.closed:,} closed, {changes.reopened:,} reopened"
        )
    for one in result.unread[:_SHOWN]:
        print_message(f"not read: {one.place}: {one.reason}")
    if len(result.unread) > _SHOWN:
        print_message(f"not read: {len(result.unread) - _SHOWN:,} more documents")
    if result.unread or result.shrank:
        sys.exit(_UNREAD)


def _import_sample(data: Path) -> None:
    from nephoscope.lake.writing.outbox import deliver_outbox
    from nephoscope.sample.inventories import import_inventories

    with open_lake(data) as (lake, state):
        kept = import_inventories(build_context(data, state))
        deliver_outbox(lake, state)
    click.echo(f"the advisories of the sample company; {kept} of its machines and images are stored")
