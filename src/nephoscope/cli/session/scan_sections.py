"""Scan sections: the rows of a scan result by part."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nephoscope.collect.scanning.examination import Examination, SecretFinding
    from nephoscope.vulnerability.matching.findings import PackageFinding

Row = dict[str, object]
PACKAGE_COLUMNS = ("type", "name", "version", "path")
VULNERABILITY_COLUMNS = ("severity", "id", "package", "version", "fixed", "exploited", "epss", "path")
#: The columns of each part beside packages and vulnerabilities, by the name of its section.
SECTIONS = {
    "configuration": ("severity", "status", "rule", "message", "cis", "path"),
    "secrets": ("severity", "rule", "path", "line", "fingerprint", "removed"),
    "malware": ("severity", "kind", "engine", "rule", "path", "member", "removed"),
    "licenses": ("severity", "status", "type", "name", "version", "licenses", "path"),
}
_SHORT = 19


def build_package_rows(examination: Examination) -> list[Row]:
    """Return a row for each package."""
    return [_to_row(one) for one in examination.contents.packages]


def build_vulnerability_rows(findings: Sequence[PackageFinding]) -> list[Row]:
    """Return a row for each vulnerability of a package, in their order."""
    return [_build_vulnerability_row(finding) for finding in findings]


def build_section_rows(examination: Examination) -> dict[str, list[Row]]:
    """Return the rows of each part beside packages that was looked at, by the name of its section; none where nothing was found."""
    several = {
        "configuration": [_to_row(one) for one in examination.configuration],
        "secrets": [_build_secret_row(one) for one in examination.secrets],
        "malware": [_add_removal(_to_row(one)) for one in examination.malware],
        "licenses": [_to_row(one) for one in examination.licenses],
    }
    looked = set(examination.examined)
    filled = {name: dict.fromkeys(columns, "") for name, columns in SECTIONS.items()}
    return {
        name: [{**filled[name], **row} for row in rows] for name, rows in several.items() if name in looked
    }


def _to_row(found: object) -> Row:
    import msgspec

    row: Row = msgspec.to_builtins(found)
    return row | {"status": found.status} if hasattr(found, "status") else row


def _build_secret_row(found: SecretFinding) -> Row:
    lines = (found.first_line, found.last_line)
    line = str(lines[0]) if lines[0] == lines[1] else f"{lines[0]}-{lines[1]}"
    return _add_removal(_to_row(found) | {"line": line})


def _add_removal(row: Row) -> Row:
    """Add which layer takes the file away, short."""
    return row | {"removed": f"by {str(row['removed_by'])[:_SHORT]}" if row.get("removed_by") else ""}


def _build_vulnerability_row(finding: PackageFinding) -> Row:
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
