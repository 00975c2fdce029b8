"""The packages and vulnerabilities of a machine as files."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nephoscope.web.tables.page_tables import PageTable

if TYPE_CHECKING:
    from nephoscope.service.exemption_lookup import VulnerabilityExemption
    from nephoscope.state.inventory.finding import SubjectFinding
    from nephoscope.web.page_data.machine_facts import MachineSoftware


def build_software_table(software: MachineSoftware | None) -> PageTable:
    """Return the packages as a table."""
    packages = software.packages if software else ()
    rows = ((one.name, one.version, one.type, one.source_name, one.path) for one in packages)
    return PageTable(("Package", "Version", "Type", "Source package", "Place"), rows)


def build_vulnerability_table(software: MachineSoftware | None) -> PageTable:
    """Return the findings as a table."""
    return PageTable(
        (
            "CVE",
            "Severity",
            "Exploited",
            "EPSS",
            "Package",
            "Version",
            "Fixed in",
            "First seen",
            "Exempt",
            "Exempt until",
        ),
        (_build_row(one, software.exemptions.get(one.finding.key)) for one in software.findings)
        if software
        else (),
    )


def _build_row(one: SubjectFinding, exemption: VulnerabilityExemption | None) -> tuple[object, ...]:
    until = exemption.expires.isoformat() if exemption and exemption.expires else ""
    finding, known = one.finding, one.finding.vulnerability
    return (
        known.id, finding.severity, "yes" if known.is_exploited else "no", known.probability, finding.name, finding.version,
        finding.fixed_version, finding.first_seen.isoformat(), "yes" if exemption else "no", until,
    )  # fmt: skip
