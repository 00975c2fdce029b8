"""Conditional access: whom policies cover and exclude, and why a control is not enforced on a user."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from tests.identity.test_administrators import GLOBAL, graph

from nephoscope.estate.data_gap import DataNotCollectedError
from nephoscope.estate.estate import Estate
from nephoscope.identity.conditional_access import AccessControl, AccessEvaluation
from nephoscope.operations.declaration.operation import OperationCall
from nephoscope.operations.identity import conditional_access as operations
from nephoscope.operations.identity.conditional_access import AccessGapQuery
from nephoscope.service.local_user import LocalUser
from nephoscope.service.service_context import ServiceContext
from nephoscope_policy.model.coverage import Coverage
from nephoscope_policy.model.resource import Resource

NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)
ALL = {"includeApplications": ["All"]}
ARM = "797f4846-ba00-4fd7-ba43-dac1f8f63013"
USERS = [
    graph("users", "ada", userPrincipalName="ada", userType="Member"),
    graph("users", "bob", userPrincipalName="bob", userType="Member"),
    graph("users", "eve", userPrincipalName="eve", userType="Guest"),
    graph("users", "off", userPrincipalName="off", userType="Member", accountEnabled=False),
    graph("groups", "team", displayName="Team", members=["bob", "inner"]),
    graph("groups", "inner", displayName="Inner", members=["eve"]),
    graph("groups", "unread", displayName="Unread"),
    graph("roleassignments", "r1", principalId="ada", roleDefinition={"templateId": GLOBAL}),
]


def policy(users, controls=("mfa",), operator="OR", applications=None, state="enabled", **conditions):
    return graph(
        "policies", "p", displayName="P", state=state, grantControls={"operator": operator, "builtInControls": list(controls)},
        conditions={"users": users, "applications": applications or ALL, "clientAppTypes": ["all"], **conditions},
    )  # fmt: skip


def evaluate(*policies):
    bodies = [
        *USERS,
        *({**one, "id": f"{one['id']}{at}", "name": f"p{at}"} for at, one in enumerate(policies)),
    ]
    types = frozenset({"microsoft.graph/users", "microsoft.graph/policies"})
    return AccessEvaluation(Estate.of([Resource.of(one) for one in bodies], Coverage({"": types})))


def gaps(control, *policies):
    return {one.name: one.reason for one in evaluate(*policies).find_gaps() if one.control == control}


EVERYBODY = {"includeUsers": ["All"]}
NOBODY = "no policy covers the user"


@pytest.mark.parametrize(
    ("users", "missing"),
    [
        (EVERYBODY, {}),
        ({"includeUsers": ["ada"], "includeGroups": ["team"]}, {}),
        ({"includeGroups": ["TEAM"]}, {"ada": NOBODY}),
        ({"includeRoles": [GLOBAL]}, {"bob": NOBODY, "eve": NOBODY}),
        ({"includeUsers": ["GuestsOrExternalUsers"]}, {"ada": NOBODY, "bob": NOBODY}),
        ({"includeGuestsOrExternalUsers": {"guestOrExternalUserTypes": "b2bCollaborationGuest"}}, {"ada": NOBODY, "bob": NOBODY}),
        ({**EVERYBODY, "excludeUsers": ["ada"]}, {"ada": "excluded from 'P'"}),
        ({**EVERYBODY, "excludeGroups": ["team"]}, {"bob": "excluded from 'P'", "eve": "excluded from 'P'"}),
        ({**EVERYBODY, "excludeRoles": [GLOBAL]}, {"ada": "excluded from 'P'"}),
    ],
)  # fmt: skip
def test_users_are_those_of_names_groups_roles_and_guests(users, missing):
    assert gaps(AccessControl.SECOND_FACTOR, policy(users)) == missing


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"state": "enabledForReportingButNotEnforced"}, "'P' only reports"),
        ({"state": "disabled"}, "'P' is off"),
        (
            {"locations": {"includeLocations": ["All"], "excludeLocations": ["AllTrusted"]}},
            "'P' is limited by locations",
        ),
        ({"platforms": {"includePlatforms": ["android"]}}, "'P' is limited by platforms"),
        (
            {"devices": {"deviceFilter": {"mode": "include", "rule": "x"}}},
            "'P' is limited by a device filter",
        ),
        ({"controls": ("mfa", "compliantDevice")}, NOBODY),
        ({"applications": {"includeApplications": ["Office365"]}}, NOBODY),
        ({"applications": {**ALL, "excludeApplications": ["x"]}}, NOBODY),
        ({"clientAppTypes": ["browser"]}, NOBODY),
        ({"signInRiskLevels": ["high"]}, NOBODY),
        ({"controls": ("mfa", "compliantDevice"), "operator": "AND"}, None),
        ({"locations": {"includeLocations": ["All"]}}, None),
        ({"clientAppTypes": ["browser", "mobileAppsAndDesktopClients"]}, None),
    ],
)
def test_a_policy_enforces_only_what_it_demands_of_every_sign_in(change, reason):
    assert gaps(AccessControl.SECOND_FACTOR, policy(EVERYBODY, **change)).get("ada") == reason


@pytest.mark.parametrize(
    ("control", "enforcing", "not_enforcing"),
    [
        (
            AccessControl.MANAGEMENT_SECOND_FACTOR,
            {"applications": {"includeApplications": [ARM]}}, {"applications": {"includeApplications": ["x"]}},
        ),
        (
            AccessControl.LEGACY_BLOCKED,
            {"controls": ("block",), "clientAppTypes": ["exchangeActiveSync", "other"]},
            {"controls": ("block",), "clientAppTypes": ["other"]},
        ),
        (
            AccessControl.USER_RISK,
            {"controls": ("mfa", "passwordChange"), "operator": "AND", "userRiskLevels": ["high"]}, {"userRiskLevels": ["high"]},
        ),
        (AccessControl.SIGN_IN_RISK, {"signInRiskLevels": ["medium", "high"]}, {"signInRiskLevels": ["medium"]}),
    ],
)  # fmt: skip
def test_each_control_has_its_policies(control, enforcing, not_enforcing):
    assert gaps(control, policy(EVERYBODY, **enforcing)) == {}
    assert gaps(control, policy(EVERYBODY, **not_enforcing)) == {"ada": NOBODY, "bob": NOBODY, "eve": NOBODY}


def test_a_second_policy_closes_the_gap_of_the_first():
    first = policy({**EVERYBODY, "excludeUsers": ["ada"]})
    assert gaps(AccessControl.SECOND_FACTOR, first, policy({"includeUsers": ["ada"]})) == {}


@pytest.mark.parametrize("word", ["include", "exclude"])
def test_a_group_whose_members_were_not_read_is_no_certain_gap(word):
    users = {"includeGroups": ["unread"]} if word == "include" else {**EVERYBODY, "excludeGroups": ["unread"]}
    found = [one for one in evaluate(policy(users)).find_gaps() if one.control == AccessControl.SECOND_FACTOR]
    assert {(one.certain, one.reason) for one in found} == {
        (False, "members not collected: microsoft.graph/groups/unread")
    }


def test_policies_that_were_not_collected_are_not_none():
    with pytest.raises(DataNotCollectedError, match=r"microsoft\.graph/policies"):
        AccessEvaluation(Estate.of([Resource.of(one) for one in USERS], Coverage({})))


@pytest.fixture
def call(state, lake, tell_estate):
    users = [{"id": one, "userPrincipalName": one, "userType": "Member"} for one in ("ada", "bob")]
    tell_estate(NOW, users, USERS[-1], policy({**EVERYBODY, "excludeUsers": ["ada"]}))
    return OperationCall(
        ServiceContext(LocalUser.current(), state, lake.data, lambda: NOW), lambda: None, lake
    )


def test_policies_say_whom_they_cover(call):
    page = operations.list_policies(call)
    assert [(one.name, one.covered, one.excluded, one.controls) for one in page.value] == [
        ("P", 1, 1, ("mfa",))
    ]
    assert (page.users, page.not_collected) == (2, ())
    (row,) = operations._list_policy_rows(page)
    assert (row["controls"], row["users"]) == ("mfa", 2)


def test_gaps_of_administrators_come_first(call):
    page = operations.list_gaps(call, AccessGapQuery())
    assert [(one.name, one.administrator) for one in page.value][:2] == [("ada", True), ("ada", True)]
    factor = [
        (row["name"], row["reason"])
        for row in operations._list_gap_rows(page)
        if row["control"] == "secondFactor"
    ]
    assert factor == [("ada", "excluded from 'P'")]
    only = operations.list_gaps(call, AccessGapQuery(administrators=True)).value
    assert {one.name for one in only} == {"ada"}


def test_an_estate_that_was_not_collected_has_no_gaps_but_says_so(state, lake):
    call = OperationCall(
        ServiceContext(LocalUser.current(), state, lake.data, lambda: NOW), lambda: None, lake
    )
    page = operations.list_gaps(call, AccessGapQuery())
    assert (page.value, page.not_collected) == ((), ("the estate: no snapshot was imported",))
