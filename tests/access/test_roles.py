"""Roles allow what Azure's roles of the same names allow."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from nephoscope.access.roles import ROLES, find_role
from nephoscope.access.scopes import (
    Hierarchy,
    RoleScopeError,
    find_log_scope,
    find_reach,
    is_permitted,
    list_containing_scopes,
    parse_scope,
)
from nephoscope.lake.queries.principal_scope import LakeScope
from nephoscope.state.access.principals import RoleAssignment

A, B = "11111111-1111-4111-8111-111111111111", "22222222-2222-4222-8222-222222222222"
TOP, LOW = (f"/providers/microsoft.management/managementgroups/{name}" for name in ("top", "low"))
HIERARCHY = Hierarchy({A: (LOW, TOP), B: (TOP,)}, frozenset({A, B}))
READ = "Microsoft.Security/assessments/read"


def given(*pairs: tuple[str, str]) -> list[RoleAssignment]:
    return [
        RoleAssignment(str(at), "p", name, scope, "t", datetime.now(UTC))
        for at, (name, scope) in enumerate(pairs)
    ]


@pytest.mark.parametrize(
    ("operation", "allowed"),
    [
        (
            "Microsoft.Security/assessments/read",
            "Reader, Security Reader, Security Admin, Contributor, Owner",
        ),
        ("microsoft.security/ALERTS/read", "Reader, Security Reader, Security Admin, Contributor, Owner"),
        ("Microsoft.Security/locations/alerts/dismiss/action", "Security Admin, Contributor, Owner"),
        ("Microsoft.Compute/virtualMachines/read", "Reader, Contributor, Owner"),
        ("Microsoft.Authorization/policyExemptions/write", "Security Admin, Owner"),
        ("Microsoft.Authorization/roleAssignments/write", "Owner"),
        ("Microsoft.SecurityInsights/incidents/write", "Security Admin, Contributor, Owner"),
        (
            "Microsoft.OperationalInsights/workspaces/query/read",
            "Reader, Security Reader, Security Admin, Contributor, Owner",
        ),
        ("Microsoft.Insights/Telemetry/Write", "Contributor, Owner, Monitoring Metrics Publisher"),
        ("Microsoft.Security/pipelineRuns/write", "Security Admin, Contributor, Owner, Pipeline Publisher"),
        ("Microsoft.Security/imageRequests/write", "Security Admin, Contributor, Owner, Image Requester"),
        ("Nephoscope/leakedCredentials/check/action", "Contributor, Owner, Credential Checker"),
        ("Microsoft.Security/imageRequests/answer/action", "Security Admin, Contributor, Owner"),
        ("Nephoscope/secrets/write", "Owner"),
        ("Nephoscope/audit/read", "Owner"),
        ("Nephoscope/sources/write", "Contributor, Owner"),
    ],
)
def test_who_may(operation, allowed):
    assert [one.name for one in ROLES if one.allows(operation)] == allowed.split(", ")


def test_roles_are_found_by_name_and_guid():
    for one in ROLES:
        assert find_role(one.name.upper()) is find_role(one.id.upper()) is one
    assert find_role("King") is None


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("/", "/"),
        (A.upper(), f"/subscriptions/{A}"),
        (f"/subscriptions/{A}/resourceGroups/RG-x/", f"/subscriptions/{A}/resourcegroups/rg-x"),
        (TOP.upper(), TOP),
        ("/workspaces/Default", "/workspaces/default"),
        ("/repositories/github.com/Contoso/Shop/", "/repositories/github.com/contoso/shop"),
    ],
)
def test_scopes(text, kept):
    assert parse_scope(text) == kept


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x",
        "/subscriptions/x",
        f"/subscriptions/{A}/providers/x/y/z",
        "/workspaces/",
        "/workspaces/a/b",
        "/repositories/",
        "/repositories/a//b",
        "//",
    ],
)
def test_no_scopes(text):
    with pytest.raises(RoleScopeError):
        parse_scope(text)


def test_reach_of_a_management_group():
    assert find_reach(given(("Reader", LOW)), READ, HIERARCHY).subscriptions == {A}
    assert find_reach(given(("Reader", TOP)), READ, HIERARCHY).subscriptions == {A, B}
    assert find_reach(given(("Reader", LOW)), READ, HIERARCHY).management_groups == {LOW, TOP}
    assert find_reach(given(("Reader", LOW)), "Microsoft.Security/alerts/write", HIERARCHY).is_empty


def test_roles_add_up():
    roles = given(
        ("Security Reader", f"/subscriptions/{A}"), ("Security Admin", f"/subscriptions/{B}/resourcegroups/g")
    )
    found = find_reach(roles, READ, HIERARCHY)
    assert found.can_read(A)
    assert not found.can_read(B)
    assert found.can_read(B, f"/subscriptions/{B}/resourcegroups/g")
    assert find_reach(roles, "Microsoft.Security/pricings/write", HIERARCHY).subscriptions == frozenset()


@pytest.mark.parametrize(
    ("held", "scope"),
    [
        (("Reader", "/"), LakeScope(None, None)),
        (("Reader", "/workspaces/w"), LakeScope(None, frozenset({"w"}))),
        (("Reader", "/workspaces/other"), None),
        (("Reader", f"/subscriptions/{A}"), LakeScope(frozenset({A}), None)),
        (("Reader", f"/subscriptions/{A}/resourcegroups/g"), None),
        (("Monitoring Metrics Publisher", "/"), None),
    ],
)
def test_logs(held, scope):
    assert (
        find_log_scope(given(held), "Microsoft.OperationalInsights/workspaces/query/read", HIERARCHY, "w")
        == scope
    )


def test_permitted_below_and_not_beside():
    roles = given(("Security Admin", LOW))
    dismiss = "Microsoft.Security/locations/alerts/dismiss/action"
    assert is_permitted(roles, dismiss, f"/subscriptions/{A}/resourcegroups/g/providers/x.y/z/n", HIERARCHY)
    assert not is_permitted(roles, dismiss, f"/subscriptions/{B}", HIERARCHY)
    assert not is_permitted(roles, dismiss, "/", HIERARCHY)
    assert list(list_containing_scopes("/workspaces/w", HIERARCHY)) == ["/", "/workspaces/w"]
