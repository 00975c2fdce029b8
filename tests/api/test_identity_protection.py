"""Graph's identityProtection tells the newest row of each identity in the lake, and a decision is a row as well."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from nephoscope.identity.risk_ledger import RiskLedger
from nephoscope.lake.schema.row_conversion import to_arrow_rows
from nephoscope.model.identity_risk import IdentityKind, RiskDetection, RiskLevel

USERS, DETECTIONS = "/v1.0/identityProtection/riskyUsers", "/v1.0/identityProtection/riskDetections"
ADA, BOB = "aaaaaaaa-0000-4000-8000-000000000001", "bbbbbbbb-0000-4000-8000-000000000002"


def test_before_anything_was_read_nothing_is_assessed(server, owner):
    for path in (USERS, DETECTIONS, "/v1.0/identityProtection/riskyServicePrincipals"):
        told = server.get(path, headers=owner)
        assert (told.status_code, told.json()["error"]["code"]) == (501, "NotAssessed")
        assert "connect" in told.json()["error"]["message"]


@pytest.fixture(scope="module")
def rows(instance):
    """Two users, one of whom was told of twice, and one detection."""
    now = instance.now

    def user(id_, level, state, ago):
        when = now - timedelta(minutes=ago)
        return {
            "TimeGenerated": when, "Id": id_, "RiskLevel": level, "RiskState": state, "RiskDetail": "none",
            "UserPrincipalName": f"{id_[:3]}@brackwater.example", "RiskLastUpdatedDateTime": when, "IsDeleted": False,
        }  # fmt: skip

    detection = {
        "TimeGenerated": now - timedelta(minutes=9), "Id": "d1", "UserId": ADA, "RiskEventType": "anonymizedIPAddress",
        "RiskLevel": "high", "RiskState": "atRisk", "IpAddress": "192.0.2.7", "Location": {"city": "Oslo"},
        "AdditionalInfo": [{"Key": "userAgent", "Value": "x"}],
    }  # fmt: skip
    given = {
        "AADRiskyUsers": [
            user(ADA, "low", "atRisk", 30),
            user(ADA, "high", "atRisk", 5),
            user(BOB, "medium", "atRisk", 7),
        ],
        "AADUserRiskEvents": [detection],
    }
    place = instance.state.workspaces.get()
    tables = {
        name: to_arrow_rows(instance.lake.tables[name], several, workspace=place, now=now).table
        for name, several in given.items()
    }
    instance.lake.writer().append("default", tables, producer="identities", sequence=1)
    instance.lake.flush()
    return given


def test_the_newest_state_of_each(server, owner, rows):
    found = server.get(USERS, headers=owner).json()
    assert {one["id"]: one["riskLevel"] for one in found["value"]} == {ADA: "high", BOB: "medium"}
    assert found["@odata.context"].endswith("/v1.0/$metadata#identityProtection/riskyUsers")
    one = server.get(f"{USERS}/{ADA}", headers=owner).json()
    assert (one["riskLevel"], one["userPrincipalName"]) == ("high", "aaa@brackwater.example")
    assert "timeGenerated" not in one
    levels = [one["riskLevel"] for one in server.get(f"{USERS}/{ADA}/history", headers=owner).json()["value"]]
    assert levels == ["low", "high"]
    assert server.get(f"{USERS}/nobody", headers=owner).status_code == 404


def test_options(server, owner, rows):
    def asked(**options):
        return server.get(USERS, params={f"${name}": value for name, value in options.items()}, headers=owner)

    assert [one["id"] for one in asked(filter="riskLevel eq 'medium'").json()["value"]] == [BOB]
    assert [one["id"] for one in asked(orderby="riskLastUpdatedDateTime asc").json()["value"]] == [BOB, ADA]
    first = asked(top=1, select="id").json()
    assert first["value"] == [{"id": ADA}]
    following = first["@odata.nextLink"].removeprefix("https://127.0.0.1")
    last = server.get(following, headers=owner).json()
    assert (last["value"], "@odata.nextLink" in last) == ([{"id": BOB}], False)
    assert asked(filter="riskLevel near 'x'").status_code == 400


def test_a_detection(server, owner, rows):
    (one,) = server.get(DETECTIONS, headers=owner).json()["value"]
    assert (one["riskEventType"], one["ipAddress"], one["location"]) == (
        "anonymizedIPAddress", "192.0.2.7", {"city": "Oslo"},
    )  # fmt: skip
    assert isinstance(one["additionalInfo"], str), "JSON within a text, as Graph has it"


def test_who_may_read_a_part_of_the_rows_reads_none(server, token, subscriptions, rows):
    for role, scope in (
        ("Reader", f"/subscriptions/{subscriptions['sub-bwf-sandbox']}"),
        ("Security Reader", "/"),
    ):
        told = server.get(USERS, headers={"Authorization": f"Bearer {token((role, scope))}"})
        assert (told.status_code, told.json()["error"]["code"]) == (403, "Authorization_RequestDenied")


def test_a_decision_is_a_row(server, owner, instance, rows):
    wrong = server.post(f"{USERS}/dismiss", headers=owner, json={"userIds": [BOB, "nobody"]})
    assert wrong.status_code == 404
    for body in ({}, {"userIds": []}, {"userIds": "x"}, {"userIds": ["x"] * 61}):
        assert server.post(f"{USERS}/dismiss", headers=owner, json=body).status_code == 400
    assert (
        server.post(f"{USERS}/confirmCompromised", headers=owner, json={"userIds": [BOB]}).status_code == 204
    )
    entry = instance.state.audit.entries()[0]
    assert (entry.operation, entry.target) == (
        "Nephoscope/identityProtection/write", "riskyUsers/confirmCompromised",
    )  # fmt: skip
    found = server.get(f"{USERS}/{BOB}", headers=owner).json()
    assert (found["riskState"], found["riskLevel"], found["riskDetail"]) == (
        "confirmedCompromised", "high", "adminConfirmedUserCompromised",
    )  # fmt: skip
    history = server.get(f"{USERS}/{BOB}/history", headers=owner).json()["value"]
    assert [one["riskState"] for one in history] == ["atRisk", "confirmedCompromised"]
    assert history[1]["activity"]["riskEventTypes"] == ["adminConfirmedUserCompromised"]
    one = server.get(f"{USERS}/{BOB}/history/{history[1]['id']}", headers=owner).json()
    assert (one["riskLevel"], one["userId"], bool(one["initiatedBy"])) == ("high", BOB, True)


def test_a_decision_cascades_to_detections_and_is_read_at_once(server, owner, instance, rows):
    for decision, state in (("confirmSafe", "confirmedSafe"), ("dismiss", "dismissed")):
        with instance.state.transaction(product="a test") as session:
            RiskLedger(instance.state, "default", instance.now).add_detections(session, [detection(decision)])
        user = server.get(f"{USERS}/{ADA}", headers=owner).json()
        assert (user["riskState"], user["riskLevel"]) == ("atRisk", "medium")
        assert server.post(f"{USERS}/{decision}", headers=owner, json={"userIds": [ADA]}).status_code == 204
        assert server.get(f"{USERS}/{ADA}", headers=owner).json()["riskState"] == state
        assert server.get(f"{DETECTIONS}/{decision}", headers=owner).json()["riskState"] == state
    ingested = server.get(f"{DETECTIONS}/d1", headers=owner).json()
    assert (ingested["riskState"], ingested["riskDetail"]) == ("confirmedSafe", "adminConfirmedAccountSafe")
    counted = server.get(f"{DETECTIONS}/$count", headers=owner)
    assert (counted.text, counted.headers["content-type"].split(";")[0]) == ("4", "text/plain")
    wanted = {"$filter": "riskState eq 'dismissed'"}
    assert server.get(f"{USERS}/$count", headers=owner, params=wanted).text == "1"


def test_only_who_may_write_decides(server, token, rows):
    reader = {"Authorization": f"Bearer {token(('Security Reader', '/'))}"}
    for decision in ("dismiss", "confirmSafe", "confirmCompromised"):
        told = server.post(f"{USERS}/{decision}", headers=reader, json={"userIds": [ADA]})
        assert (told.status_code, told.json()["error"]["code"]) == (403, "Authorization_RequestDenied")
    path = "/v1.0/identityProtection/riskyServicePrincipals/confirmSafe"
    assert server.post(path, headers=reader).status_code == 405, "Graph has no such decision"


def test_agents_are_of_the_beta_alone(server, owner):
    assert server.get("/v1.0/identityProtection/riskyAgents", headers=owner).status_code == 404
    told = server.get("/beta/identityProtection/riskyAgents", headers=owner)
    assert (told.status_code, told.json()["error"]["code"]) == (501, "NotAssessed")


def test_two_administrators_at_once_are_both_in_the_history(server, owner, rows):
    from concurrent.futures import ThreadPoolExecutor

    def decide(decision):
        return server.post(f"{USERS}/{decision}", headers=owner, json={"userIds": [ADA]}).status_code

    before = len(server.get(f"{USERS}/{ADA}/history", headers=owner).json()["value"])
    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(decide, ["confirmSafe", "confirmCompromised"])) == [204, 204]
    history = server.get(f"{USERS}/{ADA}/history", headers=owner).json()["value"]
    assert {one["riskState"] for one in history[before:]} == {"confirmedSafe", "confirmedCompromised"}
    assert server.get(f"{USERS}/{ADA}", headers=owner).json()["riskState"] == history[-1]["riskState"]


def detection(id_):
    now = datetime.now(UTC)
    return RiskDetection(
        id=id_, kind=IdentityKind.USER, identity=ADA, event_type="unfamiliarFeatures", level=RiskLevel.MEDIUM, happened=now,
        detected=now, updated=now,
    )  # fmt: skip
