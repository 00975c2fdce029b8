"""Administrators: who they are by which role and group, when they last managed Azure, and from where."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from nephoscope.operations.declaration.operation import MissingError, OperationCall
from nephoscope.operations.declaration.schemas import InWorkspace
from nephoscope.operations.identity import administrators as operations
from nephoscope.service import administrators as service
from nephoscope.service.local_user import LocalUser
from nephoscope.service.service_context import ServiceContext

NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)
SUBSCRIPTION = "/subscriptions/11111111-1111-1111-1111-111111111111"
OWNER = "8e3af657-a8ff-443c-a75c-2fe8c4bcb635"
CONTRIBUTOR = "b24988ac-6180-42a0-ab88-20f7382dd24c"
READER = "acdd72a7-3385-48ef-bd42-f606fba81ae7"
GLOBAL = "62e90394-69f5-4237-9190-012177145e10"
GLOBAL_READER = "f2ef992c-3afb-46b9-b7cf-a126ee74c451"
DATA_ROLE = "ba92f5b4-2d11-453d-a403-e96b0029c9fe"
MANAGEMENT = "Windows Azure Service Management API"


def graph(kind, id_, **properties):
    return {
        "id": f"/providers/microsoft.graph/{kind}/{id_}", "name": id_, "type": f"microsoft.graph/{kind}",
        "properties": {"id": id_, **properties},
    }  # fmt: skip


def role(principal, definition, scope=SUBSCRIPTION, kind="User", type_="roleAssignments"):
    name = f"{principal}-{definition[:4]}"
    return {
        "id": f"{scope}/providers/Microsoft.Authorization/{type_}/{name}", "name": name,
        "type": f"Microsoft.Authorization/{type_}",
        "properties": {
            "principalId": principal, "principalType": kind, "scope": scope,
            "roleDefinitionId": f"{SUBSCRIPTION}/providers/Microsoft.Authorization/roleDefinitions/{definition}",
        },
    }  # fmt: skip


def definition(id_, name, actions, data=()):
    return {
        "id": f"/providers/Microsoft.Authorization/roleDefinitions/{id_}", "name": id_,
        "type": "Microsoft.Authorization/roleDefinitions",
        "properties": {"roleName": name, "permissions": [{"actions": list(actions), "dataActions": list(data)}]},
    }  # fmt: skip


USERS = [
    {"id": id_, "userPrincipalName": f"{id_}@contoso.com", "accountEnabled": id_ != "gone", "userType": kind}
    for id_, kind in (("ada", "Member"), ("bob", "Member"), ("eve", "Guest"), ("joe", "Member"), ("gone", "Member"))
]  # fmt: skip
OTHERS = [
    graph("groups", "ops", displayName="Operations", members=["bob", "team"]),
    graph("groups", "team", displayName="Team", members=["eve", "ops", "app"]),
    graph("serviceprincipals", "app", displayName="deployer", appId="APP-1", accountEnabled=True),
    graph("userregistrationdetails", "ada", isMfaRegistered=True, isMfaCapable=True),
    graph("userregistrationdetails", "bob", isMfaRegistered=False, isMfaCapable=False),
    graph("roleassignments", "r1", principalId="ada", directoryScopeId="/", roleDefinition={"templateId": GLOBAL}),
    graph("roleassignments", "r2", principalId="joe", directoryScopeId="/", roleDefinition={"templateId": GLOBAL_READER}),
    graph("roleeligibilityscheduleinstances", "r3", principalId="gone", roleDefinition={"templateId": GLOBAL, "displayName": "GA"}),
    definition(DATA_ROLE, "Blob writer", ["*/read"], ["*/blobs/write"]),
    role("ops", CONTRIBUTOR, kind="Group"), role("joe", READER), role("joe", DATA_ROLE),
    role("eve", OWNER, f"{SUBSCRIPTION}/resourceGroups/web", type_="roleEligibilityScheduleInstances"),
]  # fmt: skip


def sign_in(user, day, country="DE", network="3320", address="198.51.100.1", **changes):
    return {
        "TimeGenerated": NOW - timedelta(days=day), "UserId": user, "UserPrincipalName": f"{user}@contoso.com", "ResultType": "0",
        "IPAddress": address, "Location": country, "AutonomousSystemNumber": network, "ResourceDisplayName": MANAGEMENT, **changes,
    }  # fmt: skip


@pytest.fixture
def call(state, lake, put, tell_estate):
    tell_estate(NOW, USERS, *OTHERS)
    put(
        "SigninLogs",
        [
            *(sign_in("ada", day) for day in range(20, 0, -2)),
            sign_in("ada", 2, "BR", "64500", "203.0.113.9"),
            sign_in("ada", 1, "FR", "64501", "203.0.113.7", ResultType="50126"),
            sign_in("bob", 3, ResourceDisplayName="Office 365"),
            sign_in("joe", 3),
        ],
        NOW,
    )
    activity = [
        {"TimeGenerated": NOW - timedelta(days=day), "Caller": caller, "CallerIpAddress": address, "OperationNameValue": "X/WRITE"}
        for day, caller, address in (
            (1, "ADA@contoso.com", "198.51.100.1"), (40, "ada@contoso.com", "198.51.100.1"), (1, "app", "192.0.2.10"),
            (2, "app", "192.0.2.99"), (1, "joe@contoso.com", "192.0.2.1"),
        )
    ]  # fmt: skip
    put("AzureActivity", activity, NOW)
    service = ServiceContext(LocalUser.current(), state, lake.data, lambda: NOW)
    return OperationCall(service, lambda: None, lake)


def test_administrators_have_their_roles_through_groups_and_privileged_identity_management(call):
    page = operations.list_administrators(call, InWorkspace())
    found = {
        one.id: (one.kind, one.privilege, one.assignment, one.second_factor, one.enabled, one.guest)
        for one in page.value
    }
    assert found == {
        "ada": ("user", "full", "active", True, True, False),
        "app": ("servicePrincipal", "write", "active", None, True, False),
        "bob": ("user", "write", "active", False, True, False),
        "eve": ("user", "full", "active", None, True, True),
        "gone": ("user", "full", "eligible", None, False, False),
    }  # fmt: skip
    assert [one.name for one in page.value] == sorted(one.name for one in page.value)
    roles = {
        (one.role, one.scope, one.through, one.eligible, one.critical)
        for one in operations.list_administrator_roles(call, "eve", InWorkspace()).value
    }
    assert roles == {
        ("Contributor", SUBSCRIPTION, "Operations", False, False),
        ("Owner", f"{SUBSCRIPTION}/resourcegroups/web", "", True, True),
    }  # fmt: skip


def test_what_was_not_collected_is_named(call):
    page = operations.list_administrators(call, InWorkspace())
    assert page.not_collected == ()
    assert operations._describe_gaps(page) == []


def test_places_join_the_activity_log_and_sign_ins(call):
    ada = operations.list_administrator_places(call, "ada", InWorkspace()).value
    assert [(one.country, one.network, one.days, round(one.share, 2), one.new) for one in ada] == [
        ("DE", "AS3320", 12, 0.92, False), ("BR", "AS64500", 1, 0.08, True),
    ]  # fmt: skip
    assert ada[0].sources == ("activity", "sign-in")
    (app,) = operations.list_administrator_places(call, "app", InWorkspace()).value
    assert (app.country, app.network, app.days, app.new) == ("", "192.0.2.0/24", 2, False)
    assert app.addresses == ("192.0.2.10", "192.0.2.99")


def test_last_use_is_that_of_management_and_of_any_sign_in(call):
    page = {one.id: one for one in operations.list_administrators(call, InWorkspace()).value}
    assert page["ada"].last_managed == NOW - timedelta(days=1)
    assert (page["bob"].last_managed, page["bob"].last_sign_in) == (None, NOW - timedelta(days=3))
    assert (page["eve"].last_managed, page["eve"].last_sign_in) == (None, None)
    assert [one for one, each in page.items() if each.new_place] == ["ada"]


def test_only_administrators_have_places(call):
    assert {one.administrator for one in operations.list_management_places(call, InWorkspace()).value} == {
        "ada",
        "app",
    }


def test_who_is_no_administrator_is_not_found(call):
    with pytest.raises(MissingError, match="joe"):
        operations.list_administrator_roles(call, "joe", InWorkspace())


def test_rows_of_lists_are_words(call):
    rows = {
        row["id"]: row for row in operations._list_rows(operations.list_administrators(call, InWorkspace()))
    }
    assert (rows["eve"]["secondFactor"], rows["bob"]["secondFactor"], rows["ada"]["places"]) == (
        "not collected", "no", "DE AS3320, BR AS64500",
    )  # fmt: skip
    places = operations._to_place_rows(operations.list_management_places(call, InWorkspace()))
    assert {row["share"] for row in places} == {"92%", "8%", "100%"}


def test_an_estate_is_read_once_a_version(call, tell_estate):
    def read():
        return {one.id for one in operations.list_administrators(call, InWorkspace()).value}

    first = read()
    before = service._list_of_tenant.cache_info().misses
    assert read() == first
    assert operations.list_administrator_roles(call, "eve", InWorkspace()).value
    assert service._list_of_tenant.cache_info().misses == before
    tell_estate(NOW + timedelta(hours=1), USERS, *OTHERS, role("joe", OWNER))
    assert read() == first | {"joe"}


@pytest.mark.full
def test_places_are_those_of_the_logs_of_a_workspace(call):
    call.state.workspaces.add("other")
    other = InWorkspace(workspace="other")
    assert operations.list_administrator_places(call, "ada", InWorkspace()).value
    assert operations.list_administrator_places(call, "ada", other).value == ()
    assert (
        operations.list_administrator_roles(call, "ada", other).value
        == operations.list_administrator_roles(call, "ada", InWorkspace()).value
    )
