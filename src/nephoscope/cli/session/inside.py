"""What commands print of the contents of a host or an image: packages, and vulnerabilities of them."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from nephoscope.cli.session.listing import show_list
from nephoscope.cli.terminal.messages import tell

if TYPE_CHECKING:
    from pathlib import Path

    from nephoscope.collect.scanning.contents import Contents
    from nephoscope.vulnerability.matching.findings import Assessment, Finding

PACKAGE_COLUMNS = ("type", "name", "version", "path")
VULNERABILITY_COLUMNS = ("severity", "id", "package", "version", "fixed", "exploited", "epss", "path")
FORMATS = ("table", "json", "csv", "cyclonedx", "spdx")
_SHOWN = 10
_UNREAD = 3
_FOUND = 1


@dataclass(frozen=True, slots=True)
class Asked:
    """The wishes of a person: what is shown, and what the exit code says: 1 where a finding is as severe as `fail_on` ('' = never)."""

    output: str
    packages: bool = False
    fail_on: str = ""
    fail_on_unknown: bool = False


def assess(data: Path, contents: Contents) -> tuple[Assessment, ...]:
    """Match the packages with the advisories of a data folder; without any all of them end not assessed."""
    from nephoscope.service.advisories import advisories_path
    from nephoscope.vulnerability.database.reading import AdvisoryDatabase
    from nephoscope.vulnerability.matching.matcher import MatchingOptions, match_all
    from nephoscope.vulnerability.matching.statements import AdvisoryIndex

    now = datetime.now(UTC)
    options = MatchingOptions(today=f"{now:%Y-%m-%d}")
    path = advisories_path(data)
    if not path.exists():
        return tuple(match_all(contents.packages, AdvisoryIndex(()), options))
    with AdvisoryDatabase(path, now) as database:
        return tuple(match_all(contents.packages, database, options))


def show_contents(name: str, contents: Contents, assessments: tuple[Assessment, ...], asked: Asked) -> None:
    """Print packages or vulnerabilities, then what was not assessed and not read; ends the process with its exit code."""
    from nephoscope.vulnerability.matching.ordering import findings_by_risk

    findings = findings_by_risk(assessments)
    if asked.output in ("cyclonedx", "spdx"):
        click.echo(_bill(name, contents, asked.output), nl=False)
    elif asked.packages:
        show_list(
            [_package_row(one) for one in contents.packages],
            PACKAGE_COLUMNS,
            asked.output,
            "no packages were found",
        )
    else:
        show_list([_vulnerability_row(one) for one in findings], VULNERABILITY_COLUMNS, asked.output)
    if asked.output == "table":
        _summarize(name, contents, assessments, findings)
    elif not asked.packages:
        # a program that reads an empty list must not take it for a clean image
        for line in _unassessed(assessments):
            tell(line)
    _tell_unread(contents)
    sys.exit(_exit_code(contents, assessments, findings, asked))


def _bill(name: str, contents: Contents, form: str) -> bytes:
    """Return the packages as a bill of materials."""
    from nephoscope.collect.sbom.writing.cyclonedx_json import write_cyclonedx_json
    from nephoscope.collect.sbom.writing.spdx_json import write_spdx_json
    from nephoscope.collect.sbom.writing.written_as import WrittenAs

    written_as = WrittenAs(subject=name, time=f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}")
    write = write_cyclonedx_json if form == "cyclonedx" else write_spdx_json
    return write(contents.packages, written_as)


def _package_row(package: Any) -> dict[str, Any]:
    import msgspec

    row: dict[str, Any] = msgspec.to_builtins(package)
    return row


def _vulnerability_row(finding: Finding) -> dict[str, Any]:
    import msgspec

    package = finding.package
    return {
        "severity": finding.severity or "Unknown",
        "id": finding.id,
        "package": package.name,
        "version": package.version,
        "fixed": finding.fixed_version or finding.state,
        "exploited": "yes" if finding.is_exploited else "",
        "epss": f"{finding.probability:.3f}" if finding.probability is not None else "",
        "path": package.path,
        "finding": msgspec.to_builtins(finding),
    }


def _summarize(
    name: str, contents: Contents, assessments: tuple[Assessment, ...], findings: list[Finding]
) -> None:
    from collections import Counter

    from nephoscope.vulnerability.matching.ordering import count_severities

    counted = Counter(one.type for one in contents.packages)
    kinds = sorted(counted.items(), key=lambda kind: (-kind[1], kind[0]))
    system = f"{contents.family} {contents.release}".strip() or "no distribution is named"
    click.echo(
        f"\n{name}: {system}; {len(contents.packages):,} packages ({', '.join(f'{n:,} {kind}' for kind, n in kinds) or 'none'})"
    )
    severities = count_severities(findings)
    told = ", ".join(
        f"{severities[one]:,} {one}"
        for one in ("Critical", "High", "Medium", "Low", "Negligible", "Unknown")
        if severities[one]
    )
    click.echo(f"vulnerabilities: {told or 'none of what was assessed'}")
    for line in _unassessed(assessments):
        click.echo(line)


def _unassessed(assessments: tuple[Assessment, ...]) -> list[str]:
    """Say how many packages were not assessed, and why."""
    from nephoscope.vulnerability.matching.ordering import unassessed_reasons

    reasons = unassessed_reasons(assessments).most_common(_SHOWN)
    return [f"not assessed: {count:,} packages: {reason}" for reason, count in reasons]


def _tell_unread(contents: Contents) -> None:
    for unread in contents.unread[:_SHOWN]:
        tell(f"not read: {unread.path}: {unread.reason}")
    if len(contents.unread) > _SHOWN:
        tell(f"and {len(contents.unread) - _SHOWN:,} more files that were not read")


def _exit_code(
    contents: Contents, assessments: tuple[Assessment, ...], findings: list[Finding], asked: Asked
) -> int:
    from nephoscope.vulnerability.severities import rank

    if asked.fail_on and any(rank(one.severity) >= rank(asked.fail_on) for one in findings):
        return _FOUND
    unknown = asked.fail_on_unknown and any(
        one.status != "assessed" or one.undetermined for one in assessments
    )
    return _UNREAD if contents.unread or unknown else 0
