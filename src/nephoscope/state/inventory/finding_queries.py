"""Queries of findings: their joins and conditions, the order of risk, and what a row says."""

from __future__ import annotations

from typing import Any

from sqlalchemy import RowMapping, Select, Text, func, or_, select, type_coerce

from nephoscope.state.inventory.finding import (
    FindingFilter,
    KnownVulnerability,
    VulnerabilityFinding,
    VulnerabilitySummary,
)
from nephoscope.state.tables.inventory_rows import (
    InventoryPackageRow,
    InventorySubjectRow,
    KnownVulnerabilityRow,
    PackageVulnerabilityRow,
    VulnerabilityFindingRow,
)

_FINDING, _OF, _KNOWN, _PACKAGE = (
    VulnerabilityFindingRow,
    PackageVulnerabilityRow,
    KnownVulnerabilityRow,
    InventoryPackageRow,
)
#: What a text is looked for in.
_WORDS = (_KNOWN.id, _KNOWN.summary, type_coerce(_KNOWN.aliases, Text))
#: The severities by their ranks.
SEVERITIES = ("Unknown", "Negligible", "Low", "Medium", "High", "Critical")


def join_findings(statement: Select[object], wanted: FindingFilter) -> Select[Any]:
    """Return the statement over findings with their subjects, packages and what is known, narrowed to those asked for."""
    pair = (_OF.package == _FINDING.package) & (_OF.vulnerability == _FINDING.vulnerability)
    joined = (
        statement.select_from(_FINDING)
        .join(InventorySubjectRow, InventorySubjectRow.id == _FINDING.subject)
        .join(_PACKAGE, _PACKAGE.number == _FINDING.package)
        .join(_KNOWN, _KNOWN.id == _FINDING.vulnerability)
        .outerjoin(_OF, pair)
        .where(wanted.subjects.condition())
    )
    given = [
        (not wanted.with_closed, _FINDING.closed.is_(None)),
        (bool(wanted.vulnerability), _FINDING.vulnerability == wanted.vulnerability),
        (bool(wanted.package), _PACKAGE.name == wanted.package),
        (wanted.rank > 0, _OF.rank >= wanted.rank),
        (wanted.is_exploited, _KNOWN.is_exploited),
        (wanted.is_fixable, _OF.fixed_version != ""),
        (bool(wanted.text), or_(*(one.icontains(wanted.text, autoescape=True) for one in _WORDS))),
    ]
    return joined.where(*(condition for is_asked, condition in given if is_asked))


def select_findings(wanted: FindingFilter) -> Select[Any]:
    """Return the statement that selects the findings that are asked for, with what is said of them."""
    statement = select(
        _FINDING.subject, _FINDING.package, _PACKAGE.type, _PACKAGE.name, _PACKAGE.version, *_KNOWN.__table__.columns,
        _OF.severity, _OF.score, _OF.state, _OF.fixed_version,
        _FINDING.first_seen, _FINDING.opened, _FINDING.closed, _FINDING.closed_by, _FINDING.earlier,
    )  # fmt: skip
    return join_findings(statement, wanted)


def order_of_risk(rank: object, score: object) -> tuple[Any, ...]:
    """Return the order of risk: exploited, severe, likely to be exploited soon, high in score."""
    return (
        _KNOWN.is_exploited.desc(),
        func.coalesce(rank, 0).desc(),
        func.coalesce(_KNOWN.probability, 0.0).desc(),
        func.coalesce(score, 0.0).desc(),
        _KNOWN.id,
    )


RISK = (*order_of_risk(_OF.rank, _OF.score), _PACKAGE.name, _FINDING.subject, _FINDING.package)


def to_known_vulnerability(row: RowMapping) -> KnownVulnerability:
    """Return what is known of a vulnerability by a row."""
    names = KnownVulnerability.__dataclass_fields__
    return KnownVulnerability(**{**{name: row[name] for name in names}, "aliases": tuple(row["aliases"])})


def to_finding(row: RowMapping) -> VulnerabilityFinding:
    """Return the finding of a row."""
    return VulnerabilityFinding(
        row["subject"], row["package"], row["type"], row["name"], row["version"], to_known_vulnerability(row),
        row["severity"] or "Unknown",
        row["score"], row["state"] or "", row["fixed_version"] or "", row["first_seen"], row["opened"], row["closed"],
        row["closed_by"], tuple((opened, closed) for opened, closed in row["earlier"]),
    )  # fmt: skip


def to_summary(row: RowMapping) -> VulnerabilitySummary:
    """Return the summary of a row."""
    return VulnerabilitySummary(
        to_known_vulnerability(row), SEVERITIES[row["rank"] or 0], row["score"], row["machines"], row["images"],
        row["fixable"], row["since"],
    )  # fmt: skip
