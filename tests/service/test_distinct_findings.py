"""A package with a vulnerability counts once, however many scanners saw it."""

from __future__ import annotations

import pytest
from tests.service.inventory_house import NOW

from nephoscope.service.vulnerabilities import list_distinct_findings
from nephoscope.state.inventory.finding import KnownVulnerability, SubjectFinding, VulnerabilityFinding
from nephoscope.state.inventory.subject import InventorySubject, SubjectKind


def seen(scanner: str, package: str, vulnerability: str, number: int) -> SubjectFinding:
    """A finding that a scanner saw, with the number that the package has for it."""
    subject = InventorySubject(SubjectKind.IMAGE, "", "a", "a", NOW, NOW, scanner, "", "", "", 1, id=number)
    known = KnownVulnerability(vulnerability)
    finding = VulnerabilityFinding(
        number, number, "deb", package, "1.0", known, "High", None, "", "", NOW, NOW
    )
    return SubjectFinding(subject, finding)


@pytest.mark.parametrize(
    ("findings", "kept"),
    [
        ([], []),
        ([seen("grype", "a", "CVE-1", 1), seen("nephoscope", "a", "CVE-1", 2)], [2]),
        ([seen("nephoscope", "a", "CVE-1", 1), seen("grype", "a", "CVE-1", 2)], [1]),
        ([seen("grype", "a", "CVE-1", 1), seen("trivy", "a", "CVE-1", 2)], [1]),
        ([seen("grype", "a", "CVE-1", 1), seen("nephoscope", "a", "CVE-2", 2), seen("nephoscope", "b", "CVE-1", 3)], [1, 2, 3]),
    ],
)  # fmt: skip
def test_each_is_kept_once_in_order(findings: list[SubjectFinding], kept: list[int]) -> None:
    assert [one.finding.subject for one in list_distinct_findings(findings)] == kept
