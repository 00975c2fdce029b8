"""Rows of the vulnerabilities that are kept: by finding and by vulnerability, and what they say of who has one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nephoscope.service.exemption_subjects import ExemptedSubject

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from nephoscope.service.exemption_lookup import ExemptionLookup
    from nephoscope.service.vulnerabilities import AssessmentCoverage
    from nephoscope.service.vulnerability_exposure import ResourceExposure
    from nephoscope.state.inventory.finding import SubjectFinding, VulnerabilitySummary

FINDING_COLUMNS: tuple[str, ...] = (
    "severity", "id", "package", "version", "fixed", "exploited", "epss", "exposed", "kind", "name", "firstSeen",
)  # fmt: skip
VULNERABILITY_COLUMNS: tuple[str, ...] = (
    "severity", "id", "exploited", "epss", "score", "machines", "images", "fixable", "firstSeen",
)  # fmt: skip


def finding_rows(
    findings: Iterable[SubjectFinding],
    exposures: Mapping[str, ResourceExposure],
    exemption_of: ExemptionLookup,
    *,
    with_exempted: bool = True,
) -> list[dict[str, Any]]:
    """Return a row for each finding, with the exemption that holds for it."""
    rows = []
    for one in findings:
        known = one.finding.vulnerability
        subject = ExemptedSubject.of(one.subject)
        exemption = exemption_of(subject, (known.id, *known.aliases), one.finding.name)
        if exemption is None or with_exempted:
            row = _finding_row(one, exposures.get(one.subject.resource_id))
            rows.append({**row, "exempted": exemption.reason if exemption else ""})
    return rows


def _finding_row(one: SubjectFinding, exposure: ResourceExposure | None) -> dict[str, object]:
    finding, subject, known = one.finding, one.subject, one.finding.vulnerability
    return {
        "severity": finding.severity, "id": known.id, "package": finding.name, "version": finding.version,
        "fixed": finding.fixed_version or finding.state, "exploited": "yes" if known.is_exploited else "",
        "epss": _share(known.probability), "exposed": _exposure_word(exposure), "kind": subject.kind.value, "name": subject.name,
        "firstSeen": finding.first_seen, "opened": finding.opened, "closed": finding.closed, "closedBy": finding.closed_by,
        "type": finding.type, "score": finding.score, "summary": known.summary, "aliases": known.aliases,
        "resource": subject.resource_id, "tenant": subject.tenant, "digest": subject.digest, "tags": subject.tags,
        "scannedAt": subject.scanned_at, "scanner": subject.scanner,
        "attackPaths": exposure.attack_paths if exposure else (),
        "earlier": [{"opened": opened, "closed": closed} for opened, closed in finding.earlier],
    }  # fmt: skip


def _exposure_word(exposure: ResourceExposure | None) -> str:
    if exposure is None:
        return ""
    if exposure.attack_paths:
        return "attack path"
    return "Internet" if exposure.is_reached else ""


def vulnerability_rows(summaries: Iterable[VulnerabilitySummary]) -> list[dict[str, Any]]:
    """Return a row for each vulnerability."""
    return [
        {
            "severity": one.severity, "id": one.vulnerability.id, "exploited": "yes" if one.vulnerability.is_exploited else "",
            "epss": _share(one.vulnerability.probability), "score": one.score, "machines": one.machines, "images": one.images,
            "fixable": one.fixable, "firstSeen": one.first_seen, "summary": one.vulnerability.summary,
            "aliases": one.vulnerability.aliases,
        }
        for one in summaries
    ]  # fmt: skip


def describe_uncovered(coverages: Mapping[int, AssessmentCoverage], most: int) -> Sequence[str]:
    """Say how many machines and images are not assessed in full, and why: an empty list must not be taken for a clean one."""
    reasons: dict[str, int] = {}
    for one in coverages.values():
        if one.reason:
            reasons[one.reason] = reasons.get(one.reason, 0) + 1
    ordered = sorted(reasons.items(), key=lambda pair: -pair[1])
    return [
        f"not assessed in full: {count:,} machines and images: {reason}" for reason, count in ordered[:most]
    ]


def _share(probability: float | None) -> str:
    return "" if probability is None else f"{probability:.3f}"
