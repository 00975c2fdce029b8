"""Trying a connection against the loopback Azure: which subscriptions answer, and what is lacking."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from nephoscope.collect.azure.collection_scope import CollectionScope
from nephoscope.collect.azure.connection_test import try_connection
from nephoscope.collect.azure.required_permissions import (
    PermissionProvider,
    list_names,
    list_required_permissions,
)


def test_everything_answers(azure: Any, replay: Any, own_needs: Any) -> None:
    found = try_connection(replay.settings(azure), list_required_permissions(own_needs))
    subscriptions = {key.split("/")[2] for key in azure.world.bodies if key.startswith("/subscriptions/")}
    assert found.works
    assert {one.id for one in found.subscriptions} == subscriptions
    assert {one.name for one in found.permissions} == set(
        list_names(list_required_permissions(own_needs), PermissionProvider.GRAPH)
    )
    assert azure.problems == []


def test_what_lacks_is_named(azure: Any, replay: Any, own_needs: Any) -> None:
    azure.actions = ["Microsoft.Authorization/*/read", "Microsoft.Compute/*/read"]
    azure.refused_types = {"microsoft.graph/users"}
    found = try_connection(replay.settings(azure), list_required_permissions(own_needs))
    assert not found.works
    lacks = {name.lower() for one in found.subscriptions for name in one.lacks}
    assert "microsoft.keyvault/vaults/read" in lacks
    assert not any(name.startswith(("microsoft.compute/", "microsoft.authorization/")) for name in lacks)
    refused = [one for one in found.permissions if not one.granted]
    assert [(one.name, one.reason) for one in refused] == [
        ("User.Read.All", "403 Authorization_RequestDenied")
    ]


@pytest.mark.parametrize("elsewhere", [403, 200])
def test_a_group_that_can_be_collected_is_told(
    azure: Any, replay: Any, own_needs: Any, tmp_path: Path, elsewhere: int
) -> None:
    key = next(key for key in sorted(azure.world.bodies) if "/microsoft.keyvault/vaults/" in key)
    group = "/".join(key.split("/")[:5])
    azure.confined, azure.elsewhere = frozenset({group}), elsewhere
    found = try_connection(replay.settings(azure), list_required_permissions(own_needs))
    around = next(one for one in found.subscriptions if one.id == group.split("/")[2])
    assert around.answers is (elsewhere == 200), "the subscription around it does not answer as a whole"
    assert [(one.id, one.name.lower(), one.lacks) for one in around.groups] == [
        (group, group.split("/")[4], ())
    ]
    assert (found.works, found.groups) == (False, 1)
    assert azure.problems == []
    collected = replay.collect(azure, own_needs, tmp_path / "out")
    assert {gap.scope for gap in collected.gaps} == {f"/subscriptions/{around.id}"}, "and the group is read"


def test_a_group_of_which_no_more_may_be_read_is_not_told(azure: Any, replay: Any, own_needs: Any) -> None:
    azure.actions = ["Microsoft.Authorization/*/read", "Microsoft.Compute/*/read"]
    found = try_connection(replay.settings(azure), list_required_permissions(own_needs))
    assert all(one.lacks and not one.groups for one in found.subscriptions)


def test_a_subscription_that_is_not_there(azure: Any, replay: Any, own_needs: Any) -> None:
    known = next(key.split("/")[2] for key in sorted(azure.world.bodies) if key.startswith("/subscriptions/"))
    absent = "99999999-0000-0000-0000-000000000000"
    found = try_connection(
        replay.settings(azure, scope=CollectionScope.of((known, absent))),
        list_required_permissions(own_needs),
    )
    assert {one.id: one.answers for one in found.subscriptions} == {known: True, absent: False}
    assert "may not be read" in next(one.reason for one in found.subscriptions if not one.answers)


def test_no_sign_in(azure: Any, replay: Any, own_needs: Any) -> None:
    class Refused:
        def get_token(self, *_: str, **__: Any) -> Any:
            raise ValueError("AADSTS7000215: wrong client secret")

    found = try_connection(
        replace(replay.settings(azure), sign_in=lambda _: Refused), list_required_permissions(own_needs)
    )
    assert not found.works
    assert "AADSTS7000215" in found.error
    assert found.subscriptions == ()
