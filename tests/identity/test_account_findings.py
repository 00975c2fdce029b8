"""Account findings: unused and wide roles, guests, secrets and consent grants; and what logs are too short to say."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from tests.identity.test_administrators import (
    CONTRIBUTOR,
    OWNER,
    READER,
    SUBSCRIPTION,
    definition,
    graph,
    role,
)

from nephoscope.estate.estate import Estate
from nephoscope.identity.account_findings import AccountUse, find_account_weaknesses
from nephoscope.identity.administrators import list_administrators
from nephoscope.identity.role_proposals import UsedOperation, is_within
from nephoscope.operations.declaration.operation import OperationCall
from nephoscope.operations.declaration.schemas import InWorkspace
from nephoscope.operations.identity.account_findings import AccountFindingQuery, list_account_findings
from nephoscope.operations.identity.emergency_accounts import list_emergency_accounts
from nephoscope.service.local_user import LocalUser
from nephoscope.service.service_context import ServiceContext
from nephoscope_policy.model.coverage import Coverage
from nephoscope_policy.model.resource import Resource

NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)
WEB, VMS = "11111111-2222-3333-4444-000000000001", "11111111-2222-3333-4444-000000000002"
ROLES = [
    definition(OWNER, "Owner", ["*"]),
    definition(CONTRIBUTOR, "Contributor", ["*"]),
    definition(READER, "Reader", ["*/read"]),
    definition(WEB, "Website Contributor", ["Microsoft.Web/sites/*", "Microsoft.Web/sites/read", "Microsoft.Web/sites/write"]),
    definition(VMS, "Machine Operator", ["Microsoft.Compute/virtualMachines/start/action", "*/read"]),
]  # fmt: skip


def ago(days):
    return (NOW - timedelta(days=days)).isoformat()


def user(id_, **more):
    given = {
        "userPrincipalName": f"{id_}@contoso.com",
        "accountEnabled": True,
        "userType": "Member",
        "createdDateTime": ago(400),
    }
    return graph("users", id_, **{**given, **more})


def assess(*bodies, **use):
    estate = Estate.of([Resource.of(dict(one)) for one in (*ROLES, *bodies)], Coverage({}))
    known = AccountUse(**{"user_days": 90, "service_days": 90, "activity_days": 90, **use})
    found = find_account_weaknesses(estate, list_administrators(estate).administrators, known, NOW)
    return [(one.finding, one.name, one.reason, one.remediation) for one in found]


def of_kind(kind, found):
    return [reason for finding, _, reason, _ in found if finding == kind]


def test_an_administrator_without_sign_in_is_dormant_only_where_the_log_says_so():
    bodies = user("ada"), user("bob"), role("ada", OWNER), role("bob", OWNER)
    found = assess(*bodies, users={"bob": NOW})
    assert [name for kind, name, *_ in found if kind == "dormantAdministrator"] == ["ada@contoso.com"]
    assert of_kind("dormantAdministrator", assess(*bodies, user_days=29)) == []
    assert (
        of_kind("dormantAdministrator", assess(user("ada", accountEnabled=False), role("ada", OWNER))) == []
    )


@pytest.mark.parametrize(
    ("used", "held", "proposed"),
    [
        ([("microsoft.web/sites/write", "")], OWNER, "Website Contributor"),
        ([("microsoft.compute/virtualmachines/start/action", "")], CONTRIBUTOR, "Machine Operator"),
        (
            [("microsoft.web/sites/write", ""), ("microsoft.compute/virtualmachines/write", "")],
            CONTRIBUTOR,
            None,
        ),
        ([("microsoft.web/sites/write", "")], WEB, None),
        ([("microsoft.web/sites/write", "/subscriptions/other")], OWNER, "Reader"),
        ([], OWNER, "Reader"),
    ],
)
def test_the_narrowest_role_that_allows_what_was_done_is_proposed(used, held, proposed):
    operations = [UsedOperation(*one) for one in used]
    found = assess(user("ada"), role("ada", held), users={"ada": NOW}, operations={"ada": operations})
    assert [how for *_, how in found] == (
        [] if proposed is None else [f"Replace {name_of(held)} by {proposed}."]
    )


def name_of(held):
    return next(one["properties"]["roleName"] for one in ROLES if one["name"] == held)


def test_a_short_activity_log_proposes_nothing():
    assert assess(user("ada"), role("ada", OWNER), users={"ada": NOW}, activity_days=20) == []


@pytest.mark.parametrize(
    ("place", "scope", "within"),
    [
        ("", SUBSCRIPTION, True),
        (SUBSCRIPTION, SUBSCRIPTION, True),
        (f"{SUBSCRIPTION}/resourcegroups/a", f"{SUBSCRIPTION}/resourcegroups/a", True),
        (f"{SUBSCRIPTION}/resourcegroups/ab", f"{SUBSCRIPTION}/resourcegroups/a", False),
        (f"{SUBSCRIPTION}/resourcegroups/a", f"{SUBSCRIPTION}/resourcegroups/a/providers/x/y/z", True),
        (f"{SUBSCRIPTION}/resourcegroups/a", "/providers/microsoft.management/managementgroups/m", True),
    ],
)
def test_operations_lie_in_scopes(place, scope, within):
    assert is_within(place, scope) is within


def test_guests():
    guests = [
        user("idle", userType="Guest"), user("busy", userType="Guest"), user("new", userType="Guest", createdDateTime=ago(10)),
        user("asked", userType="Guest", createdDateTime=ago(40), externalUserState="PendingAcceptance"),
        user("member"),
    ]  # fmt: skip
    found = assess(*guests, users={"busy": NOW})
    assert {name: reason for _, name, reason, _ in found} == {
        "idle@contoso.com": "no sign-in within 90 days",
        "asked@contoso.com": "the invitation has not been accepted for 40 days",
    }


def secret(key, start, end, **more):
    return {"keyId": key, "displayName": key, "startDateTime": ago(start), "endDateTime": ago(end), **more}


def test_credentials_of_applications():
    application = graph(
        "applications", "a1", displayName="deployer", appId="APP",
        passwordCredentials=[
            secret("expired", 400, 10), secret("unused", 100, -100), secret("used", 100, -100), secret("old", 200, -30),
            secret("long", 5, -1000),
        ],
        keyCredentials=[secret("certificate", 300, -400)],
    )  # fmt: skip
    found = assess(application, keys={"used": NOW, "old": NOW, "long": NOW, "certificate": NOW})
    assert {(kind, reason.split("'")[1]) for kind, _, reason, _ in found} == {
        ("expiredCredential", "expired"), ("unusedCredential", "unused"), ("oldCredential", "old"), ("longCredential", "long"),
    }  # fmt: skip
    assert of_kind("unusedCredential", assess(application, service_days=0)) == []


def test_consent_grants_count_by_what_they_allow():
    grants = [
        graph(
            "oauth2permissiongrants",
            "g1",
            clientId="APP",
            consentType="AllPrincipals",
            scope="User.Read Mail.ReadWrite",
        ),
        graph(
            "oauth2permissiongrants",
            "g2",
            clientId="app",
            consentType="Principal",
            principalId="ada",
            scope="openid User.Read",
        ),
    ]
    found = assess(*grants, graph("serviceprincipals", "app", displayName="Mailer"))
    assert [(name, reason) for _, name, reason, _ in found] == [
        ("Mailer", "may act for all users: Mail.ReadWrite")
    ]


def test_the_list_reads_the_logs_and_names_what_is_missing(state, lake, put, tell_estate):
    bodies = [
        {"id": one, "userPrincipalName": f"{one}@contoso.com", "userType": "Member"} for one in ("ada", "bob")
    ]
    tell_estate(NOW, bodies, *ROLES, role("ada", OWNER), role("bob", OWNER))
    put(
        "SigninLogs",
        [{"TimeGenerated": NOW - timedelta(days=day), "UserId": "ADA", "ResultType": "0"} for day in (60, 1)],
        NOW,
    )
    activity = [
        {
            "TimeGenerated": NOW - timedelta(days=day), "Caller": "ada@contoso.com", "OperationNameValue": "Microsoft.Web/sites/write",
            "ActivityStatusValue": "Success", "_ResourceId": f"{SUBSCRIPTION}/resourceGroups/web/providers/Microsoft.Web/sites/one",
        }
        for day in (60, 2)
    ]  # fmt: skip
    put("AzureActivity", activity, NOW)
    service = ServiceContext(LocalUser.current(), state, lake.data, lambda: NOW)
    call = OperationCall(service, lambda: None, lake)
    page = list_account_findings(call, AccountFindingQuery())
    assert {(one.finding, one.name, one.remediation) for one in page.value} == {
        ("dormantAdministrator", "bob@contoso.com", "Remove the roles, or make them eligible in Privileged Identity Management."),
        ("overPrivileged", "ada@contoso.com", "Replace Owner by Website Contributor."),
        ("overPrivileged", "bob@contoso.com", "Replace Owner by Reader."),
    }  # fmt: skip
    assert page.not_collected == (
        "microsoft.graph/applications", "microsoft.graph/oauth2permissiongrants", "microsoft.graph/policies",
        "AADServicePrincipalSignInLogs (0 of 30 days)",
    )  # fmt: skip
    assert {
        one.severity for one in list_account_findings(call, AccountFindingQuery(severity="High")).value
    } == {"High"}


GLOBAL = "62e90394-69f5-4237-9190-012177145e10"
NOT_FOR_GLASS = {"includeUsers": ["All"], "excludeUsers": ["glass1", "glass2"]}


def access_policy(id_, users, state="enabled"):
    return graph(
        "policies", id_, displayName=id_, state=state, grantControls={"operator": "OR", "builtInControls": ["mfa"]},
        conditions={"users": users, "applications": {"includeApplications": ["All"]}, "clientAppTypes": ["all"]},
    )  # fmt: skip


def global_administrator(id_, kind="roleassignments"):
    named = {"displayName": "Global Administrator", "templateId": GLOBAL}
    return graph(kind, f"ga-{id_}", principalId=id_, roleDefinition=named, directoryScopeId="/")


def glass(*ids, kind="roleassignments", **more):
    for id_ in ids:
        yield from (user(id_, **more), global_administrator(id_, kind))


def methods(id_, *names):
    return graph("userregistrationdetails", id_, methodsRegistered=list(names))


BOTH = [*glass("glass1", "glass2"), methods("glass1", "fido2"), methods("glass2", "passKeyDeviceBound")]


@pytest.mark.parametrize(
    ("bodies", "missing"),
    [
        ([*BOTH, access_policy("p", NOT_FOR_GLASS)], []),
        ([*BOTH, access_policy("p", NOT_FOR_GLASS), access_policy("q", {"includeUsers": ["ada"]})], []),
        ([*glass("glass1"), access_policy("p", NOT_FOR_GLASS)], ["1"]),
        ([*BOTH, access_policy("p", {**NOT_FOR_GLASS, "excludeUsers": ["glass1"]})], ["1"]),
        ([*BOTH, access_policy("p", NOT_FOR_GLASS), access_policy("q", {"includeUsers": ["glass2"]})], ["1"]),
        (
            [
                *BOTH,
                access_policy("p", NOT_FOR_GLASS),
                access_policy("q", {"includeUsers": ["All"]}, "disabled"),
            ],
            [],
        ),
        ([*BOTH, access_policy("p", NOT_FOR_GLASS, "disabled")], ["0"]),
        (
            [
                *glass("glass1", "glass2", kind="roleeligibilityscheduleinstances"),
                access_policy("p", NOT_FOR_GLASS),
            ],
            ["0"],
        ),
        (
            [
                *glass("glass1", "glass2", onPremisesSecurityIdentifier="S-1"),
                access_policy("p", NOT_FOR_GLASS),
            ],
            ["0"],
        ),
        ([*glass("glass1", "glass2", accountEnabled=False), access_policy("p", NOT_FOR_GLASS)], ["0"]),
        (BOTH, []),
    ],
)
def test_two_emergency_access_accounts_are_wanted_where_policies_were_collected(bodies, missing):
    reasons = of_kind("missingEmergencyAccount", assess(*bodies))
    assert [one.partition(" ")[0] for one in reasons] == missing


def test_an_emergency_access_account_is_strong_and_unused():
    weak = [
        *glass("glass1", "glass2"),
        methods("glass1", "mobilePhone", "password"),
        access_policy("p", NOT_FOR_GLASS),
    ]
    found = assess(*weak, users={"glass2": NOW})
    assert of_kind("weakEmergencyAccount", found) == [
        "no security key, passkey or certificate; registered methods: mobilePhone, password"
    ]
    assert of_kind("usedEmergencyAccount", found) == ["the emergency access account signed in on 2026-11-01"]
    assert of_kind("dormantAdministrator", found) == [], "it is not to be used"
    others = [*weak[:-1], access_policy("p", {"includeUsers": ["All"]})]
    assert len(of_kind("dormantAdministrator", assess(*others))) == 2


def test_emergency_access_accounts_are_listed_with_what_is_missing(state, lake, put, tell_estate):
    call = OperationCall(
        ServiceContext(LocalUser.current(), state, lake.data, lambda: NOW), lambda: None, lake
    )
    assert list_emergency_accounts(call, InWorkspace()).not_collected == (
        "the estate: no snapshot was imported",
    )
    tell_estate(
        NOW, [], *ROLES, *glass("glass1"), methods("glass1", "fido2"), access_policy("p", NOT_FOR_GLASS)
    )
    put(
        "SigninLogs", [{"TimeGenerated": NOW - timedelta(days=3), "UserId": "glass1", "ResultType": "0"}], NOW
    )
    found = list_emergency_accounts(call, InWorkspace())
    assert [(one.id, one.phishing_resistant, one.methods, one.last_sign_in) for one in found.value] == [
        ("glass1", True, ("fido2",), NOW - timedelta(days=3))
    ]
    assert [one.accounts for one in found.too_few] == [1]
    assert found.sign_in_days == 3
