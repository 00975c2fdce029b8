"""What an older version of a surface tells in another way, as the clients of that version expect it."""

from __future__ import annotations

import uuid

import pytest

from nephoscope.api.wire.policy_summary import Summary

WORKSPACE = "/subscriptions/s/resourceGroups/g/providers/Microsoft.OperationalInsights/workspaces/default"
INSIGHTS = f"{WORKSPACE}/providers/Microsoft.SecurityInsights"
STATES = [
    {
        "resourceId": "/r",
        "policyAssignmentId": "/a",
        "policyDefinitionId": "/p",
        "policyDefinitionReferenceId": "ref",
        "complianceState": "NonCompliant",
    }
]


def asked(server, owner, method, path, version, **body):
    given = {"json": body} if method == "PUT" else {}
    return server.request(method, f"{INSIGHTS}/{path}?api-version={version}", headers=owner, **given)


@pytest.mark.parametrize(
    ("version", "told"), [("2017-12-12-preview", False), ("2018-04-04", True), ("2019-10-01", True)]
)
def test_a_summary_names_references_from_the_version_on_that_has_them(version, told):
    (one,) = Summary(str, version).summarize_assignments(STATES)
    assert ("policyDefinitionReferenceId" in one["policyDefinitions"][0]) is told


@pytest.mark.parametrize(
    ("initiative", "of_assignment", "told"), [("", False, True), ("", True, False), ("/i", True, True)]
)
def test_a_summary_of_one_assignment_names_an_initiative_only_where_there_is_one(
    initiative, of_assignment, told
):
    states = [{**STATES[0], "policySetDefinitionId": initiative}]
    (one,) = Summary(str, "2019-10-01", of_assignment).summarize_assignments(states)
    assert ("policySetDefinitionId" in one) is told


@pytest.mark.parametrize(
    ("version", "told"), [("2020-01-01", False), ("2019-01-01-preview", True), ("2023-11-01", True)]
)
def test_comments_of_the_first_stable_version_do_not_change(server, owner, version, told):
    incident = f"incidents/{uuid.uuid4()}"
    asked(
        server, owner, "PUT", incident, version, properties={"title": "t", "severity": "Low", "status": "New"}
    )
    path = f"{incident}/comments/{uuid.uuid4()}"
    made = asked(server, owner, "PUT", path, version, properties={"message": "m"}).json()
    assert ("etag" in made, "lastModifiedTimeUtc" in made["properties"]) == (told, told)
    assert asked(server, owner, "GET", path, version).json() == made


def test_a_rule_of_azures_own_says_what_its_template_does_and_takes_a_text_for_a_truth_value(server, owner):
    path = f"alertRules/{uuid.uuid4()}"
    put = asked(
        server, owner, "PUT", path, "2019-01-01-preview", kind="Fusion", properties={"enabled": "true"}
    )
    told = put.json()["properties"]
    assert put.status_code == 201
    assert told["enabled"] is True
    assert told["severity"] == "High"
    assert "LateralMovement" in told["tactics"]
    wrong = asked(
        server, owner, "PUT", path, "2019-01-01-preview", kind="Fusion", properties={"enabled": "yes"}
    )
    assert wrong.status_code == 400
    assert asked(server, owner, "DELETE", path, "2023-11-01").status_code == 200


def test_a_rule_by_microsofts_alerts_has_tactics_in_the_first_version_alone(server, owner):
    path, sent = (
        f"alertRules/{uuid.uuid4()}",
        {"displayName": "d", "productFilter": "Microsoft Cloud App Security", "enabled": True},
    )
    kind = "MicrosoftSecurityIncidentCreation"
    asked(server, owner, "PUT", path, "2023-11-01", kind=kind, properties=sent)
    first = asked(server, owner, "GET", path, "2019-01-01-preview").json()["properties"]
    later = asked(server, owner, "GET", path, "2023-11-01").json()["properties"]
    assert first == {**later, "tactics": []}
    assert "tactics" not in later
    assert asked(server, owner, "DELETE", path, "2023-11-01").status_code == 200


def test_a_bookmark_is_put_into_the_incident_that_it_names(server, owner):
    incident, path = str(uuid.uuid4()), f"bookmarks/{uuid.uuid4()}"
    told = {"displayName": "b", "query": "print 1", "incidentInfo": {"incidentId": incident}}
    assert asked(server, owner, "PUT", path, "2023-11-01", properties=told).status_code == 400
    opened = {"title": "t", "severity": "Low", "status": "New"}
    asked(server, owner, "PUT", f"incidents/{incident}", "2023-11-01", properties=opened)
    made = asked(server, owner, "PUT", path, "2023-11-01", properties=told).json()
    assert made["properties"]["incidentInfo"]["incidentId"] == incident
    assert "eventTime" not in made["properties"]
    again = asked(server, owner, "PUT", path, "2023-11-01", properties=made["properties"])
    assert again.json()["properties"]["incidentInfo"]["incidentId"] == incident


def test_nobody_reads_by_what_name_a_connector_signs_in(server, owner):
    path, shown = (
        f"dataConnectors/{uuid.uuid4()}",
        {"taxiiServer": "https://t", "tenantId": str(uuid.uuid4())},
    )
    sent = {"userName": "u", "password": "p", **shown}
    put = asked(
        server, owner, "PUT", path, "2023-11-01", kind="ThreatIntelligenceTaxii", properties=sent
    ).json()
    assert put["properties"] == {"userName": None, "password": None, **shown}


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ("", "MissingApiVersionParameter"),
        ("?api-version=", "MissingApiVersionParameter"),
        *(
            (f"?api-version={one}", "InvalidApiVersionParameter")
            for one in (
                "banana",
                "2023",
                "2023-11-01-",
                "2023-1-01",
                "2023-11-01-preview2",
                "v1",
                "2023-11-01%0A",
            )
        ),
        ("?api-version=1999-01-01", ""),
        ("?api-version=2017-20-01-preview", ""),
        ("?API-VERSION=2023-11-01-Preview", ""),
    ],
)
def test_a_version_has_the_form_of_a_date(server, owner, given, code):
    answer = server.get(f"{INSIGHTS}/incidents{given}", headers=owner)
    assert (answer.status_code, answer.json().get("error", {}).get("code", "")) == (
        400 if code else 200,
        code,
    )
