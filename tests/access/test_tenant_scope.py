"""Roles on one tenant: what they reach, and what of another tenant they do not."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from nephoscope.access.management_group_tenants import name_tenants
from nephoscope.access.scopes import (
    Hierarchy,
    RoleScopeError,
    find_owning_tenant,
    find_reach,
    find_unknown_scope,
    is_permitted,
    name_tenant,
    parse_scope,
)
from nephoscope.state.access.principals import PrincipalKind, RoleAssignment

A, B = "aaaaaaaa-0000-4000-8000-000000000001", "bbbbbbbb-0000-4000-8000-000000000002"
ONE, TWO, OTHER = (
    "11111111-0000-4000-8000-000000000001",
    "22222222-0000-4000-8000-000000000002",
    "33333333-0000-4000-8000-000000000003",
)
MANAGEMENT = "/providers/microsoft.management/managementgroups/"
GROUP, TOP = f"{MANAGEMENT}platform", f"{MANAGEMENT}root-a"
HIERARCHY = Hierarchy(
    {ONE: (GROUP,), OTHER: (GROUP,)}, frozenset({ONE, TWO, OTHER}), {ONE: A, TWO: A, OTHER: B}
)
READ, WRITE = (
    "Microsoft.Resources/subscriptions/read",
    "Microsoft.Authorization/policyAssignments/write",
)


def held(scope, role="Reader"):
    return [RoleAssignment("1", "ann", role, scope, "owner", datetime(2026, 1, 1, tzinfo=UTC))]


def test_it_reaches_the_subscriptions_of_the_tenant_and_what_lies_above_them_there():
    found = find_reach(held(f"/tenants/{A}"), READ, HIERARCHY)
    assert found.subscriptions == {ONE, TWO}
    assert (found.tenants, found.whole_tenants) == ({A}, {A})
    assert not found.everything
    assert not found.is_empty


@pytest.mark.parametrize(
    ("scope", "may"),
    [
        ("/", False),
        (f"/tenants/{A}", True),
        (f"/tenants/{B}", False),
        (f"/subscriptions/{ONE}", True),
        (f"/subscriptions/{TWO}/resourcegroups/g", True),
        (f"/subscriptions/{OTHER}", False),
        # both tenants have a management group of this name: that of the tenant is meant
        (GROUP, True),
    ],
)
def test_it_permits_within_the_tenant_alone(scope, may):
    assert is_permitted(held(f"/tenants/{A}"), READ, scope, HIERARCHY) is may


def test_a_role_on_everything_permits_in_every_tenant():
    assert is_permitted(held("/"), READ, f"/tenants/{B}", HIERARCHY)


def test_the_scope_is_read_and_looked_up():
    assert parse_scope(f"/tenants/{A.upper()}/") == f"/tenants/{A}"
    assert find_unknown_scope(f"/tenants/{A}", HIERARCHY, ()) == ""
    assert "no subscription of the tenant" in find_unknown_scope(
        "/tenants/cccccccc-0000-4000-8000-000000000003", HIERARCHY, ()
    )
    with pytest.raises(RoleScopeError, match="/tenants/<id>"):
        parse_scope("/tenants/contoso")


@pytest.mark.parametrize("scope", [GROUP, f"/subscriptions/{ONE}", f"/subscriptions/{OTHER}"])
def test_a_role_at_a_name_that_two_tenants_have_reaches_neither(scope):
    assert not is_permitted(held(GROUP), READ, scope, HIERARCHY)
    assert find_reach(held(GROUP), READ, HIERARCHY).is_empty
    told = find_unknown_scope(GROUP, HIERARCHY, ())
    assert all(
        f"/tenants/{one}/providers/Microsoft.Management/managementGroups/platform" in told for one in (A, B)
    )


@pytest.mark.parametrize(
    ("roles", "operation", "scope", "may"),
    [
        ([f"/tenants/{A}{GROUP}"], READ, GROUP, True),
        (
            [f"/tenants/{A}{GROUP}"],
            READ,
            f"{GROUP}/providers/microsoft.authorization/policyassignments/x",
            True,
        ),
        ([f"/tenants/{A}{TOP}"], READ, GROUP, True),
        ([f"/tenants/{A}{GROUP}"], READ, TOP, False),
        ([f"/tenants/{A}{GROUP}"], READ, f"/subscriptions/{ONE}", True),
        ([f"/tenants/{A}{GROUP}"], READ, f"/subscriptions/{TWO}", False),
        ([f"/tenants/{A}{GROUP}"], READ, f"/subscriptions/{OTHER}", False),
        ([f"/tenants/{A}{GROUP}"], READ, f"/tenants/{A}", False),
        ([f"/tenants/{A}"], READ, f"/tenants/{A}{GROUP}", True),
        ([f"/tenants/{B}"], READ, f"/tenants/{A}{GROUP}", False),
        ([f"/tenants/{A}", f"/tenants/{B}"], READ, GROUP, False),
        ([f"/tenants/{A}", f"/subscriptions/{OTHER}"], READ, GROUP, False),
        ([f"/subscriptions/{ONE}"], READ, GROUP, False),
        ([f"/tenants/{A}"], WRITE, GROUP, True),
        ([f"/tenants/{A}{TOP}"], WRITE, GROUP, True),
        ([TOP], WRITE, GROUP, True),
        ([f"/tenants/{A}", f"/subscriptions/{OTHER}"], WRITE, GROUP, True),
        ([f"/tenants/{A}", f"/tenants/{B}{GROUP}"], WRITE, GROUP, False),
        ([f"/subscriptions/{ONE}"], WRITE, GROUP, False),
        ([GROUP], WRITE, GROUP, False),
        (["/"], WRITE, GROUP, True),
        ([GROUP], READ, GROUP, False),
    ],
)
def test_a_name_of_several_tenants_is_that_of_the_one_that_is_read(roles, operation, scope, may):
    below_top = Hierarchy(
        {ONE: (GROUP, TOP), OTHER: (GROUP, f"{MANAGEMENT}root-b")}, HIERARCHY.subscriptions, HIERARCHY.tenants
    )
    several = [one for scope_ in roles for one in held(scope_, "Owner")]
    assert is_permitted(several, operation, scope, below_top) is may


@pytest.mark.parametrize(
    ("roles", "scope", "tenant"),
    [
        ([f"/tenants/{A}"], GROUP, A),
        ([f"/tenants/{B}{GROUP}"], f"{GROUP}/providers/microsoft.authorization/policyassignments/x", B),
        (["/"], GROUP, ""),
        (["/", f"/tenants/{A}"], GROUP, ""),
        ([f"/tenants/{A}", f"/tenants/{B}"], GROUP, ""),
        (["/"], TOP, A),
        ([], f"/tenants/{B}{GROUP}", B),
        ([f"/tenants/{A}"], f"/subscriptions/{ONE}", ""),
    ],
)
def test_a_change_below_a_name_of_several_tenants_is_made_in_the_tenant_of_the_role(roles, scope, tenant):
    below_top = Hierarchy({ONE: (GROUP, TOP), OTHER: (GROUP,)}, HIERARCHY.subscriptions, HIERARCHY.tenants)
    several = [one for scope_ in roles for one in held(scope_, "Owner")]
    assert find_owning_tenant(several, WRITE, scope, below_top) == tenant


@pytest.mark.parametrize("scope", [f"/tenants/{A}{GROUP}", f"/tenants/{A}"])
def test_a_role_with_its_tenant_reaches_that_alone(scope):
    assert find_reach(held(scope), READ, HIERARCHY).subscriptions == {ONE, TWO} - (
        {TWO} if scope.endswith("platform") else set()
    )
    assert find_reach(held(scope), READ, HIERARCHY).tenants == {A}
    assert find_unknown_scope(scope, HIERARCHY, ()) == ""


@pytest.mark.parametrize(
    ("scope", "hierarchy", "named"),
    [
        (GROUP, Hierarchy({ONE: (GROUP,)}, tenants={ONE: A}), f"/tenants/{A}{GROUP}"),
        (GROUP, HIERARCHY, GROUP),
        (GROUP, Hierarchy({}), GROUP),
        (GROUP, Hierarchy({ONE: (GROUP,)}), GROUP),
        ("/", HIERARCHY, "/"),
    ],
)
def test_a_group_gets_its_tenant(scope, hierarchy, named):
    assert name_tenant(scope, hierarchy) == named
    assert parse_scope(named) == named


def test_a_role_of_before_stays_with_its_tenant_when_another_comes(state):
    alone = Hierarchy({ONE: (GROUP,)}, tenants={ONE: A, TWO: A})
    with state.transaction() as session:
        ann = state.principals.add(session, PrincipalKind.PERSON, "ann")
        state.principals.grant(session, ann.id, "Reader", GROUP, "owner")
    assert name_tenants(state, lambda: alone) == 1
    assert name_tenants(state, lambda: alone) == 0
    (kept,) = state.principals.roles(ann.id)
    assert (kept.scope, kept.author) == (f"/tenants/{A}{GROUP}", "owner")
    assert (
        find_reach([kept], READ, HIERARCHY).subscriptions
        == find_reach([kept], READ, alone).subscriptions
        == {ONE}
    )
    (entry,) = state.audit.entries(most=1)
    assert (entry.author, entry.detail["before"]) == ("nephoscope", GROUP)


def test_a_role_at_a_name_that_one_tenant_has_reaches_what_is_below():
    alone = Hierarchy({ONE: (GROUP,), TWO: (GROUP,)}, HIERARCHY.subscriptions, HIERARCHY.tenants)
    assert find_reach(held(GROUP), READ, alone).subscriptions == {ONE, TWO}
    assert is_permitted(held(GROUP), READ, f"/subscriptions/{TWO}", alone)
    assert find_unknown_scope(GROUP, alone, ()) == ""
