"""Microsoft's sample queries for Defender for Cloud give rows with what they ask for, and the API keeps its own spelling.

Source: https://learn.microsoft.com/azure/governance/resource-graph/samples/samples-by-table#securityresources
Source: https://learn.microsoft.com/azure/defender-for-cloud/review-security-recommendations (the query of a recommendation)
Source: https://learn.microsoft.com/azure/defender-for-cloud/sql-azure-vulnerability-assessment-manage (findings)
"""

from __future__ import annotations

import pytest

from nephoscope.model.read_scope import EVERYTHING
from nephoscope.posture.published.findings import ASSESSMENT

V = "api-version=2021-06-01"
_RECOMMENDATIONS = """SecurityResources | where type == 'microsoft.security/assessments'
| extend resourceId=id, recommendationId=name, resourceType=type, recommendationName=properties.displayName,
  source=properties.resourceDetails.Source, recommendationState=properties.status.code,
  description=properties.metadata.description, assessmentType=properties.metadata.assessmentType,
  remediationDescription=properties.metadata.remediationDescription,
  policyDefinitionId=properties.metadata.policyDefinitionId, implementationEffort=properties.metadata.implementationEffort,
  recommendationSeverity=properties.metadata.severity, category=properties.metadata.categories,
  userImpact=properties.metadata.userImpact, threats=properties.metadata.threats, portalLink=properties.links.azurePortal
"""
#: The sample's name -> (the query, the columns that every row of it fills).
SAMPLES = {
    "controls of the score": (
        """SecurityResources | where type == 'microsoft.security/securescores/securescorecontrols'
| extend controlName=properties.displayName, controlId=properties.definition.name,
  notApplicableResourceCount=properties.notApplicableResourceCount,
  unhealthyResourceCount=properties.unhealthyResourceCount, healthyResourceCount=properties.healthyResourceCount,
  percentageScore=properties.score.percentage, currentScore=properties.score.current,
  maxScore=properties.definition.properties.maxScore, weight=properties.weight,
  controlType=properties.definition.properties.source.sourceType,
  controlRecommendationIds=properties.definition.properties.assessmentDefinitions
| project tenantId, subscriptionId, controlName, controlId, unhealthyResourceCount, healthyResourceCount,
  notApplicableResourceCount, percentageScore, currentScore, maxScore, weight, controlType, controlRecommendationIds""",
        ("controlName", "controlId", "maxScore", "controlType", "controlRecommendationIds"),
    ),
    "resources of a recommendation counted": (
        f"{_RECOMMENDATIONS}| summarize numberOfResources=count(resourceId) by tostring(recommendationName), "
        "tostring(recommendationState)",
        ("recommendationName", "recommendationState", "numberOfResources"),
    ),
    "recommendations": (
        f"{_RECOMMENDATIONS}| project tenantId, subscriptionId, resourceId, recommendationName, recommendationId, "
        "recommendationState, recommendationSeverity, description, remediationDescription, assessmentType, "
        "policyDefinitionId, implementationEffort, userImpact, category, threats, source, portalLink",
        ("resourceId", "recommendationName", "recommendationState", "recommendationSeverity", "source"),
    ),
    "findings": (
        """securityresources | where type =~ "microsoft.security/assessments/subassessments"
| extend assessmentKey=extract(@"(?i)providers/Microsoft.Security/assessments/([^/]*)", 1, id),
  subAssessmentId=tostring(properties.id), parentResourceId= extract("(.+)/providers/Microsoft.Security", 1, id)
| extend resourceIdTemp = iff(properties.resourceDetails.id != "", properties.resourceDetails.id,
    extract("(.+)/providers/Microsoft.Security", 1, id))
| extend resourceId = iff(properties.resourceDetails.source =~ "OnPremiseSql", strcat(resourceIdTemp, "/servers/",
    properties.resourceDetails.serverName, "/databases/" , properties.resourceDetails.databaseName), resourceIdTemp)
| project resourceId, assessmentKey, subAssessmentId, name=properties.displayName, severity=properties.status.severity,
  status=properties.status.code, timeGenerated=properties.timeGenerated, source=properties.resourceDetails.source""",
        ("resourceId", "assessmentKey", "subAssessmentId", "name", "severity", "status", "timeGenerated", "source"),
    ),
    "compliance of assessments": (
        """SecurityResources
| where type == 'microsoft.security/regulatorycompliancestandards/regulatorycompliancecontrols/regulatorycomplianceassessments'
| extend assessmentName=properties.description,
  complianceStandard=extract(@'/regulatoryComplianceStandards/(.+)/regulatoryComplianceControls',1,id),
  complianceControl=extract(@'/regulatoryComplianceControls/(.+)/regulatoryComplianceAssessments',1,id),
  skippedResources=properties.skippedResources, passedResources=properties.passedResources,
  failedResources=properties.failedResources, state=properties.state
| project tenantId, subscriptionId, id, complianceStandard, complianceControl, assessmentName, state, skippedResources,
  passedResources, failedResources""",
        ("complianceStandard", "complianceControl", "assessmentName", "state", "passedResources"),
    ),
    "compliance with a standard": (
        """SecurityResources | where type == 'microsoft.security/regulatorycompliancestandards'
| extend complianceStandard=name, state=properties.state, passedControls=properties.passedControls,
  failedControls=properties.failedControls, skippedControls=properties.skippedControls,
  unsupportedControls=properties.unsupportedControls
| project tenantId, subscriptionId, complianceStandard, state, passedControls, failedControls, skippedControls,
  unsupportedControls""",
        ("complianceStandard", "state", "passedControls", "failedControls", "unsupportedControls"),
    ),
    "score of management groups": (
        """SecurityResources | where type == 'microsoft.security/securescores'
| project subscriptionId, subscriptionTotal = iff(properties.score.max == 0, 0.00,
    round(tolong(properties.weight) * todouble(properties.score.current)/tolong(properties.score.max),2)),
  weight = tolong(iff(properties.weight == 0, 1, properties.weight))
| join kind=leftouter (
  ResourceContainers | where type == 'microsoft.resources/subscriptions' and properties.state == 'Enabled'
  | project subscriptionId, mgChain=properties.managementGroupAncestorsChain ) on subscriptionId
| mv-expand mg=mgChain
| summarize sumSubs = sum(subscriptionTotal), sumWeight = sum(weight), resultsNum = count() by tostring(mg.displayName),
  mgId = tostring(mg.name)
| extend secureScore = iff(tolong(resultsNum) == 0, 404.00, round(sumSubs/sumWeight*100,2))
| project mgName=mg_displayName, mgId, sumSubs, sumWeight, resultsNum, secureScore | order by mgName asc""",
        ("mgName", "mgId", "secureScore"),
    ),
    "score of subscriptions": (
        """SecurityResources | where type == 'microsoft.security/securescores'
| extend percentageScore=properties.score.percentage, currentScore=properties.score.current,
  maxScore=properties.score.max, weight=properties.weight
| project tenantId, subscriptionId, percentageScore, currentScore, maxScore, weight""",
        ("subscriptionId", "percentageScore", "currentScore", "maxScore", "weight"),
    ),
    "plans": (
        """SecurityResources | where type == 'microsoft.security/pricings'
| project Subscription= subscriptionId, Azure_Defender_plan= name, Status= properties.pricingTier""",
        ("Subscription", "Azure_Defender_plan", "Status"),
    ),
    "the resources of a recommendation": (
        """securityresources | where type == "microsoft.security/assessments"
| extend source = tostring(properties.resourceDetails.Source)
| where source =~ "azure"
| extend resourceId = trim(" ", tolower(tostring(case(source =~ "azure", properties.resourceDetails.Id,
    source =~ "aws", properties.additionalData.AzureResourceId, source =~ "gcp", properties.additionalData.AzureResourceId,
    extract("^(.+)/providers/Microsoft.Security/assessments/.+$",1,id)))))
| extend status = tostring(properties.status.code) | where status == 'Unhealthy' | project resourceId, source, status""",
        ("resourceId", "source", "status"),
    ),
    "machines with what is unhealthy": (
        """resources | where type =~ 'microsoft.compute/virtualmachines' | extend vmId = tolower(id)
| join kind=inner (
  securityresources | where type =~ 'microsoft.security/assessments' and properties.status.code =~ 'Unhealthy'
  | extend vmId = tolower(tostring(properties.resourceDetails.Id)), recommendation = tostring(properties.displayName)
  | project vmId, recommendation
) on vmId | project vmId, recommendation""",
        ("vmId", "recommendation"),
    ),
    "findings of a recommendation": (
        """SecurityResources | where type == 'microsoft.security/assessments' | where * contains 'port'
| summarize by assessmentKey=name
| join kind=inner (
    securityresources | where type == 'microsoft.security/assessments/subassessments'
    | extend assessmentKey = extract('.*assessments/(.+?)/.*',1,  id)
) on assessmentKey
| project assessmentKey, subassessmentKey=name, id, parse_json(properties), resourceGroup, subscriptionId, tenantId
| extend description = properties.displayName, resource = properties.resourceDetails.id, severity = properties.status.severity""",
        ("assessmentKey", "subassessmentKey", "id", "resourceGroup", "description", "resource", "severity"),
    ),
}  # fmt: skip
_SUBS = "securityresources | where type == 'microsoft.security/assessments/subassessments'"
_OFF = """securityresources | where type == 'microsoft.security/assessments'
| where properties.status.cause == 'OffByPolicy'"""


@pytest.fixture
def ask(server, owner):
    def asked(query):
        path = "/providers/Microsoft.ResourceGraph/resources?api-version=2021-03-01"
        got = server.post(path, headers=owner, json={"query": query})
        assert got.status_code == 200, got.text
        return got.json()["data"]

    return asked


@pytest.mark.parametrize("name", SAMPLES)
def test_a_sample_gives_rows_with_what_it_asks_for(ask, name):
    query, filled = SAMPLES[name]
    rows = ask(query)
    assert rows
    empty = {column for row in rows for column in filled if row[column] in (None, "", [], {})}
    assert empty == set()


def test_each_spells_as_its_own(ask, server, owner):
    (row,) = ask(
        "securityresources | where type == 'microsoft.security/assessments' | order by id asc | take 1"
    )
    told = server.get(f"{row['id']}?{V}", headers=owner).json()["properties"]
    details = told["resourceDetails"]
    assert details.keys() == {"source", "id"}
    shown = {"Source": details["source"], "Id": details["id"]}
    assert row["properties"] == {**told, "resourceDetails": shown}


def test_what_was_collected_stays_as_it_was(ask):
    (row,) = ask("collected | where type == 'microsoft.security/assessments' | order by id asc | take 1")
    assert row["properties"]["resourceDetails"].keys() == {"source", "id"}


def test_an_own_assessment_is_spelled_alike(ask, server, owner, machine):
    path = f"{machine[0]}/providers/Microsoft.Security/assessments/6f2ac8b4-6a1d-4e0b-9d5f-0a1b2c3d4e5f"
    sent = {"properties": {"resourceDetails": {"source": "Azure"}, "status": {"code": "Unhealthy"}}}
    got = server.put(f"{path}?{V}", headers=owner, json=sent)
    assert got.status_code == 201, got.text
    (row,) = ask(f"securityresources | where id =~ '{path}'")
    assert row["properties"]["resourceDetails"] == {
        "Source": "Azure",
        "Id": got.json()["properties"]["resourceDetails"]["id"],
    }


def test_each_finding_stands_inside_an_assessment_of_its_resource(ask, server, owner):
    rows = ask(f"{_SUBS} | project id, resource = tolower(tostring(properties.resourceDetails.id))")
    parents = {row["id"].rpartition("/subAssessments/")[0] for row in rows}
    assert len(parents) > 20
    for parent in parents:
        told = server.get(f"{parent}?{V}", headers=owner)
        assert told.status_code == 200, parent
        assert told.json()["properties"]["status"]["code"] in ("Unhealthy", "NotApplicable")
        name = parent.rsplit("/", 1)[-1]
        about = server.get(f"/providers/Microsoft.Security/assessmentMetadata/{name}?{V}", headers=owner)
        assert about.json()["properties"]["displayName"] == told.json()["properties"]["displayName"]
        inside = server.get(f"{parent}/subAssessments?{V}", headers=owner).json()["value"]
        assert {one["id"] for one in inside} == {
            row["id"] for row in rows if row["id"].startswith(f"{parent}/")
        }


def test_a_finding_is_told_once_inside_the_recommendation_that_reads_it(ask):
    rows = ask(f"{_SUBS} | where id contains 'vm-sbx-jump' and name == 'tcp-22' | project id")
    inside = [row["id"].split("/")[-3] for row in rows]
    assert inside.count("12608e78-53af-54f5-ad0a-3dcd7bb7b230") == 1, "the policy that reads the key below"
    assert "bc303248-3d14-44c2-96a0-55f5c326b5fe" not in inside


@pytest.mark.full
def test_what_no_policy_reads_is_off_and_counts_nowhere(ask, instance, report):
    off = ask(f"{_OFF} | project name")
    keys = {row["name"] for row in off}
    assert keys
    assert keys.isdisjoint(one.key for one in report.run.engine.program.requirements)
    snapshot = instance.snapshots.load_newest()
    assert snapshot.findings.states(EVERYTHING) == snapshot.build_info.states
    assert keys.isdisjoint(one.recommendation for one in snapshot.findings.tallies(EVERYTHING))
    told = snapshot.listing.page((ASSESSMENT,), EVERYTHING, most=10_000).bodies
    assert len(told) == len(off) + snapshot.findings.count(EVERYTHING)
    failing = [one for one in told if one["properties"]["status"]["code"] == "Unhealthy"]
    assert len(failing) == snapshot.build_info.states["NonCompliant"]


def test_a_finding_is_found_by_azures_own_key(ask, server, owner):
    key = "bc303248-3d14-44c2-96a0-55f5c326b5fe"
    rows = ask(
        f"{_SUBS} | where properties.assessmentKey =~ '{key}' | project id, of = tolower(properties.resourceDetails.id)"
    )
    assert rows
    assert {row["id"].split("/")[-3] for row in rows} == {"12608e78-53af-54f5-ad0a-3dcd7bb7b230"}, (
        "it is read"
    )
    assert all(row["properties"]["assessmentKey"] for row in ask(f"{_SUBS} | project properties"))
    for scope in (rows[0]["of"], "/".join(rows[0]["of"].split("/")[:3])):
        path = f"{scope}/providers/Microsoft.Security/assessments/{key.upper()}/subAssessments?{V}"
        found = {one["id"] for one in server.get(path, headers=owner).json()["value"]}
        assert found == {row["id"] for row in rows if row["of"].startswith(scope)}
    unknown = f"{scope}/providers/Microsoft.Security/assessments/{'0' * 36}/subAssessments?{V}"
    assert server.get(unknown, headers=owner).json() == {"value": []}
