"""Names of operations within their groups, and the ids that the description of the API gives them."""

from __future__ import annotations

import re

import pytest

from nephoscope.admin.wire.route import list_routes
from nephoscope.operations.declaration.discovery import load_operation_groups
from nephoscope.operations.declaration.operation import OperationGroup
from nephoscope.operations.declaration.operation_name import build_operation_id, shorten_operation_name


@pytest.mark.parametrize(
    ("function", "group", "name", "id_"),
    [
        ("list_tenants", "tenants", "list", "Tenants_List"),
        ("get_tenant", "tenants", "get", "Tenants_Get"),
        ("list_access_requests", "accessRequests", "list", "AccessRequests_List"),
        ("request_port", "accessRequests", "request_port", "AccessRequests_RequestPort"),
        # the last words of the group's noun are enough
        ("stop_capture", "networkWatcherCaptures", "stop", "NetworkWatcherCaptures_Stop"),
        ("change_rule", "own-rules", "change", "OwnRules_Change"),
        ("list_policies", "riskPolicies", "list", "RiskPolicies_List"),
        # a word that is part of another word stays, and so does a verb that is the noun of its group
        ("list_requests_of_users", "requests", "list_of_users", "Requests_ListOfUsers"),
        ("request_image", "requests", "request_image", "Requests_RequestImage"),
        ("try_tenant_now", "tenants", "try_now", "Tenants_TryNow"),
        ("list_access", "access", "list", "Access_List"),
        ("unblock_hash", "blockedHashes", "unblock", "BlockedHashes_Unblock"),
        ("list_addresses", "addresses", "list", "Addresses_List"),
    ],
)
def test_the_noun_of_a_group_goes_without_saying(function: str, group: str, name: str, id_: str) -> None:
    assert shorten_operation_name(function, group) == name
    assert build_operation_id(function, group) == id_


def test_every_operation_has_an_id_of_its_own() -> None:
    ids = [one.name for one in list_routes()]
    assert len(ids) == len(set(ids))
    assert [one for one in ids if not re.fullmatch(r"[A-Z][A-Za-z]+_[A-Z][A-Za-z]+", one)] == []


def test_a_list_is_named_list() -> None:
    nouns = [
        f"{group.name}: {one.function.__name__}"
        for group in load_operation_groups().values()
        for one in group.operations
        if "_" not in one.function.__name__
    ]
    assert nouns == []


def test_two_operations_of_one_name_are_refused() -> None:
    group = OperationGroup("tenants", "Tenants", "A tenant")

    def get_tenant() -> None: ...

    group.operation("Nephoscope/sources/read")(get_tenant)
    with pytest.raises(ValueError, match="two operations are named get"):
        group.operation("Nephoscope/sources/read")(get_tenant)
