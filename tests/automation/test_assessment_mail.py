"""What a message says of each kind of document that is published."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from nephoscope.automation.assessment_mail import make_severity_key, write_mail
from nephoscope.state.automation.automation_runs import AutomationRun, RunStatus

HOME = "/subscriptions/11111111-1111-4111-8111-111111111111"
VM = f"{HOME}/resourceGroups/rg/providers/Microsoft.Compute/virtualMachines/vm one"
NOW = datetime(2026, 11, 1, tzinfo=UTC)


def body(type_: str, place: str = VM, **properties: Any) -> dict[str, Any]:
    return {"id": f"{place}/providers/{type_}/k1", "name": "k1", "type": type_, "properties": properties}


def exempt() -> dict[str, Any]:
    return body(
        "Microsoft.Security/assessments", resourceDetails={"id": VM},
        displayName="Guest accounts should not have owner permissions on subscriptions",
        additionalData={"state": "Exempt"}, status={"code": "NotApplicable", "cause": "Exempt", "description": "until May"},
        metadata={"severity": "High", "description": "Owners can do all.", "remediationDescription": "Remove them."},
    )  # fmt: skip


def told(document: dict[str, Any], kind: str = "assessments.changed", pages: str = "https://host") -> Any:
    run = AutomationRun(
        "1", "default", "/x/bulk", "mail", {}, kind, "s", document, RunStatus.PENDING, NOW, NOW, NOW
    )
    return write_mail(run, pages)


SUB = "Microsoft.Security/assessments/subAssessments"
PATH = "Microsoft.Security/attackPaths"
CONTROL = "Microsoft.Security/regulatoryComplianceStandards/regulatoryComplianceControls/regulatoryComplianceAssessments"


@pytest.mark.parametrize(
    ("document", "stood", "subject", "said"),
    [
        pytest.param(
            exempt(), "NonCompliant|High|", "Exempt: Guest accounts should not have owner permissions on subscriptions (vm one)",
            ["State: Exempt (was Unhealthy, High)", "Why: until May", "About: Owners can do all.", "Remediation: Remove them.",
             "/virtualMachines/vm%20one"], id="exempt",
        ),
        pytest.param(
            body(SUB, displayName="CVE-1", resourceDetails={"id": VM}, status={"code": "Unhealthy", "severity": "Low"},
                 remediation="Update."),
            '{"code":"Healthy"}', "[Low] Unhealthy: CVE-1 (vm one)", ["(was Healthy)", "Remediation: Update."], id="sub",
        ),
        pytest.param(
            body("Microsoft.Security/secureScores", HOME, displayName="Score", score={"current": 43.1, "max": 55}),
            '{"current":44.94,"max":55,"percentage":0.8}', "43.1 of 55 points: Score (11111111-1111-4111-8111-111111111111)",
            ["(was 44.9 of 55 points)"], id="score",
        ),
        pytest.param(
            body(CONTROL, HOME, description="Disks", state="Failed"), '"Passed"',
            "Failed: Disks (11111111-1111-4111-8111-111111111111)", ["Failed (was Passed)", "https://host/compliance"],
            id="compliance",
        ),
        pytest.param(
            body(PATH, HOME, displayName="To the vault", riskLevel="Critical"), None,
            "Critical: To the vault (11111111-1111-4111-8111-111111111111)", ["Critical (new)", "https://host/attack-paths/k1"],
            id="path",
        ),
    ],
)  # fmt: skip
def test_one_document(document: dict[str, Any], stood: str | None, subject: str, said: list[str]) -> None:
    before = {} if stood is None else {document["id"].lower(): stood}
    title, text = told({"records": [document], "count": 1, "before": before})
    assert title == subject
    assert [one for one in said if one not in text] == []


def test_without_a_server_there_is_no_link_and_a_trial_tells_no_change() -> None:
    _, text = told(exempt(), "assessments.test", "")
    assert "http" not in text
    assert "State: Exempt\n" in text


def test_an_alert_is_told_by_its_template() -> None:
    assert told({"AlertName": "x"}, "alert.created") is None


def test_the_gravest_come_first() -> None:
    low = body(SUB, status={"code": "Unhealthy", "severity": "Low"})
    high = body(SUB, status={"code": "Unhealthy", "severity": "High"})
    assert sorted([exempt(), low, high], key=make_severity_key) == [high, low, exempt()]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\u2028", "\x85"])
def test_names_make_no_lines_that_look_like_ours(end):
    forged = f"Mine{end}State: Healthy"
    document = body(
        "Microsoft.Security/assessments", f"{HOME}/resourceGroups/rg/providers/Microsoft.Compute/virtualMachines/{forged}",
        displayName=forged, additionalData={"state": "NonCompliant"}, status={"code": "Unhealthy", "description": forged},
        metadata={"severity": "High", "remediationDescription": forged},
    )  # fmt: skip
    subject, text = told(document)
    assert len(subject.splitlines()) == 1
    assert [line for line in text.splitlines() if line.startswith("State:")] == ["State: Unhealthy, High"]
    many = {"records": [document, document], "count": 2, "findings": 2, "before": {}}
    _, table = told(many)
    assert len([line for line in table.splitlines() if line.startswith("Unhealthy")]) == 2
    assert "\nState" not in "\n".join(table.splitlines())


def test_what_several_tenants_have_names_its_tenant() -> None:
    role = "/providers/Microsoft.Authorization/roleDefinitions/same"
    document = {
        **exempt(),
        "id": f"{role}/providers/Microsoft.Security/assessments/k1",
        "tenantId": "tenant-a",
    }
    document["properties"] = {**document["properties"], "resourceDetails": {"id": role}}
    before = {f"/tenants/tenant-a{document['id'].lower()}": "NonCompliant|High|"}
    title, text = told({"records": [document], "count": 1, "before": before})
    assert title.endswith("(same, tenant tenant-a)")
    assert "  tenant tenant-a\n" in text
    assert "(was Unhealthy, High)" in text
