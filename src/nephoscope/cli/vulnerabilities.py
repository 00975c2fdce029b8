"""Advisories of vulnerabilities: import feeds, see how old they are, explain a vulnerability"""

from __future__ import annotations

import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import click

from nephoscope.cli.session.listing import listed

if TYPE_CHECKING:
    from nephoscope.model.advisory import AffectedPackage
    from nephoscope.vulnerability.database.reading import AdvisoryDatabase

FEED_COLUMNS = ("name", "records", "published", "imported", "longestAgeDays", "state")
_UNREAD = 3
_SHOWN = 10
_TIME = click.DateTime(["%Y-%m-%d", "%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%dT%H:%M:%S"])


@click.group("vulnerabilities")
def command() -> None:
    """Work with advisories of vulnerabilities, by which packages of hosts and images are judged."""


@command.command("import")
@click.argument(
    "files", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path), metavar="FILE..."
)
@click.option(
    "--feed",
    default="",
    metavar="NAME",
    help="The feed whose words these are (default: the name of the first file).",
)
@click.option(
    "--published", type=_TIME, help="When the feed was published (default: now): its age counts from there."
)
@click.option(
    "--max-age",
    type=click.IntRange(1, 3650),
    default=7,
    show_default=True,
    metavar="DAYS",
    help="How old it may be before it is stale.",
)
@click.pass_obj
def import_(
    data: Path, /, files: tuple[Path, ...], feed: str, published: datetime | None, max_age: int
) -> None:
    """Import FILES, archives and folders of a feed, in place of what that feed said before.

    Formats are recognised by themselves: OSV, the trackers and OVAL of distributions, CSAF, secdb, NVD, KEV, EPSS and others. Where a
    document of a format cannot be read nothing is changed; documents of no known format are told, and the exit code is then 3.
    """
    from nephoscope.cli.session.services import service_of
    from nephoscope.cli.session.stored import state_of
    from nephoscope.cli.terminal.messages import tell, usage_error
    from nephoscope.service.advisories import import_advisories
    from nephoscope.vulnerability.errors import DatabaseFileError, FeedError

    name = feed or files[0].resolve().name.split(".")[0]
    try:
        with state_of(data, keeps=True) as state:
            result = import_advisories(
                service_of(data, state),
                files,
                name,
                published=published.replace(tzinfo=UTC) if published else None,
                longest_age=timedelta(days=max_age),
            )
    except (FeedError, DatabaseFileError) as error:
        usage_error(str(error))
    click.echo(f"{name}: {result.records:,} records; what is said of {result.changed:,} packages changed")
    for one in result.unread[:_SHOWN]:
        tell(f"not read: {one.place}: {one.reason}")
    if result.unread:
        sys.exit(_UNREAD)


@command.command("feeds")
@listed
@click.pass_obj
def feeds(data: Path, /, output: str) -> None:
    """List the feeds that were imported, how old they are, and which are stale."""
    from nephoscope.cli.session.listing import show_list

    now = datetime.now(UTC)
    with _database(data, now) as database:
        rows = [
            {
                "name": one.name,
                "records": one.records,
                "published": one.published,
                "imported": one.imported,
                "longestAgeDays": one.longest_age / 24,
                "state": "stale" if one.stale(now) else "current",
            }
            for one in database.feeds()
        ]
    show_list(rows, FEED_COLUMNS, output)


@command.command("explain")
@click.argument("name", metavar="ID")
@click.option(
    "--output",
    "-o",
    type=click.Choice(("text", "json")),
    default="text",
    show_default=True,
    help="How it is shown.",
)
@click.pass_obj
def explain(data: Path, /, name: str, output: str) -> None:
    """Say what is known of the vulnerability ID (CVE-..., GHSA-..., DSA-...): by whom, of which packages, which versions mend it."""
    import msgspec

    from nephoscope.cli.terminal.messages import usage_error

    with _database(data, datetime.now(UTC)) as database:
        advisories = list(database.advisories(name))
        exploited, prediction = database.exploited(name), database.prediction(name)
    if not advisories and not exploited and not prediction:
        usage_error(f"no advisory that was imported speaks of {name!r}")
    if output == "json":
        found = {"id": name, "exploited": exploited, "prediction": prediction, "advisories": advisories}
        click.echo(msgspec.json.format(msgspec.json.encode(found), indent=2))
        return
    if exploited:
        click.echo(f"{name} is known to be exploited.")
    if prediction:
        click.echo(
            f"{name} will be exploited within 30 days with a probability of {prediction.probability:.1%} (EPSS)."
        )
    for advisory in advisories:
        click.echo(
            f"\n{advisory.id} ({advisory.source}){': ' + advisory.summary if advisory.summary else ''}"
        )
        for affected in advisory.affected:
            click.echo(f"  {affected.ecosystem} {affected.name}: {_words(affected)}")


def _words(affected: AffectedPackage) -> str:
    """Say which versions a statement means."""
    ranges = [
        f"from {one.introduced} "
        + (f"before {one.fixed}" if one.fixed else f"to {one.last_affected}" if one.last_affected else "on")
        for one in affected.ranges
    ]
    parts = [*ranges, *([affected.constraint] if affected.constraint else [])]
    parts += [f"{len(affected.versions)} versions by name"] if affected.versions else []
    return f"{affected.state}; {'; '.join(parts) or 'every version'}"


def _database(data: Path, now: datetime) -> AdvisoryDatabase:
    from nephoscope.cli.terminal.messages import usage_error
    from nephoscope.service.advisories import advisories_path
    from nephoscope.vulnerability.database.reading import AdvisoryDatabase
    from nephoscope.vulnerability.errors import DatabaseFileError

    path = advisories_path(data)
    if not path.exists():
        usage_error("no advisories were imported: nephoscope vulnerabilities import FILE...")
    try:
        return AdvisoryDatabase(path, now)
    except DatabaseFileError as error:
        usage_error(str(error))
