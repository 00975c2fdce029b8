"""Graph's auditLogs: pages of sign-ins and changes, `$filter`, and the risk that detections and decisions give a sign-in."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from nephoscope.identity.risk_ledger import RiskLedger
from nephoscope.lake.schema.row_conversion import to_arrow_rows
from nephoscope.model.identity_risk import IdentityKind, RiskDetection, RiskLevel

SIGN_INS, AUDITS = "/v1.0/auditLogs/signIns", "/v1.0/auditLogs/directoryAudits"
ADA, BOB = "aaaaaaaa-0000-4000-8000-000000000001", "bbbbbbbb-0000-4000-8000-000000000002"
NOW = datetime.now(UTC)


def test_before_any_came_nothing_is_assessed(server, owner):
    for path in (SIGN_INS, AUDITS):
        told = server.get(path, headers=owner)
        assert (told.status_code, told.json()["error"]["code"]) == (501, "NotAssessed")


@pytest.fixture(scope="module")
def rows(instance):
    """Seven sign-ins, a minute apart, the newest first, and a change of the directory."""
    sign_ins = [
        {
            "TimeGenerated": NOW - timedelta(minutes=at), "CreatedDateTime": NOW - timedelta(minutes=at), "Id": f"s{at}",
            "UserId": BOB if at == 3 else ADA, "UserPrincipalName": "bob@x.example" if at == 3 else "ada@x.example",
            "AppDisplayName": "Azure Portal" if at % 2 else "Graph Explorer", "ResultType": "50126" if at == 5 else "0",
            "ResultDescription": "Invalid password" if at == 5 else "", "IPAddress": f"192.0.2.{at}",
            "RiskState": "atRisk" if at == 3 else "none", "RiskLevelAggregated": "low" if at == 3 else "none",
            "LocationDetails": {"city": "Oslo", "countryOrRegion": "NO"}, "IsInteractive": True,
        }
        for at in range(7)
    ]  # fmt: skip
    audit = {
        "TimeGenerated": NOW, "ActivityDateTime": NOW, "Id": "a1", "ActivityDisplayName": "Add member to role", "Result": "success",
        "Category": "RoleManagement", "InitiatedBy": {"user": {"id": ADA}}, "TargetResources": [{"id": BOB, "type": "User"}],
    }  # fmt: skip
    place = instance.state.workspaces.get()
    given = {"SigninLogs": sign_ins, "AuditLogs": [audit]}
    tables = {
        name: to_arrow_rows(instance.lake.tables[name], several, workspace=place, now=NOW).table
        for name, several in given.items()
    }
    instance.lake.writer().append("default", tables, producer="sign-ins", sequence=1)
    instance.lake.flush()


def asked(server, owner, path=SIGN_INS, **options):
    found = server.get(path, headers=owner, params={f"${name}": value for name, value in options.items()})
    assert found.status_code == 200, found.text
    return found.json()


def ids(body):
    return [one["id"] for one in body["value"]]


def test_pages_are_whole_whatever_arrives_meanwhile(server, owner, instance, rows):
    body = asked(server, owner, top=3)
    found = ids(body)
    while link := body.get("@odata.nextLink"):
        body = server.get(link.removeprefix("https://127.0.0.1"), headers=owner).json()
        found += ids(body)
    assert found == [f"s{at}" for at in range(7)]
    assert ids(asked(server, owner, orderby="createdDateTime asc", top=2)) == ["s6", "s5"]


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        (
            "userId eq 'AAAAAAAA-0000-4000-8000-000000000001' and appDisplayName eq 'Azure Portal'",
            ["s1", "s5"],
        ),
        ("startswith(appDisplayName,'graph') and userPrincipalName ne 'x'", ["s0", "s2", "s4", "s6"]),
        ("status/errorCode eq 50126", ["s5"]),
        ("riskState eq 'atRisk'", ["s3"]),
        ("createdDateTime ge 90-seconds-ago", ["s0", "s1"]),
        ("createdDateTime lt 330-seconds-ago", ["s6"]),
        (f"userId eq {BOB}", ["s3"]),
        ("userId eq 'nobody'", []),
    ],
)
def test_filters(server, owner, rows, text, wanted):
    for seconds in (90, 330):
        moment = (NOW - timedelta(seconds=seconds)).isoformat().replace("+00:00", "Z")
        text = text.replace(f"{seconds}-seconds-ago", moment)
    assert ids(asked(server, owner, filter=text)) == wanted
    assert ids(asked(server, owner, filter=text, top=1)) == wanted[:1]


def test_what_is_not_understood_is_refused(server, owner, rows):
    for options in (
        {"$orderby": "userId"},
        {"$search": "x"},
        {"$filter": "riskState near 'x'"},
        {"$skiptoken": "eHw"},
    ):
        assert server.get(SIGN_INS, headers=owner, params=options).status_code == 400


def test_one_of_each(server, owner, rows):
    one = server.get(f"{SIGN_INS}/s5", headers=owner).json()
    assert (one["status"], one["location"]["city"], one["riskLevelAggregated"]) == (
        {"errorCode": 50126, "failureReason": "Invalid password", "additionalDetails": None}, "Oslo", "none",
    )  # fmt: skip
    assert "userAgent" not in one
    assert "userAgent" in server.get("/beta/auditLogs/signIns/s5", headers=owner).json()
    audit = server.get(f"{AUDITS}/a1", headers=owner).json()
    assert (audit["activityDisplayName"], audit["initiatedBy"]["user"]["id"]) == ("Add member to role", ADA)
    assert server.get(f"{SIGN_INS}/nothing", headers=owner).status_code == 404


def test_the_risk_of_a_sign_in_is_that_of_its_detections_and_decisions(server, owner, instance, rows):
    several = [
        RiskDetection(
            id=f"d{request}", kind=IdentityKind.USER, identity=ADA, event_type="anonymizedIPAddress", level=RiskLevel.MEDIUM,
            happened=NOW, detected=NOW, updated=NOW, request=request, timing="realtime",
        )
        for request in ("s1", "s2")
    ]  # fmt: skip
    with instance.state.transaction(product="a test") as session:
        RiskLedger(instance.state, "default", NOW).add_detections(session, several)

    def risk(id_):
        one = server.get(f"{SIGN_INS}/{id_}", headers=owner).json()
        names = ("riskState", "riskLevelDuringSignIn", "riskLevelAggregated", "riskDetail")
        return tuple(one[name] for name in names), one["riskEventTypes_v2"]

    assert risk("s1") == (("atRisk", "medium", "medium", "none"), ["anonymizedIPAddress"])
    assert (
        server.post(f"{SIGN_INS}/confirmSafe", headers=owner, json={"requestIds": ["s1"]}).status_code == 204
    )
    assert risk("s1")[0] == ("confirmedSafe", "medium", "none", "adminConfirmedSigninSafe")
    assert risk("s2")[0][0] == "atRisk"
    users = "/v1.0/identityProtection/riskyUsers"
    assert server.post(f"{users}/dismiss", headers=owner, json={"userIds": [ADA]}).status_code == 204
    assert risk("s2")[0] == ("dismissed", "medium", "none", "adminDismissedAllRiskForUser")
    assert server.get(f"{SIGN_INS}/s1", headers=owner).json()["riskState"] == "confirmedSafe"


def test_a_decision_on_a_sign_in_of_the_log(server, owner, instance, rows):
    assert (
        server.post(f"{SIGN_INS}/dismiss", headers=owner, json={"requestIds": ["nothing"]}).status_code == 404
    )
    assert (
        server.post(f"{SIGN_INS}/confirmCompromised", headers=owner, json={"requestIds": ["s3"]}).status_code
        == 204
    )
    found = server.get(f"{SIGN_INS}/s3", headers=owner).json()
    assert (found["riskState"], found["riskDetail"]) == (
        "confirmedCompromised",
        "adminConfirmedSigninCompromised",
    )
    user = server.get(f"/v1.0/identityProtection/riskyUsers/{BOB}", headers=owner).json()
    assert (user["riskLevel"], user["riskState"]) == ("high", "atRisk")


def test_who_may_read_a_part_reads_none(server, token, subscriptions, rows):
    reader = token(("Reader", f"/subscriptions/{subscriptions['sub-bwf-sandbox']}"))
    for path in (SIGN_INS, AUDITS):
        assert server.get(path, headers={"Authorization": f"Bearer {reader}"}).status_code == 403
