"""Subscriptions that were left out of a tenant: what is noted of them, and what readers are told of their tables."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from nephoscope.estate.estate import Estate
from nephoscope.model.read_scope import EVERYTHING, Reach
from nephoscope.posture.published.build_info import BuildInfo
from nephoscope.posture.published.excluded_subscriptions import NOTHING, SOME_GROUPS, find_left_out
from nephoscope.posture.published.table_gaps import describe_gaps, is_table_unfilled
from nephoscope.posture.reports.resource_graph_tables import list_unread_types
from nephoscope_policy.model.coverage import Coverage
from nephoscope_policy.model.resource import Resource

READ, OUT = "11111111-1111-4111-8111-111111111111", "22222222-2222-4222-8222-222222222222"
ROLES, PLANS = "microsoft.authorization/roleassignments", "microsoft.authorization/policyassignments"
VAULTS, MACHINES = "microsoft.keyvault/vaults", "microsoft.compute/virtualmachines"
PATCHES = f"{MACHINES}/patchassessmentresults"
GUESTS = "microsoft.guestconfiguration/guestconfigurationassignments"


def estate(scopes: dict[str, set[str]], *, declared: bool = True, machine: bool = False) -> Estate:
    """Two subscriptions, the second of which has a machine or nothing."""
    several = [
        {"id": f"/subscriptions/{one}", "name": one, "type": "Microsoft.Resources/subscriptions"}
        for one in (READ, OUT)
    ]
    if machine:
        id_ = f"/subscriptions/{OUT}/resourceGroups/rg/providers/Microsoft.Compute/virtualMachines/vm"
        several.append({"id": id_, "name": "vm", "type": "Microsoft.Compute/virtualMachines"})
    named = {scope.format(read=READ, out=OUT): frozenset(types) for scope, types in scopes.items()}
    return Estate.of([Resource.of(one) for one in several], Coverage(named, declared=declared))


@pytest.mark.parametrize(
    ("scopes", "lacking"),
    [
        ({"/subscriptions/{read}": {VAULTS}}, {NOTHING}),
        ({"/subscriptions/{read}": {VAULTS, ROLES}}, {NOTHING, ROLES}),
        ({"/subscriptions/{read}": {VAULTS}, "": {ROLES}}, {NOTHING}),
        ({"": {VAULTS}}, set()),
        ({"": {"*"}}, set()),
        ({"/subscriptions/{read}": {"*"}, "/subscriptions/{out}": {"*"}}, set()),
        ({"/subscriptions/{read}": {VAULTS}, "/subscriptions/{out}": {VAULTS}}, set()),
        (
            {"/subscriptions/{read}": {VAULTS}, "/subscriptions/{out}/resourcegroups/rg": {VAULTS}},
            {SOME_GROUPS},
        ),
        ({"/subscriptions/{read}": {VAULTS, ROLES}, "/subscriptions/{out}": {ROLES}}, {NOTHING}),
        ({"/subscriptions/{read}": {VAULTS, ROLES}, "/subscriptions/{out}": {VAULTS}}, {ROLES}),
        (
            {
                "/subscriptions/{read}": {VAULTS, ROLES, PLANS},
                "/subscriptions/{out}": {VAULTS, f"{ROLES}/r", f"{VAULTS}/providers/{PLANS}"},
            },
            set(),
        ),
        ({"/subscriptions/{read}": {VAULTS, GUESTS, PATCHES}, "/subscriptions/{out}": {VAULTS}}, {GUESTS}),
    ],
)
def test_what_was_not_read_in_a_subscription_is_noted(scopes: dict[str, set[str]], lacking: set[str]) -> None:
    found = left_out(estate(scopes))
    assert set(found.get(OUT, ())) == lacking
    assert READ not in found


def left_out(of: Estate) -> dict[str, tuple[str, ...]]:
    return find_left_out(of, list_unread_types(of.coverage))


def test_a_child_lacks_where_it_has_a_parent() -> None:
    scopes = {"/subscriptions/{read}": {MACHINES, PATCHES}, "/subscriptions/{out}": {MACHINES}}
    assert left_out(estate(scopes, machine=True))[OUT] == (PATCHES,)
    assert OUT not in left_out(estate(scopes))


def test_inferred_claims_tell_of_what_a_list_holds_in_full() -> None:
    scopes = {"/subscriptions/{read}": {VAULTS, ROLES, GUESTS}, "/subscriptions/{out}": {VAULTS}}
    assert left_out(estate(scopes, declared=False))[OUT] == (ROLES,)


MADE = BuildInfo(
    datetime(2026, 11, 1, tzinfo=UTC), "", 1, None, 0, 0, {}, (), {}, (), (), 0, {OUT: "spare"}, {},
    tenants={READ: "a", OUT: "a", "other": "b"}, unread_types={"a": (PLANS,), "b": (ROLES,)},
    left_out={OUT: (NOTHING, ROLES), "other": (SOME_GROUPS,)},
)  # fmt: skip
BOTH, MINE, THEIRS = (Reach(subscriptions=frozenset(one)) for one in ({READ, OUT}, {READ}, {OUT}))
ALSO_OTHER = Reach(subscriptions=frozenset({READ, OUT, "other"}))
SPARE = f"in the subscription spare ({OUT})"


@pytest.mark.parametrize(
    ("table", "reach", "lines"),
    [
        ("resources", BOTH, [f"Resources is incomplete, no resources were collected {SPARE}"]),
        (
            "resourcecontainers",
            THEIRS,
            [f"ResourceContainers is incomplete, no resources were collected {SPARE}"],
        ),
        ("resources", MINE, []),
        ("resources", Reach(), []),
        (
            "resources",
            EVERYTHING,
            [
                f"Resources is incomplete, no resources were collected {SPARE}",
                "Resources is incomplete, only some resource groups were collected in the subscription other",
            ],
        ),
        ("resources", Reach(groups=frozenset({"/subscriptions/other/resourcegroups/rg"})), []),
        (
            "authorizationresources",
            BOTH,
            [
                f"AuthorizationResources is incomplete, Microsoft.Authorization/roleAssignments not collected {SPARE}"
            ],
        ),
        (
            "policyresources",
            MINE,
            ["PolicyResources is incomplete, not collected: Microsoft.Authorization/policyAssignments"],
        ),
        (
            "authorizationresources",
            Reach(subscriptions=frozenset({"other"})),
            ["AuthorizationResources is incomplete, not collected: Microsoft.Authorization/roleAssignments"],
        ),
    ],
)
def test_a_reader_is_told_what_lacks_of_what_the_reader_may_see(
    table: str, reach: Reach, lines: list[str]
) -> None:
    assert describe_gaps(MADE, [table], {table: reach}) == lines


def test_a_reader_of_a_tenant_is_told_the_same_beside_another() -> None:
    alone = BuildInfo(
        MADE.when, "", 1, None, 0, 0, {}, (), {}, (), (), 0, {OUT: "spare"}, {}, tenants={READ: "a", OUT: "a"},
        unread_types={"a": (PLANS,)}, left_out={OUT: (NOTHING, ROLES)},
    )  # fmt: skip
    for table in ("resources", "policyresources", "authorizationresources", "securityresources"):
        for reach in (BOTH, THEIRS, Reach(whole_tenants=frozenset({"a"}), tenants=frozenset({"a"}))):
            assert describe_gaps(alone, [table], {table: reach}) == describe_gaps(
                MADE, [table], {table: reach}
            )
            assert is_table_unfilled(alone, table, reach) == is_table_unfilled(MADE, table, reach)


@pytest.mark.parametrize(
    ("table", "reach", "unfilled"),
    [
        ("resources", THEIRS, True),
        ("resources", BOTH, False),
        ("resources", Reach(), False),
        ("resources", ALSO_OTHER, False),
        ("resources", EVERYTHING, False),
        ("securityresources", THEIRS, False),
    ],
)
def test_a_table_of_a_subscription_that_was_left_out_has_no_answer(
    table: str, reach: Reach, unfilled: bool
) -> None:
    assert is_table_unfilled(MADE, table, reach) == unfilled
