"""Role assignments and role definitions that an export cut: who owns and who is a guest is the same, or Unknown."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from tests import exported

from nephoscope.analyze import run
from nephoscope.collect.resources.truncated_values import remove_truncated_values
from nephoscope.estate.estate import Estate
from nephoscope.estate.estate_view import EstateView
from nephoscope_policy.model.coverage import Coverage
from nephoscope_policy.model.resource import Resource
from nephoscope_policy.model.state import ComplianceState

NOW = datetime(2026, 6, 1, tzinfo=UTC)
SUB = "/subscriptions/11111111-1111-1111-1111-111111111111"
AUTHORIZATION = f"{SUB}/providers/Microsoft.Authorization"
ADA, BOB = "aaaaaaaa-0000-0000-0000-000000000001", "aaaaaaaa-0000-0000-0000-000000000002"
CUSTOM = f"{AUTHORIZATION}/roleDefinitions/bbbbbbbb-0000-0000-0000-000000000001"
Body = dict[str, Any]


def body(id_: str, **properties: Any) -> Body:
    type_, _, name = id_.rpartition("/providers/")[2].rpartition("/")
    return {"id": id_, "name": name, "type": type_, "properties": properties}


ROLE = body(
    CUSTOM, roleName="Everything", type="CustomRole", assignableScopes=[SUB],
    permissions=[{"actions": ["*"], "notActions": [], "dataActions": [], "notDataActions": []}],
)  # fmt: skip
GRANTS = [
    body(f"{AUTHORIZATION}/roleAssignments/{name}", principalId=name, principalType="User", roleDefinitionId=CUSTOM, scope=SUB)
    for name in (ADA, BOB)
]  # fmt: skip
RECORDS = [ROLE, *GRANTS]
REST: list[Body] = [
    {"id": SUB, "name": SUB.rsplit("/", 1)[1], "type": "Microsoft.Resources/subscriptions", "properties": {"displayName": "one"}},
    body(f"/providers/Microsoft.Graph/users/{ADA}", userType="Member", accountEnabled=True, displayName="Ada"),
    body(f"/providers/Microsoft.Graph/users/{BOB}", userType="Guest", accountEnabled=True, displayName="Bob"),
]  # fmt: skip
States = dict[str, ComplianceState]


def states(records: list[Body]) -> States:
    """How the recommendations on the accounts of the subscription end, by records as the loader leaves them."""
    resources = []
    for one in copy.deepcopy([*REST, *records]):
        is_cut = remove_truncated_values(one)
        resources.append(Resource.of(one, complete=not is_cut))
    estate = Estate.of(resources, Coverage.cover_everything())
    result = run(EstateView(estate, NOW), ["owners", "guest_accounts", "blocked_accounts"])
    return {one.key: one.state for one in result.assessments if one.resource == SUB}


def nodes(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        if path or key == "properties":
            yield (*path, key)
            yield from nodes(item, (*path, key))


def replaced(value: Body, path: tuple[Any, ...], made: str) -> Body:
    found = copy.deepcopy(value)
    inside: Any = found
    for key in path[:-1]:
        inside = inside[key]
    inside[path[-1]] = made
    return found


@pytest.fixture(scope="module")
def whole() -> States:
    return states(RECORDS)


def flips(whole: States, found: States) -> States:
    return {key: state for key, state in found.items() if state not in (whole[key], ComplianceState.UNKNOWN)}


def test_the_whole_records_decide(whole: States) -> None:
    assert set(whole.values()) == {ComplianceState.COMPLIANT, ComplianceState.NON_COMPLIANT}


@pytest.mark.parametrize("at", range(len(RECORDS)), ids=["role", "of Ada", "of Bob"])
def test_cutting_any_subtree_flips_no_verdict(whole: States, at: int) -> None:
    for path in nodes(RECORDS[at]):
        for made in ("@{a=1}", "System.Object[]"):
            records = [*RECORDS[:at], replaced(RECORDS[at], path, made), *RECORDS[at + 1 :]]
            assert flips(whole, states(records)) == {}, path


@pytest.mark.parametrize("joined", [False, True])
@pytest.mark.parametrize("depth", range(1, 7))
def test_a_depth_of_the_export_flips_no_verdict(whole: States, depth: int, joined: bool) -> None:
    """A list of one action that is joined to a text has no mark of a cut."""
    assert flips(whole, states([exported.cut(one, depth, joined=joined) for one in RECORDS])) == {}
