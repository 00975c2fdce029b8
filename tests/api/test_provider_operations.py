"""Operations of providers, requirements of connectors, applications, and what is refused with a reason."""

from __future__ import annotations

import pytest

from nephoscope.model.read_scope import EVERYTHING
from nephoscope_policy.model.resource_id import RESOURCE_GROUP_TYPE

WORKSPACE = "/subscriptions/s/resourceGroups/g/providers/Microsoft.OperationalInsights/workspaces/default"
INSIGHTS = f"{WORKSPACE}/providers/Microsoft.SecurityInsights"


@pytest.mark.parametrize(
    ("provider", "one"),
    [
        ("Microsoft.PolicyInsights", "Microsoft.PolicyInsights/checkPolicyRestrictions/read"),
        ("Microsoft.Security", "Microsoft.Security/assessments/read"),
        ("Microsoft.SecurityInsights", "Microsoft.SecurityInsights/incidents/write"),
    ],
)
def test_operations_of_a_provider_are_those_that_are_answered(server, owner, provider, one):
    told = server.get(f"/providers/{provider}/operations?api-version=2023-01-01", headers=owner).json()[
        "value"
    ]
    names = [each["name"] for each in told]
    assert one in names
    assert len(names) == len(set(names))
    assert all(each["name"].startswith(f"{provider}/") and each["display"]["description"] for each in told)


def test_who_may_write_connectors_meets_what_one_requires(server, owner, token):
    path = f"{INSIGHTS}/dataConnectorsCheckRequirements?api-version=2023-02-01-preview"
    sent = {"kind": "AzureActiveDirectory", "properties": {"tenantId": "t"}}
    told = server.post(path, headers=owner, json=sent).json()
    assert told == {"authorizationState": "Valid", "licenseState": "Unknown"}
    assert server.post(path, headers=owner, json={}).json()["error"]["target"] == "kind"
    stranger = {"Authorization": f"Bearer {token()}"}
    assert server.post(path, headers=stranger, json=sent).status_code == 403


def test_an_application_is_kept_at_a_subscription_and_at_a_connector(server, owner, instance, subscriptions):
    below = f"/subscriptions/{subscriptions['sub-bwf-sandbox']}"
    listing = instance.snapshots.load_newest().listing
    group = str(listing.page([RESOURCE_GROUP_TYPE], EVERYTHING, below).bodies[0]["id"])
    sets = [{"conditions": [{"property": "$.Id", "value": "x", "operator": "contains"}]}]
    sent = {"properties": {"displayName": "Shop", "sourceResourceType": "Assessments", "conditionSets": sets}}
    connector = f"{group}/providers/Microsoft.Security/securityConnectors/c"
    for scope in (below, connector):
        path = f"{scope}/providers/Microsoft.Security/applications/a?api-version=2022-07-01-preview"
        assert server.put(path, headers=owner, json={"properties": {}}).status_code == 400
        made = server.put(path, headers=owner, json=sent)
        assert made.status_code == 201
        assert server.get(path, headers=owner).json() == made.json()
        assert made.json() in server.get(path.replace("/a?", "?"), headers=owner).json()["value"]
    for scope in (below, connector):
        path = f"{scope}/providers/Microsoft.Security/applications/a?api-version=2022-07-01-preview"
        assert server.delete(path, headers=owner).status_code == 200
        assert server.get(path, headers=owner).status_code == 404


@pytest.mark.parametrize(
    "path",
    [
        "/subscriptions/{}/providers/Microsoft.Security/locations/westeurope/alerts/default/simulate",
        f"{INSIGHTS}/dataConnectors/c/connect",
        f"{INSIGHTS}/fileImports/f",
        f"{INSIGHTS}/recommendations/r",
    ],
)
def test_what_is_not_done_says_why(server, owner, subscriptions, path):
    asked = path.format(next(iter(subscriptions.values())))
    answer = server.post(f"{asked}?api-version=2023-01-01", headers=owner, json={})
    assert (answer.status_code, answer.json()["error"]["code"]) == (501, "NotAssessed")
