"""An incident as a person needs it: entities with what the estate knows, the timeline, what was like it."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from nephoscope.alerts.incidents.incident_service import IncidentService
from nephoscope.alerts.investigation.alert_events import (
    find_query_period,
    read_alert_events,
    to_repeatable_query,
)
from nephoscope.alerts.investigation.application_ids import map_applications
from nephoscope.alerts.investigation.estate_context import EstateContext
from nephoscope.alerts.investigation.estate_index import EstateIndex
from nephoscope.alerts.investigation.incident_details import load_case_file
from nephoscope.alerts.rules.rule import AnalyticRule
from nephoscope.alerts.scheduling.schedule import Schedule
from nephoscope.cli.main import cli
from nephoscope.estate.estate import Estate
from nephoscope.estate.estate_store import EstateStore
from nephoscope.estate.estate_view import EstateView
from nephoscope.lake.lake import Lake
from nephoscope.model.entity import Entity
from nephoscope.state import State
from nephoscope.state.incidents.incidents import IncidentStatus
from nephoscope_policy.model.coverage import Coverage
from nephoscope_policy.model.resource import Resource
from nephoscope_policy.model.source_location import Place

Put = Callable[..., None]
HOUR = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - timedelta(days=2)
MINUTE, ONE_HOUR = timedelta(minutes=1), timedelta(hours=1)
SUB = "/subscriptions/11111111-1111-1111-1111-111111111111"
GROUP = f"{SUB}/resourcegroups/rg"
VM = f"{GROUP}/providers/microsoft.compute/virtualmachines/web1"
NIC = f"{GROUP}/providers/microsoft.network/networkinterfaces/nic1"
PUBLIC = f"{GROUP}/providers/microsoft.network/publicipaddresses/pip1"
VAULT = f"{GROUP}/providers/microsoft.keyvault/vaults/kv1"
IDENTITY = f"{GROUP}/providers/microsoft.managedidentity/userassignedidentities/deploy"
APP = f"{GROUP}/providers/microsoft.web/sites/shop"
OWNER = "/providers/microsoft.authorization/roledefinitions/8e3af657-a8ff-443c-a75c-2fe8c4bcb635"
READER = "/providers/microsoft.authorization/roledefinitions/acdd72a7-3385-48ef-bd42-f606fba81ae7"


def graph(kind: str, id_: str, **properties: Any) -> dict[str, Any]:
    return {"id": f"/providers/microsoft.graph/{kind}/{id_}", "properties": {"id": id_, **properties}}


def grant(name: str, principal: str, kind: str, role: str, scope: str = SUB) -> dict[str, Any]:
    body = {"principalId": principal, "principalType": kind, "roleDefinitionId": role, "scope": scope}
    return {"id": f"{scope}/providers/microsoft.authorization/roleassignments/{name}", "properties": body}


BODIES: list[dict[str, Any]] = [
    {"id": SUB, "properties": {}, "tags": {"Owner": "cloud team"}},
    {"id": GROUP, "properties": {}, "tags": {"technical-owner": "web team"}},
    {
        "id": VM,
        "name": "web1",
        "properties": {
            "osProfile": {"computerName": "WEB-ONE"},
            "networkProfile": {"networkInterfaces": [{"id": NIC}]},
        },
        "identity": {"type": "SystemAssigned", "principalId": "sp1"},
    },
    {
        "id": NIC,
        "properties": {
            "virtualMachine": {"id": VM},
            "ipConfigurations": [
                {"id": f"{NIC}/ipConfigurations/a", "properties": {"privateIPAddress": "10.0.0.4", "publicIPAddress": {"id": PUBLIC}}}
            ],
        },
    },
    {
        "id": PUBLIC,
        "sku": {"name": "Basic"},
        "properties": {"ipAddress": "203.0.113.9", "ipConfiguration": {"id": f"{NIC}/ipConfigurations/a"}},
    },
    {
        "id": f"{GROUP}/providers/Microsoft.HybridCompute/machines/rack1", "tags": {"owner": "dc team"},
        "properties": {"networkProfile": {"networkInterfaces": [{"ipAddresses": [{"address": "10.9.0.7"}]}]}},
    },
    {
        "id": VAULT, "tags": {"owner": "kim"},
        "properties": {"publicNetworkAccess": "Enabled", "networkAcls": {"defaultAction": "Deny"}},
    },
    graph("users", "u1", userPrincipalName="Kim@contoso.com", accountEnabled=True, userType="Guest"),
    graph("users", "u2", userPrincipalName="ana@contoso.com", accountEnabled=False, userType="Member"),
    graph("groups", "g1", displayName="admins", members=[{"id": "u1"}]),
    graph("serviceprincipals", "sp1", appId="app1", accountEnabled=False),
    graph("userregistrationdetails", "u1", isMfaRegistered=False, isMfaCapable=False),
    grant("a1", "g1", "Group", OWNER),
    grant("a2", "sp1", "ServicePrincipal", READER, GROUP),
    grant("a3", "u1", "User", READER, GROUP),
    grant("a4", "mi1", "ServicePrincipal", OWNER, GROUP),
    grant("a5", "ua1", "ServicePrincipal", READER, GROUP),
    {"id": IDENTITY, "properties": {"principalId": "ua1", "clientId": "ua1-client"}},
    {"id": APP, "identity": {
        "type": "SystemAssigned, UserAssigned", "principalId": "SA1",
        "userAssignedIdentities": {f"{IDENTITY}2": {"principalId": "ua2"}},
    }},
]  # fmt: skip


def context(coverage: Coverage | None = None, without: str = "") -> EstateContext:
    kept = [Resource.of(one) for one in BODIES if not (without and without in one["id"])]
    estate = Estate.of(kept, coverage or Coverage.cover_everything())
    return EstateContext(EstateIndex(EstateView(estate, HOUR)))


def entity(kind: str, **identifiers: str) -> Entity:
    found = Entity.of(kind, identifiers)
    assert found is not None
    return found


def test_the_estate_says_which_service_principal_is_which_application():
    assert map_applications(context().index.view) == {"sp1": "app1"}


NOTHING = Coverage({})
NO_SUBNET = "the subnet in the properties of microsoft.network/networkinterfaces"
KNOWN: list[tuple[str, Entity, dict[str, str]]] = [
    ("a user", entity("Account", Name="kim", UPNSuffix="contoso.com"), {
        "account": "enabled, guest, no second factor",
        "roles": f"a role of the class owner on {SUB} (by the group admins), a role of the class read on {GROUP}",
    }),
    ("a user by id", entity("Account", AadUserId="U2"), {
        "account": "blocked, member, not known (microsoft.graph/userregistrationdetails/u2)", "roles": "none",
    }),
    ("an application", entity("CloudApplication", AppId="APP1"), {
        "account": "application, blocked", "roles": f"a role of the class read on {GROUP}",
    }),
    ("an application that a log calls an account by its id", entity("Account", Name="app1"), {
        "roles": f"a role of the class read on {GROUP}",
    }),
    ("nobody", entity("Account", Name="nobody", UPNSuffix="contoso.com"), {
        "account": "no user or application of the tenant is called so",
    }),
    ("an identity that the directory does not hold", entity("Account", AadUserId="MI1"), {
        "account": "no user or application of the tenant is called so", "roles": f"a role of the class owner on {GROUP}",
    }),
    ("an application that the tenant does not have", entity("CloudApplication", AppId="nobody"), {
        "account": "the tenant has no such application",
    }),
    ("a user-assigned identity that the directory does not hold", entity("Account", AadUserId="UA1"), {
        "account": f"user-assigned managed identity {IDENTITY}", "roles": f"a role of the class read on {GROUP}",
    }),
    ("a user-assigned identity by its client id", entity("CloudApplication", AppId="UA1-client"), {
        "account": f"user-assigned managed identity {IDENTITY}", "roles": f"a role of the class read on {GROUP}",
    }),
    ("a user-assigned identity that was not collected itself", entity("Account", AadUserId="UA2"), {
        "account": f"user-assigned managed identity {IDENTITY}2", "roles": "none",
    }),
    ("a system-assigned identity that the directory does not hold", entity("Account", AadUserId="SA1"), {
        "account": f"system-assigned managed identity of {APP}", "roles": "none",
    }),
    ("a machine by its name", entity("Host", HostName="web-one"), {
        "owner": "web team (of its resource group)",
        "exposure": f"faces the Internet; not known whether management ports are open ({NO_SUBNET})",
        "roles": f"a role of the class read on {GROUP}",
    }),
    ("a machine by its address", entity("IP", Address="10.0.0.4"), {"owner": "web team (of its resource group)"}),
    ("a machine by its public address", entity("IP", Address="203.0.113.9"), {"owner": "web team (of its resource group)"}),
    ("a machine outside Azure by the address that its agent reported", entity("IP", Address="10.9.0.7"), {"owner": "dc team"}),
    ("an address of others", entity("IP", Address="198.51.100.1"), {
        "resource": "no network interface or public IP address has 198.51.100.1",
    }),
    ("a vault", entity("AzureResource", ResourceId=VAULT), {
        "owner": "kim", "exposure": "no access from public networks", "roles": "no managed identity",
    }),
    ("what is gone", entity("AzureResource", ResourceId=f"{GROUP}/providers/microsoft.keyvault/vaults/gone"), {
        "resource": "it is not in the estate",
    }),
]  # fmt: skip


@pytest.mark.parametrize(("one", "facts"), [case[1:] for case in KNOWN], ids=[case[0] for case in KNOWN])
def test_what_the_estate_knows(one: Entity, facts: dict[str, str]) -> None:
    found = context().describe(one)
    assert found is not None
    told = {fact.name: fact.value for fact in found.facts}
    assert {name: told.get(name) for name in facts} == facts


UNKNOWN = [
    (entity("Account", Name="nobody", UPNSuffix="contoso.com"), "account", ""),
    (entity("IP", Address="198.51.100.1"), "resource", ""),
    (entity("Host", HostName="db1"), "resource", ""),
    (entity("AzureResource", ResourceId=f"{GROUP}/providers/microsoft.keyvault/vaults/gone"), "resource", ""),
    (entity("AzureResource", ResourceId="no id"), "resource", ""),
    (entity("Host", HostName="web1"), "roles", ""),
    (entity("Host", HostName="web1"), "exposure", "networkinterfaces"),
    (entity("CloudApplication", AppId="nobody"), "account", ""),
]


def test_roles_are_told_where_the_directory_was_not_collected() -> None:
    coverage = Coverage({SUB: frozenset({"microsoft.authorization/roleassignments"})})
    found = context(coverage, "microsoft.graph").describe(entity("Account", AadUserId="mi1"))
    told = {fact.name: (fact.known, fact.value) for fact in found.facts}
    assert told["account"] == (False, "not known (users were not all collected)")
    assert told["roles"][1].startswith(f"a role of the class owner on {GROUP}")


@pytest.mark.parametrize(
    ("one", "fact", "without"), UNKNOWN, ids=lambda one: one.title if isinstance(one, Entity) else str(one)
)
def test_what_was_not_collected_is_not_known(one: Entity, fact: str, without: str) -> None:
    found = {each.name: each for each in context(NOTHING, without).describe(one).facts}[fact]
    assert not found.known or "others are not known" in found.value
    assert "not known" in found.value


def test_no_estate_holds_a_file() -> None:
    assert context().describe(entity("File", Name="a.exe")) is None


def mapping(kind: str, identifier: str, column: str) -> dict[str, Any]:
    return {"entityType": kind, "fieldMappings": [{"identifier": identifier, "columnName": column}]}


def rule(id_: str, text: str, **changes: Any) -> AnalyticRule:
    document = {
        "id": id_, "name": f"Rule {id_}", "query": text, "kind": "Scheduled", "severity": "Medium", "queryFrequency": "1h",
        "queryPeriod": "1h", "tactics": ["CredentialAccess"], "relevantTechniques": ["T1110"],
        "entityMappings": [mapping("Account", "FullName", "UserPrincipalName"), mapping("IP", "Address", "IPAddress")],
        **changes,
    }  # fmt: skip
    return AnalyticRule.parse(document, Place("rule.yaml"))


def signin(minutes: float, result: str, user: str = "kim@contoso.com") -> dict[str, Any]:
    moment = HOUR + minutes * MINUTE
    return {
        "TimeGenerated": moment,
        "UserPrincipalName": user,
        "IPAddress": "203.0.113.9",
        "ResultType": result,
    }


FAILED = rule(
    "r1",
    "SigninLogs | where ResultType == '50126'",
    eventGroupingSettings={"aggregationKind": "AlertPerResult"},
)
IN = rule(
    "r2", "SigninLogs | where ResultType == '0'", tactics=["InitialAccess"], relevantTechniques=["T1078"]
)


def test_a_file_has_all_in_order(lake: Lake, state: State, put: Put) -> None:
    put(
        "SigninLogs",
        signin(5, "50126"),
        signin(6, "50126"),
        signin(9, "0"),
        signin(20, "50126", "ana@contoso.com"),
    )
    now = datetime.now(UTC)
    list(Schedule(lake, state, [FAILED, IN], "default").run_all_rules_once(HOUR + ONE_HOUR, now))
    incident_service = IncidentService(state, "default")
    incident_service.change(1, now + MINUTE, "ana", owner="ana")
    incident_service.add_comment(1, "looks real", now + 2 * MINUTE, "ana")
    file = load_case_file(state, "default", 1, now)
    assert file.tactics == ["InitialAccess", "CredentialAccess"]
    assert file.techniques == ["T1078", "T1110"]
    involved = {one.entity.title: one for one in file.participants}
    assert set(involved) == {"kim@contoso.com", "ana@contoso.com", "203.0.113.9"}
    assert involved["203.0.113.9"].sources == tuple(one.id for one in file.alerts)
    assert (involved["kim@contoso.com"].first, involved["ana@contoso.com"].first) == (
        HOUR + 5 * MINUTE,
        HOUR + 20 * MINUTE,
    )
    behind = [read_alert_events(lake, one, now) for one in file.alerts]
    assert [(one.count, one.error) for one in behind if one.alert.rule == "r2"] == [(1, "")]
    # whoever opens the query in the logs sees the same rows, however long ago it was run
    opened = [lake.rows(to_repeatable_query(one)) for one in file.alerts]
    assert [one.num_rows for one in opened] == [one.count for one in behind]
    kinds = [
        one.kind for one in file.build_timeline(moment for one in behind for moment in one.iterate_timeline())
    ]
    assert kinds[-3:] == ["action", "action", "action"]
    assert [one.text for one in file.build_timeline()][-2:] == [
        "set the owner to ana",
        "commented: looks real",
    ]
    times = [one.at for one in file.build_timeline()]
    assert times == sorted(times)


def test_events_that_cannot_be_read_are_told(lake: Lake, state: State, put: Put) -> None:
    put("SigninLogs", signin(5, "0"))
    now = datetime.now(UTC)
    list(Schedule(lake, state, [IN], "default").run_all_rules_once(HOUR + ONE_HOUR, now))
    (alert,) = load_case_file(state, "default", 1, now).alerts
    alert.document["ExtendedProperties"] = json.dumps({"Query": "NoTable", "Query Period": "1h"})
    assert "no table, function or variable is named 'NoTable'" in read_alert_events(lake, alert, now).error


@pytest.mark.parametrize(
    "properties", [{}, {"Query": ""}, {"Query": "T"}, {"Query": "T", "Query Period": "x"}]
)
def test_a_query_whose_time_is_not_told_is_as_it_is(
    lake: Lake, state: State, put: Put, properties: dict[str, str]
) -> None:
    put("SigninLogs", signin(5, "0"))
    now = datetime.now(UTC)
    list(Schedule(lake, state, [IN], "default").run_all_rules_once(HOUR + ONE_HOUR, now))
    (alert,) = load_case_file(state, "default", 1, now).alerts
    alert.document["ExtendedProperties"] = json.dumps(properties)
    assert (to_repeatable_query(alert), find_query_period(alert)) == (properties.get("Query", ""), None)
    assert "does not tell over which time" in read_alert_events(lake, alert, now).error


@pytest.mark.full
def test_incidents_that_share_entities_or_rules_are_alike(lake: Lake, state: State, put: Put) -> None:
    put("SigninLogs", signin(-60 * 40, "0"), signin(5, "0"), signin(6, "0", "ana@contoso.com"))
    now = datetime.now(UTC)
    alone = rule("r2", IN.query, entityMappings=[mapping("Account", "FullName", "UserPrincipalName")],
                 eventGroupingSettings={"aggregationKind": "AlertPerResult"})  # fmt: skip
    schedule = Schedule(lake, state, [alone], "default")
    list(schedule.run_all_rules_once(HOUR - 39 * ONE_HOUR, now))
    list(schedule.run_all_rules_once(HOUR + ONE_HOUR, now))
    closed = {
        "status": IncidentStatus.CLOSED,
        "classification": "FalsePositive",
        "reason": "IncorrectAlertLogic",
    }
    IncidentService(state, "default").change(1, now, "ana", **closed)
    kim = next(
        n
        for n in (2, 3)
        if "kim" in str(load_case_file(state, "default", n, now).participants[0].entity.title)
    )
    first, second = load_case_file(state, "default", kim, now).similar
    assert (first.incident.number, first.entities, first.rules) == (1, ("kim@contoso.com",), ("Rule r2",))
    assert (first.incident.classification, first.incident.reason) == ("FalsePositive", "IncorrectAlertLogic")
    assert (second.entities, second.rules) == ((), ("Rule r2",))


def run(data: Path, *arguments: str, code: int = 0) -> Result:
    result = CliRunner().invoke(cli, ["--data", str(data), *arguments])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    assert result.exit_code == code, result.output
    return result


def test_shown_with_what_the_estate_knows(tmp_path: Path) -> None:
    event = {
        "time": (datetime.now(UTC) - 10 * MINUTE).isoformat(), "resourceId": f"{VAULT}/x".upper()[:-2],
        "operationName": "MICROSOFT.KEYVAULT/VAULTS/DELETE", "category": "Administrative", "resultType": "Success",
        "callerIpAddress": "10.0.0.4",
        "identity": {"claims": {"http://schemas.xmlsoap.org/ws/2005/05/identity/claims/upn": "kim@contoso.com"}},
    }  # fmt: skip
    (tmp_path / "PT1H.json").write_text(json.dumps({"records": [event]}))
    text = """
id: 22222222-1111-1111-1111-111111111111
name: A vault went
kind: Scheduled
severity: High
queryFrequency: 1h
queryPeriod: 1h
tactics: [Impact]
query: AzureActivity | where OperationNameValue endswith 'vaults/delete'
entityMappings:
  - {entityType: Account, fieldMappings: [{identifier: FullName, columnName: Caller}]}
  - {entityType: IP, fieldMappings: [{identifier: Address, columnName: CallerIpAddress}]}
  - {entityType: AzureResource, fieldMappings: [{identifier: ResourceId, columnName: _ResourceId}]}
"""
    (tmp_path / "rule.yaml").write_text(text)
    data = tmp_path / "data"
    run(data, "ingest", str(tmp_path / "PT1H.json"))
    run(data, "detect", "--rules", str(tmp_path / "rule.yaml"), "--at", datetime.now(UTC).isoformat())
    assert "no estate was collected" in run(data, "incidents", "show", "1").stdout
    EstateStore(data).append(
        Estate.of([Resource.of(one) for one in BODIES], Coverage.cover_everything()), datetime.now(UTC)
    )
    shown = " ".join(run(data, "incidents", "show", "1").stdout.split())
    for said in (
        "owner: kim",
        "by the group admins",
        "faces the Internet",
        "no assessment exists yet",
        "opened the incident",
    ):
        assert said in shown
    document = json.loads(run(data, "incidents", "show", "1", "-o", "json").stdout)
    told = {one["title"].lower(): one["estate"] for one in document["entities"]}
    assert told["10.0.0.4"]["resource"] == VM
    assert told[VAULT]["facts"]["owner"] == {"value": "kim", "known": True}
    assert told[VAULT]["facts"]["assessments"]["known"] is False
    assert [one["kind"] for one in document["timeline"]] == ["event", "alert", "action"]
    assert document["events"][0]["rows"][0]["Caller"] == "kim@contoso.com"
    assert (document["tactics"], document["similar"]) == (["Impact"], [])
    plain = json.loads(run(data, "incidents", "show", "1", "--no-estate", "--no-events", "-o", "json").stdout)
    assert (plain["estate"], plain["events"]) == ("not requested", [])
