"""Rows of logs that tell what machines hold: software, its vulnerabilities, what is known of those, and the updates that are missing.

Source: https://learn.microsoft.com/defender-xdr/advanced-hunting-devicetvmsoftwareinventory-table and the tables beside it, and
https://learn.microsoft.com/azure/azure-monitor/reference/tables/configurationdata and update
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from nephoscope.model.read_scope import EVERYTHING
from nephoscope.state.inventory.finding import FindingFilter
from nephoscope.state.inventory.subject import SubjectFilter, SubjectKind
from nephoscope.state.workspaces.workspace import DEFAULT
from nephoscope.vulnerability.severities import rank_severity

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from sqlalchemy.orm import Session

    from nephoscope.model.package import Package
    from nephoscope.service.service_context import ServiceContext
    from nephoscope.state.inventory.finding import VulnerabilityFinding
    from nephoscope.state.inventory.subject import InventorySubject

#: Types of packages that belong to the distribution: what mends them is an update of the system.
SYSTEM_TYPES = frozenset({"deb", "rpm", "apk", "alpm"})
_Row = tuple[str, dict[str, object]]


def add_software_rows(
    context: ServiceContext, session: Session, subject: InventorySubject, packages: Sequence[Package]
) -> None:
    """Add, within the transaction that keeps a scan, the rows of a machine's software; an image is none of these tables' subjects."""
    if subject.kind is SubjectKind.MACHINE:
        rows = [row for package in packages for row in _list_software_rows(context, subject, package)]
        context.state.outbox.add_many(session, DEFAULT, rows)


def add_vulnerability_rows(
    context: ServiceContext, session: Session, subjects: Iterable[InventorySubject]
) -> None:
    """Add the rows of the open findings of machines, within the transaction that changed them."""
    machines = {one.id: one for one in subjects if one.kind is SubjectKind.MACHINE}
    if not machines:
        return
    wanted = FindingFilter(SubjectFilter(EVERYTHING, ids=frozenset(machines)), most=1_000_000)
    found = context.state.vulnerabilities.list_findings_in_transaction(session, wanted)
    rows = [row for one in found for row in _list_finding_rows(context, machines[one.subject], one)]
    rows += _list_known_rows(context, found)
    context.state.outbox.add_many(session, DEFAULT, rows)


def _build_device(context: ServiceContext, subject: InventorySubject) -> dict[str, object]:
    return {
        "TimeGenerated": context.now.isoformat(), "Timestamp": subject.scanned_at.isoformat(), "DeviceId": subject.key,
        "DeviceName": subject.name, "OSPlatform": subject.platform, "OSVersion": _format_system(subject),
        "_ResourceId": subject.resource_id,
    }  # fmt: skip


def _format_system(subject: InventorySubject) -> str:
    return f"{subject.family} {subject.release}".strip()


def _list_software_rows(
    context: ServiceContext, subject: InventorySubject, package: Package
) -> Iterator[_Row]:
    vendor = package.namespace or package.type
    yield "DeviceTvmSoftwareInventory", {
        **_build_device(context, subject), "OSArchitecture": package.architecture, "SoftwareVendor": vendor,
        "SoftwareName": package.name, "SoftwareVersion": package.version,
        "ProductCodeCpe": package.cpes[0] if package.cpes else "",
    }  # fmt: skip
    yield "ConfigurationData", {
        "TimeGenerated": context.now.isoformat(), "Computer": subject.name, "ConfigDataType": "Software",
        "SoftwareType": "Package", "SoftwareName": package.name, "CurrentVersion": package.version, "Publisher": vendor,
        "Architecture": package.architecture, "FileSystemPath": package.path, "_ResourceId": subject.resource_id,
    }  # fmt: skip


def _list_finding_rows(
    context: ServiceContext, subject: InventorySubject, one: VulnerabilityFinding
) -> Iterator[_Row]:
    yield "DeviceTvmSoftwareVulnerabilities", {
        **_build_device(context, subject), "SoftwareVendor": one.type, "SoftwareName": one.name, "SoftwareVersion": one.version,
        "CveId": one.vulnerability.id, "VulnerabilitySeverityLevel": one.severity, "CveTags": [],
        "RecommendedSecurityUpdate": f"{one.name} {one.fixed_version}" if one.fixed_version else "",
    }  # fmt: skip
    if one.fixed_version and one.type in SYSTEM_TYPES:
        yield "Update", {
            "TimeGenerated": context.now.isoformat(), "Computer": subject.name, "OSType": subject.platform, "OSName": subject.family,
            "OSVersion": subject.release, "OSFullName": _format_system(subject), "UpdateState": "Needed", "Product": one.name,
            "ProductVersion": one.fixed_version, "Title": f"{one.name} {one.fixed_version}", "CVENumbers": one.vulnerability.id,
            "Classification": "Critical Updates" if one.severity == "Critical" else "Security Updates",
            "PackageSeverity": one.severity, "ResourceId": subject.resource_id, "_ResourceId": subject.resource_id,
        }  # fmt: skip


def _list_known_rows(context: ServiceContext, findings: Iterable[VulnerabilityFinding]) -> Iterator[_Row]:
    """Give a row for each vulnerability with the software that has it."""
    software: dict[str, set[str]] = {}
    worst: dict[str, VulnerabilityFinding] = {}
    for one in sorted(findings, key=lambda one: -rank_severity(one.severity)):
        software.setdefault(one.vulnerability.id, set()).add(one.name)
        worst.setdefault(one.vulnerability.id, one)
    for id_, one in worst.items():
        yield "DeviceTvmSoftwareVulnerabilitiesKB", {
            "TimeGenerated": context.now.isoformat(), "Timestamp": context.now.isoformat(), "CveId": id_, "CvssScore": one.score,
            "IsExploitAvailable": one.vulnerability.is_exploited, "VulnerabilitySeverityLevel": one.severity,
            "VulnerabilityDescription": one.vulnerability.summary, "AffectedSoftware": sorted(software[id_]),
        }  # fmt: skip
