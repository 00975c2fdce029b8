"""A sign-in that has a role on some resource groups alone: the subscription around them counts as unread, the groups as read."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from nephoscope.collect import resources
from nephoscope.collect.azure.collection_gaps import format_gap_lines
from nephoscope.collect.azure.collection_scope import CollectionScope
from nephoscope.posture.scans.scan import EstateScan, ScanRequest

NOW = datetime(2026, 11, 1, tzinfo=UTC)
PERMISSIONS = "microsoft.authorization/permissions"
OF_SUBSCRIPTIONS = (
    "microsoft.security/pricings",
    "microsoft.security/securitycontacts",
    "microsoft.insights/activitylogalerts",
    "microsoft.authorization/roleassignments",
    "microsoft.network/bastionhosts",
)


@pytest.fixture
def group(azure: Any) -> str:
    """A resource group with a vault; nothing else may be read."""
    keys = sorted(key for key in azure.world.bodies if "/microsoft.keyvault/vaults/" in key)
    found = "/".join(next(key for key in keys if key.count("/") == 8).split("/")[:5])
    azure.confined = frozenset({found})
    return found


def verdicts(path: Path | str, data: Path) -> dict[tuple[str, str], str]:
    scan = EstateScan(ScanRequest((str(path),)), data, NOW)
    return {(one.resource.lower(), one.key): str(one.state) for one in scan.run(scan.estate()).assessments}


@pytest.mark.parametrize("elsewhere", [403, 200])
def test_the_subscription_is_unread_and_the_group_is_read(
    azure: Any, replay: ModuleType, own_needs: Any, tmp_path: Path, group: str, elsewhere: int
) -> None:
    azure.elsewhere = elsewhere
    found = replay.collect(azure, own_needs, tmp_path / "out", graph=False)
    assert azure.problems == []
    subscription = "/".join(group.split("/")[:3])
    covered = resources.load([tmp_path / "out"]).coverage
    assert covered.scopes.keys() == {subscription, group}
    assert [one for one in OF_SUBSCRIPTIONS if covered.covers(one, subscription)] == []
    assert covered.covers("microsoft.keyvault/vaults", group)
    assert covered.covers("microsoft.keyvault/vaults/keys", group)
    assert not covered.covers("microsoft.keyvault/vaults", subscription)
    told = {gap.type for gap in found.gaps if gap.scope == subscription}
    assert told >= set(OF_SUBSCRIPTIONS)
    assert (PERMISSIONS in told) == (elsewhere == 403)
    assert {gap.scope for gap in found.gaps} == {subscription}
    shown = format_gap_lines(found.gaps)
    assert len(shown) == (2 if elsewhere == 403 else 1), "hundreds of types of one scope are one line"
    assert f"{len(found.gaps) - len(shown) + 1} types, such as " in shown[-1]


@pytest.mark.full
def test_no_verdict_differs_from_that_of_who_may_read_all(
    azure: Any, replay: ModuleType, own_needs: Any, tmp_path: Path, group: str
) -> None:
    replay.collect(azure, own_needs, tmp_path / "out")
    found, whole = verdicts(tmp_path / "out", tmp_path / "data"), verdicts("sample:", tmp_path / "whole")
    judged = {each: state for each, state in found.items() if state in ("Compliant", "NonCompliant")}
    assert judged == {each: whole[each] for each in judged}
    assert sum(resource.startswith(group) for resource, _ in judged) > 20


def test_a_group_is_judged_as_when_it_is_named(
    azure: Any, replay: ModuleType, own_needs: Any, tmp_path: Path, group: str
) -> None:
    replay.collect(azure, own_needs, tmp_path / "seen")
    replay.collect(azure, own_needs, tmp_path / "named", scope=CollectionScope.of(resource_groups=(group,)))
    seen, named = (
        {
            each: state
            for each, state in verdicts(tmp_path / name, tmp_path / f"{name} data").items()
            if each[0].startswith(group)
        }
        for name in ("seen", "named")
    )
    assert {each: state for each, state in named.items() if state != "Unknown"}.items() <= seen.items()


def test_groups_are_asked_only_where_something_lacks(
    azure: Any, replay: ModuleType, own_needs: Any, tmp_path: Path
) -> None:
    replay.collect(azure, own_needs, tmp_path / "out", graph=False)
    asked = [line for line in azure.log if "microsoft.authorization/permissions" in line.lower()]
    assert asked
    assert [line for line in asked if "/resourcegroups/" in line.lower()] == []


@pytest.mark.full
def test_a_group_that_grants_no_more_than_its_subscription_is_no_scope(
    azure: Any, replay: ModuleType, own_needs: Any, tmp_path: Path
) -> None:
    azure.actions = ["Microsoft.Compute/*/read", "Microsoft.Resources/*", "Microsoft.Authorization/*/read"]
    replay.collect(azure, own_needs, tmp_path / "out", graph=False)
    scopes = _scopes(tmp_path)
    assert [scope for scope in scopes if "/resourcegroups/" in scope] == []
    assert all("microsoft.compute/virtualmachines" in scopes[one] for one in scopes if one)


def test_a_management_group_that_is_not_seen_is_not_said_to_be_absent(
    azure: Any, replay: ModuleType, own_needs: Any, tmp_path: Path, group: str
) -> None:
    replay.collect(azure, own_needs.with_all_readable(), tmp_path / "out", graph=False)
    assert "" not in _scopes(tmp_path)


def _scopes(folder: Path) -> dict[str, list[str]]:
    (tenant,) = json.loads((folder / "out" / "coverage.json").read_text())["tenants"].values()
    scopes: dict[str, list[str]] = tenant["scopes"]
    return scopes
