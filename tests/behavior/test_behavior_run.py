"""From sign-ins in the lake to rows of BehaviorAnalytics, IdentityInfo, UserPeerAnalytics and Anomalies: each once, in words."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import msgspec
import pytest
from tests.behavior.conftest import NOON, routine, signin

from nephoscope.behavior.behavior_run import CHECKPOINT, BehaviorAnalysis
from nephoscope.behavior.profile import read_profile
from nephoscope.behavior.profiles import Profiles
from nephoscope.behavior.settings import BehaviorSettings, store_settings
from nephoscope.lake.lake import Lake
from nephoscope.state import LeaseLostError, State
from nephoscope_kql.cell_formatting import iterate_rows, list_typed_columns
from nephoscope_kql.types import KqlType

Put = Callable[..., None]
USERS = [f"user{number:02d}" for number in range(20)]
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


@pytest.fixture
def analysis(lake: Lake, state: State) -> BehaviorAnalysis:
    return BehaviorAnalysis(lake, state, "default")


def rows(lake: Lake, text: str) -> list[dict[str, Any]]:
    lake.flush()
    table = lake.rows(text)
    columns = list_typed_columns(table)
    return [
        {
            name: msgspec.json.decode(value) if kind is KqlType.DYNAMIC and value else value
            for (name, kind), value in zip(columns, row, strict=True)
        }
        for row in iterate_rows(table)
    ]


def told(lake: Lake) -> list[dict[str, Any]]:
    return rows(lake, "BehaviorAnalytics | sort by TimeGenerated asc")


def abroad(user: str = "user03", moment: datetime = NOON) -> dict[str, Any]:
    return signin(user, moment, country="PT", device="a strange one", IPAddress="203.0.113.7")


def test_a_new_country_is_told_once_with_its_reasons(
    lake: Lake, analysis: BehaviorAnalysis, put: Put, golden: Any
) -> None:
    put(
        "SigninLogs", [*routine(USERS, 14), abroad(), abroad(moment=NOON + timedelta(minutes=5))], NOON + HOUR
    )
    report = analysis.run(NOON + 2 * HOUR)
    assert report.observations == len(USERS) * 28 + 2
    (row,) = told(lake)
    assert (row["UserPrincipalName"], row["ActivityType"], row["SourceIPLocation"]) == (
        "user03@contoso.com",
        "LogOn",
        "PT",
    )
    insights = row["ActivityInsights"]
    assert insights["FirstTimeUserConnectedFromCountry"] is True
    assert insights["FirstTimeConnectionFromCountryObservedInTenant"] is True
    assert insights["Why"][0] == "first sign-in from PT in 14 days; peers unknown, none of 19 others"
    assert row["InvestigationPriority"] >= 5
    (anomaly,) = rows(lake, "Anomalies")
    assert (anomaly["RuleName"], anomaly["Id"], anomaly["Score"]) == (
        "Anomalous Sign-in",
        row["_ItemId"],
        row["InvestigationPriority"] / 10,
    )
    fixed = {name: insights[name] for name in sorted(insights)}
    golden(
        "behavior/new-country.json", msgspec.json.format(msgspec.json.encode(fixed), indent=2).decode() + "\n"
    )


def test_a_second_run_and_an_overlap_tell_nothing_again(
    lake: Lake, analysis: BehaviorAnalysis, put: Put
) -> None:
    put("SigninLogs", [*routine(USERS, 14), abroad()], NOON + HOUR)
    analysis.run(NOON + 2 * HOUR)
    before = told(lake)
    assert analysis.run(NOON + 2 * HOUR + timedelta(minutes=1)).rows == {}
    assert analysis.run(NOON + 2 * HOUR + timedelta(minutes=2), anew=True).rows == {}
    assert told(lake) == before
    assert len(before) == 1


def test_a_run_that_died_before_its_end_is_repeated_by_the_next(
    lake: Lake, state: State, analysis: BehaviorAnalysis, put: Put, monkeypatch: pytest.MonkeyPatch
) -> None:
    put("SigninLogs", [*routine(USERS, 14), abroad()], NOON + HOUR)
    died = BehaviorAnalysis(lake, state, "default")
    monkeypatch.setattr(BehaviorAnalysis, "_append_tables", _dies)
    with pytest.raises(RuntimeError):
        died.run(NOON + 2 * HOUR)
    monkeypatch.undo()
    assert told(lake) == []
    analysis.run(NOON + 3 * HOUR)
    assert [row["UserPrincipalName"] for row in told(lake)] == ["user03@contoso.com"]


def _dies(self: BehaviorAnalysis, lease: object, tables: dict[str, list[Any]], *_: object) -> None:
    if tables.get("BehaviorAnalytics"):
        raise RuntimeError("killed before the rows were written")


@pytest.mark.full
def test_late_rows_are_judged_by_what_came_before_them_on_their_day(
    lake: Lake, analysis: BehaviorAnalysis, put: Put
) -> None:
    put("SigninLogs", routine(USERS, 14), NOON + HOUR)
    analysis.run(NOON + 2 * HOUR)
    assert told(lake) == []
    put("SigninLogs", [abroad(moment=NOON - 2 * DAY)], NOON + 3 * HOUR)
    analysis.run(NOON + 4 * HOUR)
    assert [row["InvestigationPriority"] > 0 for row in told(lake)] == [True]
    put("SigninLogs", [abroad(moment=NOON - DAY), abroad("user04", NOON - DAY)], NOON + 5 * HOUR)
    analysis.run(NOON + 6 * HOUR)
    found = {row["UserPrincipalName"]: row["ActivityInsights"] for row in told(lake)[1:]}
    assert found.keys() == {"user03@contoso.com", "user04@contoso.com"} or found.keys() == {
        "user04@contoso.com"
    }
    assert found["user04@contoso.com"]["FirstTimeConnectionFromCountryObservedInTenant"] is False


def test_batches_in_any_cut_leave_the_same_profile(lake: Lake, state: State, put: Put) -> None:
    given = [*routine(USERS[:4], 9), abroad()]
    for number, start in enumerate(range(0, len(given), 17)):
        put("SigninLogs", given[start : start + 17], NOON + number * timedelta(minutes=1))
        BehaviorAnalysis(lake, state, "default").run(
            NOON + number * timedelta(minutes=1) + timedelta(seconds=30)
        )
    pieces = read_profile(lake.data, "default", "user03@contoso.com")
    BehaviorAnalysis(lake, state, "default").run(NOON + 5 * HOUR, anew=True)
    assert read_profile(lake.data, "default", "user03@contoso.com") == pieces != []


def test_nothing_is_claimed_before_there_is_a_history(
    lake: Lake, analysis: BehaviorAnalysis, put: Put
) -> None:
    put("SigninLogs", [*routine(USERS, 5), abroad()], NOON + HOUR)
    analysis.run(NOON + 2 * HOUR)
    assert told(lake) == []


@pytest.mark.full
def test_a_new_account_is_told_of_only_what_nobody_does(
    lake: Lake, analysis: BehaviorAnalysis, put: Put
) -> None:
    fresh = [signin("newcomer", NOON), signin("newcomer2", NOON, country="PT", IPAddress="203.0.113.9")]
    put("SigninLogs", [*routine(USERS, 14), *fresh], NOON + HOUR)
    analysis.run(NOON + 2 * HOUR)
    assert [row["UserPrincipalName"] for row in told(lake)] == ["newcomer2@contoso.com"]
    assert "FirstTimeUserConnectedFromCountry" in told(lake)[0]["ActivityInsights"]
    assert told(lake)[0]["ActivityInsights"]["FirstTimeUserConnectedFromCountry"] is False


@pytest.mark.full
def test_failures_teach_nothing_and_are_told_once_a_day(
    lake: Lake, analysis: BehaviorAnalysis, put: Put
) -> None:
    tries = [
        {**abroad(moment=NOON + timedelta(minutes=minute)), "ResultType": "50126"} for minute in range(30)
    ]
    put("SigninLogs", [*routine(USERS, 14), *tries, abroad(moment=NOON + HOUR)], NOON + HOUR)
    analysis.run(NOON + 2 * HOUR)
    found = told(lake)
    assert [(row["ActivityType"], row["ActivityInsights"]["FirstTimeUserConnectedFromCountry"]) for row in found] == [
        ("FailedLogOn", True), ("LogOn", True)
    ]  # fmt: skip
    assert found[0]["InvestigationPriority"] < found[1]["InvestigationPriority"]


@pytest.mark.full
def test_a_place_behind_a_shared_address_counts_little(
    lake: Lake, analysis: BehaviorAnalysis, put: Put
) -> None:
    egress = [signin(user, NOON - DAY, country="NL", IPAddress="192.0.2.50") for user in USERS[:12]]
    later = [
        signin("user15", NOON, country="NL", IPAddress="192.0.2.50"),
        signin("user16", NOON, country="PT", IPAddress="192.0.2.51"),
    ]
    put("SigninLogs", [*routine(USERS, 14), *egress, *later], NOON + HOUR)
    analysis.run(NOON + 2 * HOUR)
    found = {
        row["UserPrincipalName"]: row
        for row in told(lake)
        if row["TimeGenerated"] >= told(lake)[-1]["TimeGenerated"]
    }
    shared, own = found["user15@contoso.com"], found["user16@contoso.com"]
    assert shared["InvestigationPriority"] <= 1 < own["InvestigationPriority"]
    assert (
        shared["ActivityInsights"]["Why"][-1]
        == "the address is shared: 12 others use it, so places count little"
    )


@pytest.mark.full
def test_a_renamed_user_keeps_the_profile(lake: Lake, analysis: BehaviorAnalysis, put: Put) -> None:
    renamed = {**signin("user03", NOON), "UserPrincipalName": "married@contoso.com"}
    put("SigninLogs", [*routine(USERS, 14), renamed], NOON + HOUR)
    analysis.run(NOON + 2 * HOUR)
    assert told(lake) == []
    by_both = [read_profile(lake.data, "default", name) for name in ("married@contoso.com", "id-user03")]
    assert by_both[0] == by_both[1] != []


@pytest.mark.usefixtures("leases_stand")
def test_one_process_works_at_a_time(lake: Lake, state: State, analysis: BehaviorAnalysis, put: Put) -> None:
    put("SigninLogs", routine(USERS[:2], 2), NOON + HOUR)
    lease = state.leases.acquire("behavior/default", "another", 60)
    assert analysis.run(NOON + 2 * HOUR) is None
    lease.release()
    assert analysis.run(NOON + 2 * HOUR) is not None


def test_a_process_that_lost_its_lease_writes_nothing(
    lake: Lake, state: State, analysis: BehaviorAnalysis, put: Put, monkeypatch: pytest.MonkeyPatch
) -> None:
    put("SigninLogs", [*routine(USERS, 14), abroad()], NOON + HOUR)
    told_before = BehaviorAnalysis._append_tables

    def slept(self: BehaviorAnalysis, lease: Any, *rest: Any) -> None:
        state.leases.release(lease)
        state.leases.acquire("behavior/default", "another", 60)
        told_before(self, lease, *rest)

    monkeypatch.setattr(BehaviorAnalysis, "_append_tables", slept)
    with pytest.raises(LeaseLostError):
        analysis.run(NOON + 2 * HOUR)
    assert told(lake) == []
    assert "until" not in state.checkpoints.get(CHECKPOINT, "default", {})


def account(user: str, **changes: Any) -> dict[str, Any]:
    return {
        "id": f"id-{user}", "displayName": user.title(), "userPrincipalName": f"{user}@contoso.com", "userType": "Member",
        "accountEnabled": True, "createdDateTime": "2024-01-10T08:00:00Z", **changes,
    }  # fmt: skip


def group(name: str, *members: str) -> dict[str, Any]:
    return {
        "id": f"/providers/microsoft.graph/groups/{name}", "name": name, "type": "microsoft.graph/groups",
        "properties": {"displayName": name, "members": [f"id-{one}" for one in members]},
    }  # fmt: skip


def role(template: str, title: str, holder: str) -> dict[str, Any]:
    return {
        "id": f"/providers/microsoft.graph/roleassignments/{holder}-{template}", "name": f"{holder}-{template}",
        "type": "microsoft.graph/roleassignments",
        "properties": {
            "principalId": f"id-{holder}", "roleDefinitionId": template, "directoryScopeId": "/",
            "roleDefinition": {"displayName": title, "templateId": template},
        },
    }  # fmt: skip


GLOBAL = role("62e90394-69f5-4237-9190-012177145e10", "Global Administrator", "user03")


def test_peers_and_power_count(lake: Lake, analysis: BehaviorAnalysis, put: Put, tell_estate: Any) -> None:
    tell_estate(
        NOON - DAY,
        [account(user) for user in USERS],
        group("payments", *USERS[:8]),
        group("all", *USERS),
        GLOBAL,
    )
    habit = [
        signin(user, NOON - timedelta(days=day), AppDisplayName="Ledger")
        for user in USERS[:6]
        for day in range(2, 12)
    ]
    new = [signin(user, NOON, AppDisplayName="Ledger") for user in ("user07", "user12")]
    put("SigninLogs", [*routine(USERS, 14), *habit, *new, abroad("user03"), abroad("user05")], NOON + HOUR)
    analysis.run(NOON + 2 * HOUR)
    found = {row["UserPrincipalName"].partition("@")[0]: row for row in told(lake)}
    near, far = found["user07"]["ActivityInsights"], found["user12"]["ActivityInsights"]
    assert near["AppUncommonlyUsedAmongPeers"] is False
    assert "peers" in near["Why"][0]
    bits = [
        next(part["Bits"] for part in one["Score"]["Parts"] if part["Dimension"] == "App")
        for one in (near, far)
    ]
    assert bits[0] < bits[1]
    assert found["user03"]["UsersInsights"]["BlastRadius"] == "High"
    assert found["user05"]["UsersInsights"]["BlastRadius"] == "Low"
    assert found["user03"]["InvestigationPriority"] > found["user05"]["InvestigationPriority"]
    ranked = rows(
        lake, "UserPeerAnalytics | where UserId == 'id-user07' | sort by Rank asc | project PeerUserId, Rank"
    )
    assert {one["PeerUserId"] for one in ranked[:7]} == {f"id-{user}" for user in USERS[:7]}


@pytest.mark.full
def test_identities_are_told_on_change_and_each_fortnight(
    lake: Lake, analysis: BehaviorAnalysis, put: Put, tell_estate: Any
) -> None:
    start = NOON - 20 * DAY
    put("SigninLogs", [signin("ada", start)], start + HOUR)
    tell_estate(
        start, [account("ada", department="Payments"), account("bob")], group("payments", "ada"), GLOBAL
    )
    assert analysis.run(start + 2 * HOUR).rows["IdentityInfo"] == 2
    assert "IdentityInfo" not in analysis.run(start + 2 * DAY).rows
    tell_estate(
        start + 3 * DAY,
        [account("ada", department="Sales", accountEnabled=False)],
        group("payments", "ada"),
        GLOBAL,
    )
    assert analysis.run(start + 4 * DAY).rows["IdentityInfo"] == 2
    lake.flush()
    assert "IdentityInfo" not in analysis.run(start + 6 * DAY).rows
    assert analysis.run(start + 19 * DAY).rows["IdentityInfo"] == 1
    latest = rows(
        lake, "IdentityInfo | summarize arg_max(TimeGenerated, *) by AccountObjectId | sort by AccountUPN asc"
    )
    ada, bob = latest
    assert (ada["AccountUPN"], ada["Department"], ada["IsAccountEnabled"], ada["GroupMembership"]) == (
        "ada@contoso.com", "Sales", False, ["payments"]
    )  # fmt: skip
    assert bob["DeletedDateTime"] is not None
    assert bob["IsAccountEnabled"] is False


@pytest.mark.full
def test_without_a_directory_accounts_come_from_sign_ins(
    lake: Lake, analysis: BehaviorAnalysis, put: Put
) -> None:
    put("SigninLogs", routine(USERS[:3], 3), NOON + HOUR)
    analysis.run(NOON + 2 * HOUR)
    assert [row["AccountUPN"] for row in rows(lake, "IdentityInfo | sort by AccountUPN asc")] == [
        f"{user}@contoso.com" for user in USERS[:3]
    ]


def test_administration_of_azure_is_judged_by_operation_and_group(
    lake: Lake, analysis: BehaviorAnalysis, put: Put
) -> None:
    ids = {"admin": "0c5f2d0a-1111-4b63-9f0e-000000000001", "other": "0c5f2d0a-1111-4b63-9f0e-000000000002"}

    def did(moment: datetime, operation: str, place: str = "rg-own", who: str = "admin") -> dict[str, Any]:
        return {
            "TimeGenerated": moment, "EventDataId": f"{who}{moment.isoformat()}{operation}", "Caller": f"{who}@contoso.com",
            "CallerIpAddress": "198.51.100.1", "CategoryValue": "Administrative", "ActivityStatusValue": "Success",
            "OperationNameValue": operation, "OperationName": operation,
            "ResourceProviderValue": operation.partition("/")[0],
            "_ResourceId": f"/subscriptions/11111111-1111-1111-1111-111111111111/resourcegroups/{place}/providers/x/y/z",
            "Claims_d": {"http://schemas.microsoft.com/identity/claims/objectidentifier": ids[who]},
        }  # fmt: skip

    usual = [
        did(NOON - timedelta(days=day), "MICROSOFT.COMPUTE/VIRTUALMACHINES/START/ACTION", who=who)
        for day in range(1, 15)
        for who in ("admin", "other")
    ]
    put(
        "AzureActivity",
        [*usual, did(NOON, "MICROSOFT.AUTHORIZATION/LOCKS/DELETE", "rg-foreign")],
        NOON + HOUR,
    )
    analysis.run(NOON + 2 * HOUR)
    (row,) = told(lake)
    assert row["ActivityInsights"]["FirstTimeUserPerformedAction"] is True
    assert row["ActivityInsights"]["FirstTimeUserAccessedResource"] is True
    assert row["ActivityInsights"]["SimilarActionWasn'tPerformedInThePast"] is True
    assert row["ActivityInsights"]["Why"][0].startswith(
        "first microsoft.authorization/locks/delete in 14 days"
    )
    assert row["UsersInsights"]["AccountObjectID"] == ids["admin"]


def test_values_that_nobody_shows_any_more_are_forgotten(lake: Lake, state: State) -> None:
    import pyarrow as pa

    from nephoscope.behavior.profiles import MOST_VALUES, RECENT

    profiles = Profiles(lake.data, "default")
    many = [
        {
            "kind": "user",
            "entity": "a",
            "dimension": "Address",
            "value": f"v{n}",
            "day": 1000 + n % 3,
            "first": n,
        }
        for n in range(MOST_VALUES + 50)
    ]
    profiles.add_observations(
        pa.Table.from_pylist(
            [
                *many,
                {"kind": "user", "entity": "a", "dimension": "App", "value": "x", "day": 700, "first": 1},
            ],
            RECENT,
        )
    )
    profiles.fold(1010)
    with profiles.open_tables() as connection:
        assert connection.execute(
            "SELECT count(DISTINCT value) FROM base WHERE dimension = 'Address'"
        ).fetchall() == [(MOST_VALUES,)]
        assert connection.execute("SELECT count(*) FROM base WHERE dimension = 'App'").fetchall() == [(0,)]
        assert connection.execute("SELECT count(*) FROM recent").fetchall() == [(0,)]


def test_settings_are_kept_and_used(lake: Lake, state: State, analysis: BehaviorAnalysis, put: Put) -> None:
    with state.transaction(product="test") as session:
        store_settings(state, session, "default", BehaviorSettings(learning_days=2, active_days=2))
    put("SigninLogs", [*routine(USERS, 4), abroad()], NOON + HOUR)
    analysis.run(NOON + 2 * HOUR)
    assert len(told(lake)) == 1
