"""Scan output: packages, vulnerabilities and other findings of a host or an image."""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict, TypeVar

import click
import msgspec

from nephoscope.cli.session.inventory_options import KeepOptions
from nephoscope.cli.session.scan_sections import (
    PACKAGE_COLUMNS,
    SECTIONS,
    VULNERABILITY_COLUMNS,
    build_package_rows,
    build_section_rows,
    build_vulnerability_rows,
)
from nephoscope.cli.terminal.messages import print_message
from nephoscope.cli.terminal.sanitize_output import format_count

if TYPE_CHECKING:
    from nephoscope.collect.scanning.examination import Examination, ExaminedPart
    from nephoscope.collect.scanning.examination_builder import ExaminationContext
    from nephoscope.collect.scanning.scan_contents import InventoryContents
    from nephoscope.service.exemption_subjects import ExemptedSubject
    from nephoscope.vulnerability.matching.findings import PackageAssessment, PackageFinding

FORMATS = ("table", "json", "csv", "sarif", "cyclonedx", "spdx")
SEVERITIES = ("Critical", "High", "Medium", "Low", "Negligible")
#: What can be looked for beside packages.
PARTS = ("configuration", "secrets", "malware")
_BILLS = ("cyclonedx", "spdx")
_SHOWN = 10
_UNREAD = 3
_FOUND = 1
_Command = TypeVar("_Command", bound=Callable[..., object])


class InspectionOptions(msgspec.Struct, frozen=True):
    """The wishes of a person: what is shown, and what the exit code says: 1 where a finding is as severe as `fail_on` ('' = never)."""

    output: str
    packages: bool = False
    fail_on: str = ""
    fail_on_unknown: bool = False

    @property
    def is_judged(self) -> bool:
        """Return whether packages are judged by advisories: a bill of materials tells of none of it."""
        return self.output not in _BILLS or bool(self.fail_on) or self.fail_on_unknown


def add_contents_options(command: _Command) -> _Command:
    """Add the options that commands which look inside share."""
    options = (
        click.option(
            "--allow-license", "allowed", multiple=True, metavar="SPDX",
            help="Allowed license (Apache-2.0, BSD-*); other licenses are reported. May be repeated.",
        ),
        click.option(
            "--deny-license", "denied", multiple=True, metavar="SPDX",
            help="Forbidden license (GPL-*). May be repeated.",
        ),
        click.option(
            "--fail-on", type=click.Choice(SEVERITIES, case_sensitive=False), help="Exit 1 if a finding has this severity or higher."
        ),
        click.option("--fail-on-unknown", is_flag=True, help="Exit 3 if a package was not assessed, or a severity is unknown."),
        click.option(
            "--vex", multiple=True, type=click.Path(exists=True, dir_okay=False, path_type=Path), metavar="FILE",
            help="OpenVEX, CSAF or CycloneDX file whose statements close findings of this scan. May be repeated.",
        ),
        click.option(
            "--output", "-o", type=click.Choice(FORMATS), default="table", show_default=True,
            help=("Output format; csv lists packages or vulnerabilities, cyclonedx and spdx write a bill " "of materials."),
        ),
    )  # fmt: skip
    for option in reversed(options):
        command = option(command)
    return command


class GateOptions(TypedDict):
    """Options of the exit code and the output, as `add_contents_options` adds them."""

    fail_on: str | None
    fail_on_unknown: bool
    output: str
    vex: tuple[Path, ...]


class InsideOptions(GateOptions, KeepOptions):
    """Options that `image` and `inventory` share."""


def to_inspection_options(options: GateOptions, *, packages: bool) -> InspectionOptions:
    """Return the wishes that the shared options tell."""
    return InspectionOptions(
        options["output"], packages, options["fail_on"] or "", options["fail_on_unknown"]
    )


def load_examination_context(
    data: Path, look_for: Collection[ExaminedPart], allowed: tuple[str, ...], denied: tuple[str, ...]
) -> ExaminationContext:
    """Return what an examination judges by: now, the digests that the state knows where malware is looked for, the licenses."""
    from nephoscope.collect.scanning.examination_builder import ExaminationContext
    from nephoscope.collect.scanning.license_policy import LicensePolicyError, make_policy

    now = datetime.now(UTC)
    try:
        licenses = make_policy(allowed, denied)
    except LicensePolicyError as error:
        raise click.UsageError(str(error)) from error
    if "malware" not in look_for:
        return ExaminationContext(now, None, licenses)
    from nephoscope.cli.session.state_access import has_state, open_state
    from nephoscope.service.examinations import load_known_malware

    if not has_state(data):
        return ExaminationContext(now, None, licenses)
    with open_state(data) as state:
        return ExaminationContext(now, load_known_malware(state, now), licenses)


def assess_contents(
    data: Path, contents: InventoryContents, asked: InspectionOptions, of: ExemptedSubject | None = None
) -> tuple[PackageAssessment, ...]:
    """Match the packages with the advisories of a data folder where they are judged; without any all of them end not assessed.

    Findings that somebody exempted `of` what is looked into are told and left out.
    """
    if not asked.is_judged:
        return ()
    from nephoscope.service.advisories import open_advisories
    from nephoscope.vulnerability.matching.matcher import match_all_packages

    with open_advisories(data, datetime.now(UTC)) as advisories:
        found = tuple(match_all_packages(contents.packages, advisories.source, advisories.options))
    return found if of is None else _drop_exempted_findings(data, found, of)


def _drop_exempted_findings(
    data: Path, assessments: tuple[PackageAssessment, ...], of: ExemptedSubject
) -> tuple[PackageAssessment, ...]:
    if not any(whole.findings for whole in assessments):
        return assessments
    from nephoscope.cli.session.state_access import has_state

    if not has_state(data):
        return assessments
    from nephoscope.cli.session.service_context import open_context
    from nephoscope.service.exemption_lookup import make_exemption_lookup

    with open_context(data) as service:
        exemption_of = make_exemption_lookup(service)
    kept = [
        tuple(one for one in whole.findings if not exemption_of(of, one.ids(), one.package.name))
        for whole in assessments
    ]
    left_out = sum(len(whole.findings) - len(some) for whole, some in zip(assessments, kept, strict=True))
    if left_out:
        print_message(f"exempted: {left_out:,} findings (nephoscope vulnerabilities exemptions)")
    return tuple(
        msgspec.structs.replace(whole, findings=some) for whole, some in zip(assessments, kept, strict=True)
    )


def show_examination(
    name: str, examination: Examination, assessments: tuple[PackageAssessment, ...], asked: InspectionOptions
) -> None:
    """Print what was found, then what was not assessed and not read; ends the process with its exit code."""
    findings = _sort_by_risk(assessments)
    if asked.output in _BILLS:
        click.echo(_render_bill_of_materials(name, examination.contents, asked.output), nl=False)
    elif asked.output == "sarif":
        _show_sarif(name, examination, findings)
    elif asked.output == "json" and not (asked.packages and examination.examined == ("packages",)):
        _show_document(name, examination, assessments, asked)
    elif asked.packages:
        _show_list(build_package_rows(examination), PACKAGE_COLUMNS, asked.output, "no packages found")
    else:
        _show_list(build_vulnerability_rows(findings), VULNERABILITY_COLUMNS, asked.output)
    if asked.output == "table":
        _show_sections(examination)
        _print_examination_summary(name, examination, assessments, findings)
    elif not asked.packages:
        # a program that reads an empty list must not take it for a clean image
        for line in _describe_unassessed_packages(assessments):
            print_message(line)
    _print_unread_files(examination, asked.output == "table")
    sys.exit(_choose_exit_code(examination, assessments, findings, asked))


def _sort_by_risk(assessments: tuple[PackageAssessment, ...]) -> list[PackageFinding]:
    if not assessments:
        return []
    from nephoscope.vulnerability.matching.risk_order import list_findings_by_risk

    return list_findings_by_risk(assessments)


def _show_list(
    rows: Sequence[dict[str, object]], columns: Sequence[str], form: str, nothing: str = ""
) -> None:
    from nephoscope.cli.session.list_output import show_list  # not needed for a bill

    show_list(rows, columns, form, nothing)


def _render_bill_of_materials(name: str, contents: InventoryContents, form: str) -> bytes:
    """Return the packages as a bill of materials."""
    from nephoscope.collect.sbom.writing.document_metadata import WrittenAs

    written_as = WrittenAs(subject=name, time=f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}")
    if form == "cyclonedx":
        from nephoscope.collect.sbom.writing.cyclonedx_json import write_cyclonedx_json

        return write_cyclonedx_json(contents.packages, written_as)
    from nephoscope.collect.sbom.writing.spdx_json import write_spdx_json

    return write_spdx_json(contents.packages, written_as)


def _show_sarif(name: str, examination: Examination, findings: list[PackageFinding]) -> None:
    from nephoscope.cli.outputs.sarif import render_code
    from nephoscope.cli.session.scan_findings import build_contents_report

    render_code(build_contents_report(name, examination, findings, datetime.now(UTC)), sys.stdout)


def _show_document(
    name: str, examination: Examination, assessments: tuple[PackageAssessment, ...], asked: InspectionOptions
) -> None:
    """Print all of it as one document, packages only where they are asked for."""
    contents = examination.contents
    listed = (
        {"packages": build_package_rows(examination)}
        if asked.packages
        else {"vulnerabilities": build_vulnerability_rows(_sort_by_risk(assessments))}
    )
    document = {
        "name": name,
        "digest": getattr(examination, "digest", ""),
        "family": contents.family,
        "release": contents.release,
        "examined": examination.examined,
        **listed,
        **build_section_rows(examination),
        "engines": examination.engines,
        "unassessed": examination.unassessed,
        "leftOutEntries": contents.set_aside,
        "unassessedPackages": [
            {"packages": count, "reason": reason} for reason, count in _count_unassessed_packages(assessments)
        ],
    }
    click.echo(msgspec.json.format(msgspec.json.encode(document), indent=2))


def _show_sections(examination: Examination) -> None:
    for name, rows in build_section_rows(examination).items():
        if rows:
            click.echo(f"\n{name}:")
            _show_list(rows, SECTIONS[name], "table")


def _print_examination_summary(
    name: str,
    examination: Examination,
    assessments: tuple[PackageAssessment, ...],
    findings: list[PackageFinding],
) -> None:
    from collections import Counter

    from nephoscope.vulnerability.matching.risk_order import count_severities

    contents = examination.contents
    types = Counter(one.type for one in contents.packages)
    kinds = sorted(types.items(), key=lambda kind: (-kind[1], kind[0]))
    system = f"{contents.family} {contents.release}".strip() or "unknown distribution"
    listed = ", ".join(f"{number:,} {kind}" for kind, number in kinds) or "none"
    click.echo(f"\n{name}: {system}; {format_count(len(contents.packages), 'package')} ({listed})")
    counts = _count_severities(count_severities(findings))
    click.echo(f"vulnerabilities: {counts or 'none in assessed packages'}")
    for part, rows in build_section_rows(examination).items():
        certain = Counter(str(row["severity"]) for row in rows if row.get("status") != "Unknown")
        click.echo(
            f"{part}: {_count_severities(certain) or _describe_empty(examination, part)}{_explain_unknown_rows(rows)}"
        )
    for engine in examination.engines:
        click.echo(f"malware scan by {engine.engine}: {engine.state} {engine.version} {engine.date}".rstrip())
    for line in _describe_unassessed_packages(assessments):
        click.echo(line)


def _describe_empty(examination: Examination, part: str) -> str:
    """Say that a part has no findings: of what was looked at, where that was not all."""
    is_partial = any(one.part == part for one in examination.unassessed)
    return "none in assessed packages" if is_partial else "none found"


def _count_severities(severities: Mapping[str, int]) -> str:
    order = ("Critical", "High", "Medium", "Low", "Negligible", "Informational", "Unknown")
    return ", ".join(f"{severities[one]:,} {one}" for one in order if severities[one])


def _explain_unknown_rows(rows: list[dict[str, object]]) -> str:
    unknown = sum(row.get("status") == "Unknown" for row in rows)
    return f"; {unknown:,} unknown" if unknown else ""


def _describe_unassessed_packages(assessments: tuple[PackageAssessment, ...]) -> list[str]:
    """Say how many packages were not assessed, and why."""
    reasons = _count_unassessed_packages(assessments)[:_SHOWN]
    return [f"not assessed: {format_count(count, 'package')}: {reason}" for reason, count in reasons]


def _count_unassessed_packages(assessments: tuple[PackageAssessment, ...]) -> list[tuple[str, int]]:
    from nephoscope.vulnerability.matching.risk_order import count_unassessed_reasons

    return count_unassessed_reasons(assessments).most_common()


def _print_unread_files(examination: Examination, is_table: bool) -> None:
    """Say what was not looked at: beside a table with it, beside other formats on the other channel."""
    for one in examination.unassessed:
        if not one.path:
            (click.echo if is_table else print_message)(f"not assessed: {one.part}: {one.reason}")
    unread = [one for one in examination.unassessed if one.path]
    for one in unread[:_SHOWN]:
        part = "" if one.part == "packages" else f" for {one.part}"
        print_message(f"not read{part}: {one.path}: {one.reason}")
    if len(unread) > _SHOWN:
        print_message(f"and {len(unread) - _SHOWN:,} more files that were not read")
    aside = examination.contents.set_aside
    for entry in aside[:_SHOWN]:
        print_message(f"left out: {entry.path}:{entry.line}: {entry.reason}")
    if len(aside) > _SHOWN:
        print_message(f"and {len(aside) - _SHOWN:,} more entries that were left out")


def _choose_exit_code(
    examination: Examination,
    assessments: tuple[PackageAssessment, ...],
    findings: list[PackageFinding],
    asked: InspectionOptions,
) -> int:
    from nephoscope.vulnerability.severities import rank_severity

    found = [one.severity for one in findings]
    found += [
        str(row["severity"])
        for rows in build_section_rows(examination).values()
        for row in rows
        if row.get("status") != "Unknown"
    ]
    if asked.fail_on and any(rank_severity(one) >= rank_severity(asked.fail_on) for one in found):
        return _FOUND
    unread = any(one.path for one in examination.unassessed)
    unknown = bool(examination.unassessed or examination.contents.set_aside) or any(
        one.status != "assessed" or one.undetermined for one in assessments
    )
    unknown = unknown or any(rank_severity(one.severity) == 0 for one in findings)
    return _UNREAD if unread or (asked.fail_on_unknown and unknown) else 0
