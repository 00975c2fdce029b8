"""Roles on one tenant: what they reach, and what of another tenant they do not."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from nephoscope.access.scopes import (
    Hierarchy,
    RoleScopeError,
    find_unknown_scope,
    is_permitted,
    parse_scope,
    reach,
)
from nephoscope.state.access.principals import RoleAssignment

A, B = "aaaaaaaa-0000-4000-8000-000000000001", "bbbbbbbb-0000-4000-8000-000000000002"
ONE, TWO, OTHER = (
    "11111111-0000-4000-8000-000000000001",
    "22222222-0000-4000-8000-000000000002",
    "33333333-0000-4000-8000-000000000003",
)
GROUP = "/providers/microsoft.management/managementgroups/platform"
HIERARCHY = Hierarchy(
    {ONE: (GROUP,), OTHER: (GROUP,)}, frozenset({ONE, TWO, OTHER}), {ONE: A, TWO: A, OTHER: B}
)
READ = "Microsoft.Resources/subscriptions/read"


def held(scope):
    return [RoleAssignment("1", "ann", "Reader", scope, "owner", datetime(2026, 1, 1, tzinfo=UTC))]


def test_it_reaches_the_subscriptions_of_the_tenant_and_what_lies_above_them_there():
    found = reach(held(f"/tenants/{A}"), READ, HIERARCHY)
    assert found.subscriptions == {ONE, TWO}
    assert (found.tenants, found.whole_tenants) == ({A}, {A})
    assert not found.everything
    assert not found.nothing


@pytest.mark.parametrize(
    ("scope", "may"),
    [
        ("/", False),
        (f"/tenants/{A}", True),
        (f"/tenants/{B}", False),
        (f"/subscriptions/{ONE}", True),
        (f"/subscriptions/{TWO}/resourcegroups/g", True),
        (f"/subscriptions/{OTHER}", False),
        # both tenants have a management group of this name: which is meant is not known
        (GROUP, False),
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
    assert reach(held(GROUP), READ, HIERARCHY).nothing
    assert "several tenants" in find_unknown_scope(GROUP, HIERARCHY, ())


def test_a_role_at_a_name_that_one_tenant_has_reaches_what_is_below():
    alone = Hierarchy({ONE: (GROUP,), TWO: (GROUP,)}, HIERARCHY.subscriptions, HIERARCHY.tenants)
    assert reach(held(GROUP), READ, alone).subscriptions == {ONE, TWO}
    assert is_permitted(held(GROUP), READ, f"/subscriptions/{TWO}", alone)
    assert find_unknown_scope(GROUP, alone, ()) == ""
