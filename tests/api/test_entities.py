"""The entities of a workspace: who is in its alerts and bookmarks, when, and with whom."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta

import pytest

from nephoscope.alerts.detection.detector import RuleOutcome
from nephoscope.alerts.incidents.incident_service import IncidentService
from nephoscope.alerts.rules.rule import AnalyticRule
from nephoscope.alerts.rules.window import RuleWindow
from nephoscope.api.sentinel.entities import EXPANSIONS
from nephoscope.lake.writing.outbox import deliver_outbox
from nephoscope.model.alert import Alert
from nephoscope.model.entity import Entity
from nephoscope.state.incidents.bookmarks import Bookmark
from nephoscope_policy.model.source_location import Place
from nephoscope_policy.model.state import Severity

VERSION = "api-version=2023-02-01-preview"
WORKSPACE = "/subscriptions/s/resourceGroups/g/providers/Microsoft.OperationalInsights/workspaces/default"
ENTITIES = f"{WORKSPACE}/providers/Microsoft.SecurityInsights/entities"
NOON = datetime(2026, 11, 1, 12, tzinfo=UTC)
ANNA = Entity("Account", (("AadUserId", "7"), ("Name", "anna"), ("UPNSuffix", "example.com")))
BY_NAME = Entity("Account", (("Name", "anna"), ("UPNSuffix", "example.com")))
HOST = Entity("Host", (("HostName", "web1"),))
ADDRESS = Entity("IP", (("Address", "203.0.113.7"),))
ALERTS = {  # id -> (hours after noon, entities)
    "aaaaaaaa-0000-4000-8000-000000000001": (0, (ANNA, ADDRESS)),
    "aaaaaaaa-0000-4000-8000-000000000002": (5, (BY_NAME, HOST)),
    "aaaaaaaa-0000-4000-8000-000000000003": (6, (HOST,)),
}
BOOKMARK = "bbbbbbbb-0000-4000-8000-000000000001"


@pytest.fixture(scope="module")
def staged(instance):
    """Three alerts of a rule, and a bookmark of who is in the first."""
    document = {"id": str(uuid.uuid4()), "name": "A rule", "query": "print 1", "severity": "High"}
    rule = AnalyticRule.parse(
        {**document, "queryFrequency": "1h", "queryPeriod": "1h", "tactics": ["Impact"]}, Place("t")
    )
    for id_, (hours, entities) in ALERTS.items():
        at = NOON + timedelta(hours=hours)
        alert = Alert(
            id=id_, rule=rule.id, name=f"Alert {hours}", description="It went", severity=Severity.HIGH, start=at, end=at,
            generated=at, tactics=("Impact",), techniques=(), entities=entities, events=1, custom_details={}, remediation="",
            query="print 1", properties={},
        )  # fmt: skip
        IncidentService(instance.state, "default").store_outcome(
            RuleOutcome(rule, RuleWindow(at - timedelta(hours=1), at), 1, (alert,)), at
        )
    kept = Bookmark(
        BOOKMARK, "default", "Odd", "print 1", "API", NOON, NOON, NOON + timedelta(hours=2), {}, "me", NOON, "me", NOON,
        [BY_NAME.document(1)], tags=["x"], notes="look",
    )  # fmt: skip
    with instance.state.transaction() as session:
        instance.state.bookmarks.put(session, kept)
    deliver_outbox(instance.lake, instance.state)


def asked(server, owner, path="", method="GET", **body):
    sent = {"json": body} if method == "POST" else {}
    return server.request(
        method, f"{ENTITIES}{path}{'&' if '?' in path else '?'}{VERSION}", headers=owner, **sent
    )


@pytest.fixture(scope="module")
def ids(server, owner, staged):
    """Friendly name -> id."""
    return {one["properties"]["friendlyName"]: one["name"] for one in asked(server, owner).json()["value"]}


def test_one_who_goes_by_several_names_is_one(server, owner, ids):
    assert set(ids) == {"anna@example.com", "web1", "203.0.113.7"}
    told = asked(server, owner, f"/{ids['anna@example.com']}").json()
    assert told["kind"] == "Account"
    assert told["properties"] == {
        "friendlyName": "anna@example.com", "accountName": "anna", "upnSuffix": "example.com", "aadUserId": "7",
    }  # fmt: skip
    assert asked(server, owner, f"/{ids['203.0.113.7']}").json()["kind"] == "Ip"
    listed = asked(server, owner, "?$top=2").json()
    assert len(listed["value"]) == 2
    second = server.get(listed["nextLink"].removeprefix("https://127.0.0.1"), headers=owner).json()
    assert len(second["value"]) == 1
    assert "nextLink" not in second


def test_an_alert_is_an_entity_too(server, owner, staged):
    id_ = next(iter(ALERTS))
    told = asked(server, owner, f"/{id_}").json()
    assert (told["kind"], told["properties"]["alertDisplayName"]) == ("SecurityAlert", "Alert 0")
    assert asked(server, owner, f"/{uuid.uuid4()}").status_code == 404


def test_a_timeline(server, owner, ids):
    path, day = (
        f"/{ids['anna@example.com']}/getTimeline",
        {"startTime": "2026-11-01", "endTime": "2026-11-02"},
    )
    told = asked(server, owner, path, "POST", **day).json()
    assert [one["displayName"] for one in told["value"]] == ["Alert 0", "Odd", "Alert 5"]
    assert told["metaData"] == {
        "totalCount": 3,
        "aggregations": [{"kind": "Bookmark", "count": 1}, {"kind": "SecurityAlert", "count": 2}],
        "errors": [],
    }
    some = {
        "startTime": "2026-11-01T12:30:00Z",
        "endTime": "2026-11-02",
        "kinds": ["SecurityAlert", "activity"],
    }
    told = asked(server, owner, path, "POST", **some).json()
    assert [one["displayName"] for one in told["value"]] == ["Alert 5"]
    (error,) = told["metaData"]["errors"]
    assert error["kind"] == "Activity"


@pytest.mark.parametrize(
    ("body", "target"),
    [
        ({}, "startTime"),
        ({"startTime": "2026-11-01", "endTime": "soon"}, "endTime"),
        ({"startTime": "2026-11-01", "endTime": "2026-11-02", "kinds": ["Other"]}, "kinds"),
    ],
    ids=["none", "no time", "kind"],
)
def test_a_timeline_of_no_time_or_kind(server, owner, ids, body, target):
    answer = asked(server, owner, f"/{ids['web1']}/getTimeline", "POST", **body)
    assert (answer.status_code, answer.json()["error"]["target"]) == (400, target)


def test_expansions_are_listed_and_found_by(server, owner, ids):
    path = f"{WORKSPACE}/providers/Microsoft.SecurityInsights/entityQueries"
    listed = server.get(f"{path}?kind=Expansion&{VERSION}", headers=owner).json()["value"]
    assert {one["name"] for one in listed} == {one.id for one in EXPANSIONS}
    assert server.get(f"{path}/{listed[0]['name']}?{VERSION}", headers=owner).json() == listed[0]
    assert server.get(f"{path}?kind=Activity&{VERSION}", headers=owner).json()["value"] == []
    alerts, others = (one.id for one in EXPANSIONS)
    expand = f"/{ids['anna@example.com']}/expand"
    told = asked(server, owner, expand, "POST", expansionId=alerts).json()
    assert {one["name"] for one in told["value"]["entities"]} == set(list(ALERTS)[:2])
    assert told["metaData"] == {"aggregations": [{"entityKind": "SecurityAlert", "count": 2}]}
    told = asked(server, owner, expand, "POST", expansionId=others, endTime="2026-11-01T13:00:00Z").json()
    assert [one["properties"]["friendlyName"] for one in told["value"]["entities"]] == ["203.0.113.7"]
    assert [one["targetEntityId"] for one in told["value"]["edges"]] == [ids["203.0.113.7"]]
    assert asked(server, owner, expand, "POST", expansionId=str(uuid.uuid4())).status_code == 404


def test_a_bookmark_is_expanded(server, owner, staged):
    path = f"{WORKSPACE}/providers/Microsoft.SecurityInsights/bookmarks/{BOOKMARK}/expand?{VERSION}"
    alerts, others = (one.id for one in EXPANSIONS)
    told = server.post(path, headers=owner, json={"expansionId": others}).json()["value"]["entities"]
    assert [one["properties"]["friendlyName"] for one in told] == ["anna@example.com"]
    told = server.post(path, headers=owner, json={"expansionId": alerts}).json()["value"]["entities"]
    assert {one["name"] for one in told} == set(list(ALERTS)[:2])


def test_relations_name_the_incidents_and_bookmarks(server, owner, ids):
    path = f"/{ids['anna@example.com']}/relations"
    several = asked(server, owner, path).json()["value"]
    words = [one["properties"]["relatedResourceType"].rsplit("/", 1)[-1] for one in several]
    assert words.count("bookmarks") == 1
    assert words.count("incidents") >= 1
    assert asked(server, owner, f"{path}/{several[0]['name']}").json() == several[0]
    base = f"{WORKSPACE}/providers/Microsoft.SecurityInsights"
    name = several[0]["properties"]["relatedResourceName"]
    assert server.get(f"{base}/incidents/{name}?{VERSION}", headers=owner).status_code == 200
    assert asked(server, owner, f"{path}/nobody").status_code == 404


def test_who_may_read_no_workspace_reads_no_entity(server, token, staged, subscriptions):
    stranger = {
        "Authorization": f"Bearer {token(('Reader', f'/subscriptions/{next(iter(subscriptions.values()))}'))}"
    }
    assert asked(server, stranger).status_code == 403


def test_insights_add_up_alerts_and_bookmarks(server, owner, ids):
    path = f"/{ids['anna@example.com']}/getInsights"
    day = {"startTime": "2026-11-01", "endTime": "2026-11-02"}
    told = asked(server, owner, path, "POST", **day).json()
    assert told["metaData"] == {"totalCount": 3, "errors": []}
    alerts, beside, estate = told["value"]
    assert estate["tableQueryResults"]["rows"] == [], "no estate was collected"
    rows = alerts["tableQueryResults"]["rows"]
    assert [row[:4] for row in rows] == [
        ["Alert 0", "High", "1", "2026-11-01T12:00:00+00:00"],
        ["Alert 5", "High", "1", "2026-11-01T17:00:00+00:00"],
    ]
    assert len(alerts["tableQueryResults"]["columns"]) == 5
    (chart,) = alerts["chartQueryResults"]
    assert chart["rows"] == [["2026-11-01T00:00:00Z", "2"]]
    assert beside["tableQueryResults"]["rows"] == [["203.0.113.7", "Ip", "1"], ["web1", "Host", "1"]]
    assert beside["chartQueryResults"] == []
    later = {"startTime": "2026-11-01T14:00:00Z", "endTime": "2026-11-02"}
    alerts, beside, _ = asked(server, owner, path, "POST", **later).json()["value"]
    assert [row[0] for row in alerts["tableQueryResults"]["rows"]] == ["Alert 5"]
    assert [row[0] for row in beside["tableQueryResults"]["rows"]] == ["web1"]


def test_insights_are_listed_and_picked_by_their_ids(server, owner, ids):
    listed = asked(server, owner, f"/{ids['web1']}/queries?kind=Insight").json()["value"]
    assert [one["kind"] for one in listed] == ["Insight"] * 3
    assert asked(server, owner, f"/{ids['web1']}/queries?kind=Other").status_code == 400
    path, none = f"/{ids['web1']}/getInsights", str(uuid.uuid4())
    day = {
        "startTime": "2026-11-01",
        "endTime": "2026-11-02",
        "insightQueryIds": [listed[1]["name"].upper(), none],
    }
    told = asked(server, owner, path, "POST", **day).json()
    assert [one["queryId"] for one in told["value"]] == [listed[1]["name"]]
    assert [one["queryId"] for one in told["metaData"]["errors"]] == [none]
    for wrong, target in (
        ({"insightQueryIds": "x"}, "insightQueryIds"),
        ({"startTime": "soon"}, "startTime"),
    ):
        answer = asked(server, owner, path, "POST", **{**day, **wrong})
        assert (answer.status_code, answer.json()["error"]["target"]) == (400, target)
    assert asked(server, owner, f"/{none}/getInsights", "POST", **day).status_code == 404
