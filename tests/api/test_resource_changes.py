"""Changes of resources, policy events and remediations: what follows from one evaluation after another."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from msgspec.structs import replace

from nephoscope.estate.estate import Estate
from nephoscope.estate.estate_store import EstateStore
from nephoscope.estate.resource_changes import list_changes
from nephoscope.model.read_scope import EVERYTHING
from nephoscope.posture.published.build_info import make_build_info
from nephoscope.posture.published.document import PublishedDocument, build_arm_body
from nephoscope.posture.published.kinds.policy_states import STATES, TYPE
from nephoscope.posture.published.policy_events import PolicyEvents
from nephoscope.posture.published.publishing import publish_documents
from nephoscope.posture.published.snapshot_cache import PublishedSnapshotCache
from nephoscope.posture.reports.resource_graph_tables import find_table
from nephoscope_policy.model.coverage import Coverage
from nephoscope_policy.model.resource import Resource
from nephoscope_policy.model.state import ComplianceState

NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)
SUBSCRIPTION = "/subscriptions/11111111-1111-1111-1111-111111111111"
GRAPH = "/providers/Microsoft.ResourceGraph"
VERSION = "api-version=2020-09-01-preview"


def account(name, **properties):
    id_ = f"{SUBSCRIPTION}/resourceGroups/g/providers/Microsoft.Storage/storageAccounts/{name}"
    return Resource.of(
        {"id": id_, "name": name, "type": "Microsoft.Storage/storageAccounts", "properties": properties}
    )


@pytest.fixture(scope="module")
def history(tmp_path_factory):
    """Three snapshots: `old` from the beginning, `new` created, changed and deleted."""
    store = EstateStore(tmp_path_factory.mktemp("estate"))
    coverage = Coverage({SUBSCRIPTION: frozenset({"microsoft.storage/storageaccounts"})})
    several = (
        [account("old")],
        [account("old"), account("new", rules=[1])],
        [account("old"), account("new", rules=[1, 2])],
        [account("old")],
    )
    for at, resources in enumerate(several):
        store.append(Estate.of(resources, coverage), NOW + timedelta(hours=at))
    return store


def test_what_was_created_changed_and_deleted(history):
    found = list_changes(history, NOW - timedelta(days=1), NOW + timedelta(days=1))
    assert [(one.key.rsplit("/", 1)[-1], one.kind) for one in found] == [
        ("new", "Delete"),
        ("new", "Update"),
        ("new", "Create"),
    ]
    assert found[1].list_changed_properties() == [("properties.rules[1]", None, 2)]
    assert (found[1].before, found[1].after) == (NOW + timedelta(hours=1), NOW + timedelta(hours=2))
    assert [one.id for one in list_changes(history, NOW, NOW + timedelta(hours=1))] == [found[2].id]
    assert not list_changes(history, NOW - timedelta(days=1), NOW + timedelta(days=1), ["/other"])


def test_what_came_into_view_was_not_created(tmp_path):
    store = EstateStore(tmp_path)
    store.append(
        Estate.of([], Coverage({SUBSCRIPTION: frozenset({"microsoft.compute/virtualmachines"})})), NOW
    )
    coverage = Coverage({SUBSCRIPTION: frozenset({"microsoft.storage/storageaccounts"})})
    store.append(Estate.of([account("seen")], coverage), NOW + timedelta(hours=1))
    assert not list_changes(store, NOW - timedelta(days=1), NOW + timedelta(days=1))


def test_changes_are_asked_for_page_by_page(server, owner, instance):
    store = EstateStore(instance.data)
    coverage = Coverage({SUBSCRIPTION: frozenset({"microsoft.storage/storageaccounts"})})
    for at in range(6):
        store.append(Estate.of([account("x", at=at)], coverage), NOW + timedelta(hours=at))
    interval = {"start": NOW.isoformat(), "end": (NOW + timedelta(days=1)).isoformat()}
    body = {
        "resourceIds": [account("x").body["id"]],
        "interval": interval,
        "$top": 2,
        "fetchPropertyChanges": True,
    }
    seen = []
    while True:
        page = server.post(f"{GRAPH}/resourceChanges?{VERSION}", headers=owner, json=body).json()
        seen += page["changes"]
        if "$skipToken" not in page:
            break
        body["$skipToken"] = page["$skipToken"]
    assert [one["changeType"] for one in seen] == ["Update"] * 5
    assert [one["propertyChanges"][0]["afterValue"] for one in seen] == [5, 4, 3, 2, 1]
    asked = {"resourceIds": body["resourceIds"], "changeIds": [seen[0]["changeId"]]}
    (detail,) = server.post(f"{GRAPH}/resourceChangeDetails?{VERSION}", headers=owner, json=asked).json()
    assert detail["afterSnapshot"]["content"]["properties"] == {"at": 5}


def test_changes_of_what_may_not_be_read_are_not_told(server, token, subscriptions):
    headers = {
        "Authorization": f"Bearer {token(('Reader', '/subscriptions/' + subscriptions['sub-bwf-sandbox']))}"
    }
    interval = {"start": NOW.isoformat(), "end": (NOW + timedelta(days=1)).isoformat()}
    body = {"resourceIds": [account("x").body["id"]], "interval": interval}
    assert server.post(f"{GRAPH}/resourceChanges?{VERSION}", headers=headers, json=body).json() == {
        "changes": []
    }


def test_policy_events_are_what_changed_and_are_carried_on(report, tmp_path):
    assert not told(
        report,
        tmp_path,
        NOW,
        [state("a", ComplianceState.NON_COMPLIANT), state("b", ComplianceState.COMPLIANT)],
    )
    later = NOW + timedelta(hours=8)
    found = told(
        report,
        tmp_path,
        later,
        [
            state("a", ComplianceState.COMPLIANT),
            state("b", ComplianceState.COMPLIANT),
            state("c", ComplianceState.UNKNOWN),
        ],
    )
    assert sorted((one["resourceId"][-1], one["complianceState"], one["timestamp"]) for one in found) == [
        ("a", "Compliant", later.isoformat()),
        ("c", "Unknown", later.isoformat()),
    ]
    same = [state(one, ComplianceState.COMPLIANT) for one in "abc"]
    same[2] = state("c", ComplianceState.UNKNOWN)
    assert told(report, tmp_path, NOW + timedelta(days=2), same) == found
    assert not told(report, tmp_path, NOW + timedelta(days=100), same)


def state(name, how):
    """A published policy state."""
    id_ = f"{SUBSCRIPTION}/resourceGroups/g/providers/Microsoft.Storage/storageAccounts/{name}"
    properties = {"resourceId": id_, "policyAssignmentId": "/a", "complianceState": STATES[how]}
    body = build_arm_body(f"{id_}/providers/{TYPE}/1", TYPE, properties)
    return PublishedDocument.of(body, state=how.value)


def told(report, data, now, states):
    """The policy events that are there after some states were published."""
    before = PublishedSnapshotCache(data).load_newest()
    events = PolicyEvents(before.files if before else {}, now)
    at = {"timestamp": now.isoformat()}
    stamped = [
        replace(one, body={**one.body, "properties": {**one.body["properties"], **at}}) for one in states
    ]
    several = [*events.watch((one, find_table(one.id.type)) for one in stamped), *events.documents()]
    publish_documents(data, several, make_build_info([report]))
    page = (
        PublishedSnapshotCache(data)
        .load_newest()
        .listing.page(["microsoft.policyinsights/policyevents"], EVERYTHING)
    )
    return [one["properties"] for one in page.bodies]


def test_a_remediation_follows_what_did_not_comply(server, owner, report, subscriptions):
    states = "/providers/Microsoft.PolicyInsights/policyStates/latest"
    scope = f"/subscriptions/{subscriptions['sub-bwf-erp-prod']}"
    query = f"{scope}{states}/queryResults?{VERSION}&$filter=complianceState eq 'NonCompliant'"
    row = next(
        one for one in server.post(query, headers=owner).json()["value"] if one.get("policyAssignmentId")
    )
    path = f"{scope}/providers/Microsoft.PolicyInsights/remediations/r"
    body = {"properties": {"policyAssignmentId": row["policyAssignmentId"]}}
    made = server.put(f"{path}?{VERSION}", headers=owner, json=body).json()["properties"]
    assert made["provisioningState"] == "Accepted"
    assert made["deploymentStatus"]["totalDeployments"] > 0
    told = server.post(f"{path}/listDeployments?{VERSION}", headers=owner).json()["value"]
    assert row["resourceId"] in {one["remediatedResourceId"] for one in told}
    assert {one["status"] for one in told} == {"NotStarted"}
    assert (
        server.post(f"{path}/cancel?{VERSION}", headers=owner).json()["properties"]["provisioningState"]
        == "Canceled"
    )
    assert server.post(f"{path}/cancel?{VERSION}", headers=owner).status_code == 400
    assert server.delete(f"{path}?{VERSION}", headers=owner).status_code == 200
