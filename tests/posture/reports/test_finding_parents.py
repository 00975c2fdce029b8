"""Findings of an analyzer stand inside the recommendation that is judged by them: each once, in the worst of several."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from nephoscope.posture.published.kinds import assessment_metadata, assessments, sub_assessments
from nephoscope.posture.reports.report import Report
from nephoscope.posture.scans.scan import EstateScan, ScanRequest

NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)
PORTS = "bc303248-3d14-44c2-96a0-55f5c326b5fe"
OWN, LENIENT = "12608e78-53af-54f5-ad0a-3dcd7bb7b230", "aaaaaaaa-0000-4000-8000-000000000001"
SET = "aaaaaaaa-0000-4000-8000-000000000002"
DEFINITIONS = "/providers/Microsoft.Authorization/policyDefinitions"


@pytest.fixture(scope="module")
def policies(tmp_path_factory):
    """A folder with an initiative of one definition, to which an assessment of the key is enough, whatever it says."""
    folder = tmp_path_factory.mktemp("policies")
    details = {"type": "Microsoft.Security/assessments", "name": PORTS.upper()}
    rule = {
        "if": {"field": "type", "equals": "Microsoft.Compute/virtualMachines"},
        "then": {"effect": "AuditIfNotExists", "details": details},
    }
    definition = {
        "displayName": "Ports are looked at",
        "policyType": "Custom",
        "mode": "All",
        "policyRule": rule,
    }
    member = {"policyDefinitionId": f"{DEFINITIONS}/{LENIENT}", "policyDefinitionReferenceId": "ports"}
    initiative = {"displayName": "Lenient", "policyType": "Custom", "policyDefinitions": [member]}
    for name, type_, properties in (
        (LENIENT, "policyDefinitions", definition),
        (SET, "policySetDefinitions", initiative),
    ):
        body = {"name": name, "type": f"Microsoft.Authorization/{type_}", "properties": properties}
        (folder / f"{name}.json").write_text(
            json.dumps({"id": f"/providers/Microsoft.Authorization/{type_}/{name}", **body})
        )
    return folder


@pytest.fixture(scope="module")
def told(policies, tmp_path_factory):
    """What a scan of the sample by initiatives tells: a report."""

    def made(*initiatives):
        request = ScanRequest(("sample:",), policies=(str(policies),), initiatives=initiatives)
        scan = EstateScan(request, tmp_path_factory.mktemp("scan"), NOW)
        return Report(scan.run(scan.estate()), "sample:")

    return made


@pytest.mark.parametrize(
    ("initiatives", "name"),
    [
        (("nephoscope",), OWN),
        ((SET,), LENIENT),
        ((SET, "nephoscope"), OWN),
        (("nephoscope", SET), OWN),
    ],
)
def test_findings_stand_inside_the_worst_that_is_judged_by_them(told, initiatives, name):
    report = told(*initiatives)
    found = [one.body["id"] for one in sub_assessments.build_documents(report, {})]
    assert (
        len(found)
        == len(set(found))
        == sum(len(one.sub_assessments) for one in report.run.analysis.assessments)
    )
    inside = {one.split("/assessments/")[1].split("/")[0] for one in found}
    assert inside & {PORTS, OWN, LENIENT} == {name}
    parents = {one.rpartition("/subAssessments/")[0] for one in found}
    every = [one.body["id"] for one in assessments.build_documents(report, {})]
    assert len(every) == len(set(every))
    assert parents <= set(every)
    assert inside <= {one.body["name"] for one in assessment_metadata.build_documents(report, {})}


def test_what_a_scanner_told_of_a_finding_is_published_with_it(tmp_path):
    machine = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Compute/virtualMachines/m"
    place = f"{machine}/providers/Microsoft.Security/assessments/1195afff-c881-495e-9bc5-1486211ae03f"
    reported = {
        "id": "CVE-2031-1", "category": "deb", "description": "A lamp falls.", "impact": "High",
        "remediation": "Update lamp to 2.0",
    }  # fmt: skip
    finding = {
        **reported, "displayName": "Lamp", "status": {"code": "Unhealthy", "severity": "High"},
        "additionalData": {"assessedResourceType": "ServerVulnerabilityTvm"},
    }  # fmt: skip
    resources = [
        {"id": machine, "name": "m", "type": "Microsoft.Compute/virtualMachines", "properties": {}},
        {
            "id": f"{place}/subAssessments/one", "name": "one", "type": sub_assessments.TYPE,
            "properties": finding,
        },
    ]  # fmt: skip
    (tmp_path / "estate").mkdir()
    (tmp_path / "estate" / "all.json").write_text(json.dumps(resources))
    (tmp_path / "estate" / "coverage.json").write_text(
        json.dumps({"schemaVersion": 2, "readAt": NOW.isoformat()})
    )
    scan = EstateScan(ScanRequest((str(tmp_path / "estate"),)), tmp_path / "scan", NOW)
    documents = [
        one.body for one in sub_assessments.build_documents(Report(scan.run(scan.estate()), "estate"), {})
    ]
    assert documents
    for body in documents:
        properties = body["properties"]
        assert {key: properties[key] for key in reported} == reported
        assert (body["name"], properties["displayName"]) == ("one", "Lamp")
        assert properties["status"] == {"code": "Unhealthy", "severity": "High"}
