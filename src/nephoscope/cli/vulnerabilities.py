"""List and explain vulnerabilities of machines and images, and import advisory feeds"""

from __future__ import annotations

import sys
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict, Unpack

import click

from nephoscope.cli.session.advisory_import import import_
from nephoscope.cli.session.list_output import add_format_option, add_list_format_option, show_list
from nephoscope.cli.session.operation_commands import add_operations
from nephoscope.cli.session.scan_output import SEVERITIES
from nephoscope.cli.session.scanner_result_import import import_results
from nephoscope.cli.session.service_context import open_context
from nephoscope.cli.session.state_access import has_state
from nephoscope.cli.session.vulnerability_exemptions import exempt, exemptions, unexempt
from nephoscope.cli.terminal.messages import exit_with_usage_error, print_message
from nephoscope.cli.terminal.sanitize_output import format_subjects
from nephoscope.operations.posture import advisory_feeds
from nephoscope.service.exemption_lookup import make_exemption_lookup
from nephoscope.vulnerability.errors import DatabaseFileError
from nephoscope.vulnerability.severities import rank_severity

if TYPE_CHECKING:
    from nephoscope.model.advisory import Advisory, AffectedPackage
    from nephoscope.service.service_context import ServiceContext
    from nephoscope.state.inventory.finding import FindingFilter
    from nephoscope.vulnerability.database.advisory_lookup import AdvisoryDatabase
    from nephoscope.vulnerability.feeds.feed_records import ExploitedVulnerability, ExploitPrediction

FEED_COLUMNS = ("name", "records", "published", "imported", "longestAgeDays", "state", "partial", "assesses")
_FOUND, _UNREAD = 1, 3
_SHOWN, _SHOWN_HOLDERS = 10, 50


@click.group("vulnerabilities")
def command() -> None:
    """Manage vulnerabilities of machines and images, and the advisories they are matched with."""


@command.command("feeds")
@add_list_format_option
@click.pass_obj
def feeds(data: Path, /, output: str) -> None:
    """List imported feeds with their age and the ecosystems they assess; stale feeds, partial feeds, which
    assess nothing by themselves, and missing feeds, which an earlier database had: what they assessed is
    stale until they are imported again.
    """
    from nephoscope.vulnerability.database.feed_list import list_feeds

    now = datetime.now(UTC)
    with _open_database(data, now) as database:
        listed = list_feeds(database, now)
    rows = [
        {
            "name": one.name,
            "records": one.records,
            "published": one.published,
            "imported": one.imported,
            "longestAgeDays": one.longest_age_days,
            "state": one.state,
            "partial": "yes" if one.partial else "no",
            "assesses": ", ".join(one.assesses),
        }
        if one.state != "missing"
        else {"name": one.name, "state": one.state, "assesses": ", ".join(one.assesses)}
        for one in listed
    ]
    show_list(rows, FEED_COLUMNS, output)


class _FindingOptions(TypedDict):
    cve: str
    package: str
    resource: str
    image: str
    severity: str | None
    exploited: bool
    fixable: bool
    closed: bool
    most: int


@command.command("list")
@click.option("--cve", default="", metavar="ID", help="Show only this vulnerability.")
@click.option("--package", default="", metavar="NAME", help="Show only this package.")
@click.option(
    "--resource",
    default="",
    metavar="ID",
    help="Show only resources at or below this ARM ID, or this host name.",
)
@click.option(
    "--image",
    default="",
    metavar="IMAGE",
    help="Show only this image: a repository, a tag, or a digest.",
)
@click.option("--severity", type=click.Choice(SEVERITIES, case_sensitive=False), help="Minimum severity.")
@click.option("--exploited", is_flag=True, help="Show only vulnerabilities known to be exploited.")
@click.option("--fixable", is_flag=True, help="Show only vulnerabilities that a package version fixes.")
@click.option("--closed", is_flag=True, help="Include closed vulnerabilities, with the time and cause.")
@click.option("--exempted", is_flag=True, help="Include exempted vulnerabilities.")
@click.option(
    "--by",
    type=click.Choice(("finding", "vulnerability")),
    default="finding",
    show_default=True,
    help="One row per finding, or one row per vulnerability with the number of affected targets.",
)
@click.option(
    "--most",
    type=click.IntRange(1, 1_000_000),
    default=1_000,
    show_default=True,
    help="Maximum number of rows.",
)
@click.option(
    "--fail-on",
    type=click.Choice(SEVERITIES, case_sensitive=False),
    help="Exit 1 if a vulnerability has this severity or a higher one.",
)
@add_list_format_option
@click.pass_obj
def list_(
    data: Path, /, by: str, exempted: bool, fail_on: str | None, output: str, **asked: Unpack[_FindingOptions]
) -> None:
    """List vulnerabilities of machines and images, highest risk first. The order is: exploited, severe, on
    an attack path or reachable from the Internet, likely to be exploited soon. Targets that were not
    fully assessed are listed as well, and the command exits 3.
    """
    from nephoscope.cli.session.vulnerability_rows import (
        FINDING_COLUMNS,
        VULNERABILITY_COLUMNS,
        build_finding_rows,
        build_vulnerability_rows,
    )
    from nephoscope.model.read_scope import EVERYTHING
    from nephoscope.service.advisories import explain_why_exploitation_is_unknown
    from nephoscope.service.vulnerabilities import add_first_seen_dates, list_findings, list_vulnerabilities
    from nephoscope.service.vulnerability_exposure import find_exposures, sort_by_risk
    from nephoscope.state.inventory.subject import SubjectKind

    wanted = _make_filter(asked)
    with open_context(data) as service:
        context = service
        if by == "vulnerability":
            rows, columns = (
                build_vulnerability_rows(
                    add_first_seen_dates(context, wanted, list_vulnerabilities(context, wanted))
                ),
                VULNERABILITY_COLUMNS,
            )
        else:
            found = list_findings(context, wanted)
            # an image's resource is its registry, and who reaches that does not reach what runs the image
            machines = {one.subject.resource_id for one in found if one.subject.kind is SubjectKind.MACHINE}
            exposures = find_exposures(context, EVERYTHING, machines - {""})
            ordered = sort_by_risk(found, exposures)
            rows = build_finding_rows(
                ordered, exposures, make_exemption_lookup(context), with_exempted=exempted
            )
            columns = FINDING_COLUMNS
        unknown = _print_uncovered_subjects(context, wanted)
        if asked["exploited"] and (why := explain_why_exploitation_is_unknown(context)):
            print_message(f"which vulnerabilities are exploited is unknown: {why}")
            unknown = True
        _print_unrated_count(context, wanted)
    show_list(rows, columns, output, "no vulnerabilities found on stored machines and images")
    if fail_on and any(rank_severity(str(row["severity"])) >= rank_severity(fail_on) for row in rows):
        sys.exit(_FOUND)
    if unknown:
        sys.exit(_UNREAD)


def _make_filter(asked: _FindingOptions) -> FindingFilter:
    from nephoscope.model.read_scope import EVERYTHING
    from nephoscope.state.inventory.finding import FindingFilter
    from nephoscope.state.inventory.subject import SubjectFilter

    subjects = SubjectFilter(EVERYTHING, resource=asked["resource"], image=asked["image"])
    return FindingFilter(
        subjects, asked["cve"].upper() if asked["cve"].lower().startswith("cve-") else asked["cve"], asked["package"],
        rank_severity(asked["severity"]) if asked["severity"] else 0, asked["exploited"], asked["fixable"], asked["closed"],
        asked["most"],
    )  # fmt: skip


def _print_unrated_count(context: ServiceContext, wanted: FindingFilter) -> None:
    """Tell how many vulnerabilities a filter by severity leaves out although nobody knows how severe they are."""
    from nephoscope.service.vulnerabilities import list_vulnerabilities

    if wanted.rank <= 0:
        return
    every = list_vulnerabilities(context, replace(wanted, rank=0))
    if unrated := sum(rank_severity(one.severity) == 0 for one in every):
        print_message(f"not shown: {unrated:,} vulnerabilities of unknown severity")


def _print_uncovered_subjects(context: ServiceContext, wanted: FindingFilter) -> bool:
    """Tell what of the subjects asked for is not assessed in full; whether there is any."""
    from nephoscope.cli.session.vulnerability_rows import describe_uncovered_subjects
    from nephoscope.service.inventories import list_inventories
    from nephoscope.service.vulnerabilities import assess_coverage

    subjects = list_inventories(context, wanted.subjects)
    lines = describe_uncovered_subjects(subjects, assess_coverage(context, subjects), _SHOWN)
    for line in lines:
        print_message(line)
    return bool(lines)


@command.command("explain")
@click.argument("name", metavar="ID")
@add_format_option("text", "json")
@click.pass_obj
def explain(data: Path, /, name: str, output: str) -> None:
    """Show the advisories for the vulnerability ID (CVE-..., GHSA-..., DSA-...): their sources, the affected
    packages, and the fixed versions; and the machines and images that have it.
    """
    import msgspec

    holders = _list_holders(data, name)
    advisories, exploited, prediction = _look_up_vulnerability(data, name, is_needed=not holders)
    if not (holders or advisories or exploited or prediction):
        exit_with_usage_error(f"no imported advisory covers {name!r}")
    if output == "json":
        found = {"id": name, "exploited": exploited, "prediction": prediction, "advisories": advisories, "has": holders}  # fmt: skip
        click.echo(msgspec.json.format(msgspec.json.encode(found), indent=2))
        return
    if exploited:
        click.echo(f"{name} is known to be exploited.")
    if prediction:
        click.echo(
            f"{name} has a probability of {prediction.probability:.1%} of being exploited within 30 "
            "days (EPSS)."
        )
    for advisory in advisories:
        click.echo(
            f"\n{advisory.id} ({advisory.source}){': ' + advisory.summary if advisory.summary else ''}"
        )
        for affected in advisory.affected:
            click.echo(f"  {affected.ecosystem} {affected.name}: {_describe_versions(affected)}")
    if not advisories:
        click.echo(f"No imported advisory covers {name}.")
    # what several scanners saw is one
    names = ("tenant", "kind", "resource", "name", "digest")
    several = {tuple(row[one] for one in names) for row in holders}
    images = sum(kind == "image" for _, kind, *_ in several)
    click.echo(
        f"\nAffected: {format_subjects(len(several) - images, images)}."
        if holders
        else "\nNo stored machine or image is affected."
    )
    for row in holders[:_SHOWN_HOLDERS]:
        package = f"{row['package']} {row['version']}".strip()
        click.echo(
            f"  {row['kind']} {row['name']}: {package}; {_format_fix(row)}; since {row['firstSeen']:%Y-%m-%d}"
        )
    if len(holders) > _SHOWN_HOLDERS:
        click.echo(
            f"  and {len(holders) - _SHOWN_HOLDERS:,} more: nephoscope vulnerabilities list --cve {name}"
        )


def _format_fix(row: dict[str, object]) -> str:
    if row["fixedVersion"]:
        return f"update to {row['fixedVersion']}"
    if row["state"] == "fixed":
        return "a fixed version is available"
    return "fix unknown" if row["state"] == "unknown" else f"no fix: {str(row['state']).replace('_', ' ')}"


def _look_up_vulnerability(
    data: Path, name: str, *, is_needed: bool
) -> tuple[list[Advisory], ExploitedVulnerability | None, ExploitPrediction | None]:
    """Return what is imported of a vulnerability; without advisories nothing, unless they are needed."""
    from nephoscope.service.advisories import get_advisories_path

    if not (is_needed or get_advisories_path(data).exists()):
        return [], None, None
    with _open_database(data, datetime.now(UTC)) as database:
        return (
            list(database.advisories(name)),
            database.find_exploited_vulnerability(name),
            database.find_prediction(name),
        )


def _list_holders(data: Path, name: str) -> list[dict[str, object]]:
    """Return the findings of a vulnerability in what is kept, the riskiest first."""
    from nephoscope.cli.session.vulnerability_rows import build_finding_rows
    from nephoscope.model.read_scope import EVERYTHING
    from nephoscope.service.vulnerabilities import list_holders

    if not has_state(data):
        return []
    with open_context(data) as service:
        context = service
        return build_finding_rows(list_holders(context, EVERYTHING, name), {}, make_exemption_lookup(context))


def _describe_versions(affected: AffectedPackage) -> str:
    """Say which versions a statement means."""
    ranges = [
        f"from {one.introduced} "
        + (f"before {one.fixed}" if one.fixed else f"to {one.last_affected}" if one.last_affected else "on")
        for one in affected.ranges
    ]
    parts = [*ranges, *([affected.constraint] if affected.constraint else [])]
    parts += [f"{len(affected.versions)} versions by name"] if affected.versions else []
    return f"{affected.state}; {'; '.join(parts) or 'every version'}"


def _open_database(data: Path, now: datetime) -> AdvisoryDatabase:
    from nephoscope.service.advisories import get_advisories_path
    from nephoscope.vulnerability.database.advisory_lookup import AdvisoryDatabase

    path = get_advisories_path(data)
    if not path.exists():
        exit_with_usage_error("no advisories: import a feed with nephoscope vulnerabilities import FILE...")
    try:
        return AdvisoryDatabase(path, now)
    except DatabaseFileError as error:
        exit_with_usage_error(str(error))


add_operations(command, advisory_feeds.OPERATIONS)
for _one in (import_, exempt, exemptions, unexempt, import_results):
    command.add_command(_one)
