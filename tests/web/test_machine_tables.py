"""The vulnerabilities of a machine as a file say which of them somebody exempted, and until when."""

from __future__ import annotations

from datetime import timedelta

import pytest
from tests.service.inventory_house import NOW

from nephoscope.service.exemption_lookup import VulnerabilityExemption
from nephoscope.service.vulnerabilities import AssessmentCoverage
from nephoscope.state.inventory.finding import KnownVulnerability, SubjectFinding, VulnerabilityFinding
from nephoscope.state.inventory.subject import InventorySubject, SubjectKind
from nephoscope.web.page_data.machine_facts import MachineSoftware
from nephoscope.web.tables.machine_tables import build_vulnerability_table


@pytest.mark.parametrize(
    ("exemption", "told"),
    [
        (None, ["no", ""]),
        (VulnerabilityExemption("/", "not here", "CVE-1"), ["yes", ""]),
        (VulnerabilityExemption("/", "soon", "CVE-1", expires=NOW + timedelta(days=1)), ["yes", "2031-01-03T12:00:00+00:00"]),
    ],
)  # fmt: skip
def test_an_exemption_stands_in_the_table(exemption: VulnerabilityExemption | None, told: list[str]) -> None:
    subject = InventorySubject(SubjectKind.MACHINE, "", "a", "a", NOW, NOW, "nephoscope", "", "", "", 1, id=1)
    finding = VulnerabilityFinding(
        1, 2, "deb", "lamp", "1", KnownVulnerability("CVE-1"), "High", None, "", "", NOW, NOW
    )
    held = {} if exemption is None else {finding.key: exemption}
    software = MachineSoftware(
        subject, (), [SubjectFinding(subject, finding)], AssessmentCoverage(1, {}, 0, 0, None), held
    )
    (row,) = build_vulnerability_table(software).rows
    assert list(row)[-2:] == told
