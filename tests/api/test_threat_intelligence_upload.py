"""STIX objects that are uploaded to a workspace: kept, read back as indicators and as rows, refused one by one."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

V = "api-version=2024-02-01-preview"
NEW = "/workspaces/default/threat-intelligence-stix-objects:upload"
OLD = "/workspaces/default/threatintelligenceindicators:upload"
NOW = datetime.now(UTC).replace(microsecond=0)
MADE = (NOW - timedelta(days=2)).isoformat().replace("+00:00", "Z")
LATER = (NOW - timedelta(days=1)).isoformat().replace("+00:00", "Z")


def indicator(number: int, **more) -> dict:
    return {
        "type": "indicator", "spec_version": "2.1", "id": f"indicator--10000003-71a2-445c-ab86-{number:012}", "name": f"Bad {number}",
        "created": MADE, "modified": MADE, "pattern": f"[ipv4-addr:value = '198.51.100.{number}']", "pattern_type": "stix",
        "valid_from": MADE, "confidence": 80,
    } | more  # fmt: skip


def other(kind: str, **more) -> dict:
    return {
        "type": kind,
        "id": f"{kind}--10000003-71a2-445c-ab86-000000000001",
        "created": MADE,
        "modified": MADE,
    } | more


ACTOR, IDENTITY = other("threat-actor", name="Disco"), other("identity", name="Team", identity_class="group")
RELATION = other(
    "relationship", relationship_type="attributed-to", source_ref=ACTOR["id"], target_ref=IDENTITY["id"]
)
PATTERN = other("attack-pattern", name="Phishing")


@pytest.fixture
def send(server, owner):
    def sent(objects, path=NEW, field="stixobjects", source="feed", headers=None):
        body = {"sourcesystem": source, field: objects}
        return server.post(f"{path}?{V}", headers=headers or owner, json=body)

    return sent


def shown(server, owner, name: str) -> dict:
    root = "/subscriptions/{}/resourceGroups/rg/providers/Microsoft.OperationalInsights/workspaces/default"
    root = root.format("00000000-0000-0000-0000-000000000000")
    path = f"{root}/providers/Microsoft.SecurityInsights/threatIntelligence/main/indicators/{name}"
    return server.get(f"{path}?api-version=2023-11-01", headers=owner)


def rows(server, owner, query: str) -> list:
    told = server.post("/v1/workspaces/default/query", headers=owner, json={"query": query})
    assert told.status_code == 200, told.text
    return told.json()["tables"][0]["rows"]


def test_objects_are_kept_and_read_back(server, owner, send, instance):
    given = [indicator(1), indicator(2, labels=["bot"]), ACTOR, IDENTITY, RELATION, PATTERN]
    answer = send(given)
    assert (answer.status_code, answer.content) == (200, b"")
    found = shown(server, owner, given[1]["id"].partition("--")[2]).json()["properties"]
    assert (found["source"], found["displayName"], found["pattern"]) == ("feed", "Bad 2", given[1]["pattern"])
    assert (found["confidence"], found["threatIntelligenceTags"]) == (80, ["bot"])
    instance.lake.flush()
    assert rows(server, owner, "ThreatIntelIndicators | summarize arg_max(TimeGenerated, *) by Id | project ObservableValue"
                " | order by ObservableValue asc") == [["198.51.100.1"], ["198.51.100.2"]]  # fmt: skip
    kinds = rows(server, owner, "ThreatIntelObjects | distinct StixType | order by StixType asc")
    assert [one for (one,) in kinds] == ["attack-pattern", "identity", "relationship", "threat-actor"]
    assert send(given).content == b"", "the same again changes nothing"
    newer = indicator(1, name="Worse", modified=LATER)
    assert send([newer]).status_code == 200
    assert shown(server, owner, newer["id"].partition("--")[2]).json()["properties"]["displayName"] == "Worse"


def test_a_revoked_one_holds_no_more(server, owner, send):
    assert send([indicator(3)]).status_code == 200
    assert send([indicator(3, revoked=True, modified=LATER)]).status_code == 200
    found = shown(server, owner, indicator(3)["id"].partition("--")[2]).json()["properties"]
    assert found["revoked"] is True


MISSING = "Error for Property={}: Required property is missing. Actual value: NULL."
#: An object -> what is told of it, as it begins.
WRONG = [
    ({key: value for key, value in indicator(4).items() if key != "id"}, [MISSING.format("id")]),
    ({"type": "indicator"}, [MISSING.format(one) for one in
     ("id", "created", "modified", "pattern", "pattern_type", "valid_from")]),
    (indicator(4, type="malware", id="malware--10000003-71a2-445c-ab86-000000000004"), ["Error for Property=type"]),
    (indicator(4, spec_version="1.2"), ["Error for Property=spec_version"]),
    (indicator(4, id="indicator--4"), ["id 'indicator--4' is not"]),
    (indicator(4, pattern="[ipv4-addr:value LIKE '1%']"), ["pattern: "]),
    (indicator(4, pattern_type="yara"), ["pattern_type: must be stix"]),
    (indicator(4, valid_until=MADE), ["valid_until must be after"]),
    (indicator(4, confidence=101), ["confidence"]),
    (indicator(4, created="yesterday"), ["created: 'yesterday' is not a time"]),
    (other("relationship", relationship_type="uses"), [MISSING.format(one) for one in ("source_ref", "target_ref")]),
    (other("threat-actor"), [MISSING.format("name")]),
    ("text", ["An object of STIX"]),
    (None, ["An object of STIX"]),
    ({"type": ["indicator"], "id": 4}, [MISSING.format("created"), MISSING.format("modified"), "Error for Property=type"]),
]  # fmt: skip


@pytest.mark.parametrize(("wrong", "told"), WRONG, ids=range(len(WRONG)))
def test_what_is_wrong_is_told_and_stops_no_other(server, owner, send, wrong, told):
    answer = send([indicator(5), wrong, indicator(6)])
    assert answer.status_code == 200, answer.text
    (error,) = answer.json()["errors"]
    assert error["recordIndex"] == 1
    assert [one[: len(begin)] for one, begin in zip(error["errorMessages"], told, strict=True)] == told
    assert shown(server, owner, indicator(6)["id"].partition("--")[2]).status_code == 200
    alone = send([wrong])
    assert (alone.status_code, [one["recordIndex"] for one in alone.json()["errors"]]) == (400, [0])


def test_another_creator_changes_nothing(server, owner, send):
    mine = "identity--f431f809-377b-45e0-aa1c-6a4751cae5ff"
    assert send([indicator(7, created_by_ref=mine)]).content == b""
    answer = send([indicator(8), indicator(7, name="Mine now", modified=LATER)])
    assert [one["recordIndex"] for one in answer.json()["errors"]] == [1]
    assert (
        shown(server, owner, indicator(7)["id"].partition("--")[2]).json()["properties"]["displayName"]
        == "Bad 7"
    )
    elsewhere = send([indicator(7, name="Of another", modified=LATER)], source="another")
    assert elsewhere.content == b"", "a source speaks for itself alone"


@pytest.mark.parametrize(
    "body",
    [
        {"stixobjects": [indicator(9)]},
        {"sourcesystem": "Microsoft Sentinel", "stixobjects": [indicator(9)]},
        {"sourcesystem": " ", "stixobjects": [indicator(9)]},
        {"sourcesystem": 5, "stixobjects": [indicator(9)]},
        {"sourcesystem": "feed"},
        {"sourcesystem": "feed", "stixobjects": []},
        {"sourcesystem": "feed", "stixobjects": {}},
        {"sourcesystem": "feed", "stixobjects": [indicator(number % 200 + 1) for number in range(101)]},
    ],
    ids=range(8),
)
def test_a_bad_request_keeps_nothing(server, owner, body):
    answer = server.post(f"{NEW}?{V}", headers=owner, json=body)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "InvalidRequestContent"), answer.text
    assert shown(server, owner, indicator(9)["id"].partition("--")[2]).status_code == 404


def test_a_hundred_at_once(server, owner, send):
    assert send([indicator(number) for number in range(100, 200)]).content == b""


def test_indicators_as_older_clients_send_them(server, owner, send):
    assert send([indicator(10)], OLD, "indicators").content == b""
    answer = send([indicator(10), ACTOR], OLD, "indicators")
    assert [one["recordIndex"] for one in answer.json()["errors"]] == [1]
    body = {"SourceSystem": "feed", "indicators": [indicator(11)]}
    assert server.post(f"{OLD}?api-version=2022-07-01", headers=owner, json=body).status_code == 200


@pytest.mark.parametrize(
    ("role", "scope", "status"),
    [
        ("Security Admin", "/workspaces/default", 200), ("Security Reader", "/workspaces/default", 403),
        ("Security Admin", "/workspaces/other", 403), ("Reader", "/", 403),
    ],
)  # fmt: skip
def test_who_may(server, send, token, instance, role, scope, status):
    if instance.state.workspaces.find("other") is None:
        instance.state.workspaces.add("other")
    headers = {"Authorization": f"Bearer {token((role, scope))}"}
    assert send([indicator(12)], headers=headers).status_code == status
    if status == 200:
        kept = instance.state.audit.entries(most=1)[0]
        assert (kept.operation.rsplit("/", 1)[-1], kept.target) == ("write", "threat intelligence of feed")
    else:
        unknown = send([indicator(12)], NEW.replace("default", "nowhere"), headers=headers)
        assert unknown.status_code == 403


def test_a_workspace_that_is_not_there(send):
    assert send([indicator(13)], NEW.replace("default", "nowhere")).status_code == 404
