"""Two people who change the same thing: the one who read it before the other changed it is told so."""

from __future__ import annotations

import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest

VERSION = "api-version=2023-11-01"
WORKSPACE = "/subscriptions/s/resourceGroups/g/providers/Microsoft.OperationalInsights/workspaces/default"
INSIGHTS = f"{WORKSPACE}/providers/Microsoft.SecurityInsights"
RULE = {
    "displayName": "d", "enabled": True, "severity": "Low", "query": "Syslog", "queryFrequency": "PT1H", "queryPeriod": "PT1H",
    "triggerOperator": "GreaterThan", "triggerThreshold": 0, "suppressionEnabled": False, "suppressionDuration": "PT5H", "tactics": [],
}  # fmt: skip
INDICATOR = {
    "displayName": "i", "pattern": "[ipv4-addr:value = '203.0.113.9']", "patternType": "ipv4-addr", "source": "s",
    "threatTypes": ["c2"], "validFrom": "2026-01-01T00:00:00Z",
}  # fmt: skip
#: A list -> what is put, and what of it is changed then.
KINDS = {
    "incidents": ({"properties": {"title": "t", "severity": "Low", "status": "New"}}, {"severity": "High"}),
    "bookmarks": ({"properties": {"displayName": "b", "query": "print 1"}}, {"notes": "n"}),
    "alertRules": ({"kind": "Scheduled", "properties": RULE}, {"severity": "High"}),
    "threatIntelligence/main/indicators": ({"kind": "indicator", "properties": INDICATOR}, {"displayName": "j"}),
    "automationRules": (
        {
            "properties": {
                "displayName": "a",
                "order": 1,
                "triggeringLogic": {"isEnabled": False, "triggersOn": "Incidents", "triggersWhen": "Created"},
                "actions": [],
            }
        },
        {"order": 2},
    ),
}  # fmt: skip


@pytest.fixture(params=sorted(KINDS))
def put_twice(request, server, owner):
    """(address, body, etag of what was put first): it was changed since."""
    first, change = KINDS[request.param]
    address = f"{INSIGHTS}/{request.param}/{uuid.uuid4()}?{VERSION}"
    made = server.put(address, headers=owner, json=first)
    assert made.status_code in (200, 201), made.text
    other = {**first, "etag": made.json()["etag"], "properties": {**first["properties"], **change}}
    changed = server.put(address, headers=owner, json=other)
    assert changed.status_code == 200, changed.text
    assert changed.json()["etag"] != made.json()["etag"]
    return address, first, made.json()["etag"]


def test_who_read_an_older_state_changes_nothing(server, owner, put_twice):
    address, body, stale = put_twice
    now = server.get(address, headers=owner).json()
    told = server.put(address, headers=owner, json={**body, "etag": stale})
    assert (told.status_code, told.json()["error"]["code"]) == (409, "Conflict")
    for method, given in (("PUT", {"json": body}), ("DELETE", {})):
        told = server.request(method, address, headers={**owner, "If-Match": stale}, **given)
        assert (told.status_code, told.json()["error"]["code"]) == (412, "PreconditionFailed")
    assert server.get(address, headers=owner).json() == now


@pytest.mark.parametrize("wanted", ["{}", "*", '"other", {}', "W/{}"])
def test_who_read_the_last_state_changes_it(server, owner, put_twice, wanted):
    address, body, _ = put_twice
    etag = server.get(address, headers=owner).json()["etag"]
    headers = {**owner, "If-Match": wanted.format(etag)}
    assert server.put(address, headers=headers, json={**body, "etag": "*"}).status_code == 200
    assert server.delete(address, headers={**owner, "If-Match": "*"}).status_code == 200


def test_what_is_not_there_matches_nothing_and_is_made_whatever_etag_its_body_has(server, owner):
    address = f"{INSIGHTS}/incidents/{uuid.uuid4()}?{VERSION}"
    body, _ = KINDS["incidents"]
    for wanted in ("*", '"x"'):
        told = server.put(address, headers={**owner, "If-Match": wanted}, json=body)
        assert told.status_code == 412
    assert server.delete(address, headers={**owner, "If-Match": '"x"'}).status_code == 204
    assert server.put(address, headers=owner, json={**body, "etag": '"x"'}).status_code == 201


def test_a_rule_of_content_has_another_etag_when_it_is_switched(server, owner):
    path = f"{INSIGHTS}/alertRules"
    one = server.get(f"{path}?{VERSION}", headers=owner).json()["value"][0]
    address = f"{path}/{one['name']}?{VERSION}"
    body = {
        "kind": one["kind"],
        "etag": one["etag"],
        "properties": {"enabled": not one["properties"]["enabled"]},
    }
    assert server.put(address, headers=owner, json=body).status_code == 200
    assert server.put(address, headers=owner, json=body).status_code == 409


def test_of_many_who_read_the_same_state_one_changes_it(server, owner):
    address = f"{INSIGHTS}/incidents/{uuid.uuid4()}?{VERSION}"
    body, _ = KINDS["incidents"]
    etag = server.put(address, headers=owner, json=body).json()["etag"]
    headers = {**owner, "If-Match": etag}
    with ThreadPoolExecutor(8) as pool:
        told = list(pool.map(lambda _: server.put(address, headers=headers, json=body).status_code, range(8)))
    assert sorted(told) == [200] + [412] * 7


def test_an_incident_is_not_closed_without_a_classification(server, owner):
    address = f"{INSIGHTS}/incidents/{uuid.uuid4()}?{VERSION}"
    closed = {"title": "t", "severity": "Low", "status": "Closed"}
    for _ in range(2):
        told = server.put(address, headers=owner, json={"properties": closed})
        assert (told.status_code, told.json()["error"]["target"]) == (400, "properties.classification")
        server.put(address, headers=owner, json={"properties": {**closed, "status": "New"}})
    known = {**closed, "classification": "Undetermined"}
    assert server.put(address, headers=owner, json={"properties": known}).status_code == 200
    assert server.put(address, headers=owner, json={"properties": closed}).status_code == 200
