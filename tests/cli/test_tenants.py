"""`nephoscope tenants`: connect, change, try, print what grants the rights, forget."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from nephoscope.collect.azure.connection_test import (
    ConnectionTrial,
    GroupTrial,
    PermissionTrial,
    SubscriptionTrial,
)
from nephoscope.collect.azure.tenant_connection import TenantSecrets
from nephoscope.posture.scans import tenants
from nephoscope.state import State

Run = Callable[..., Result]
ID, CLIENT = "11111111-2222-3333-4444-555555555555", "22222222-2222-3333-4444-555555555555"
ONE = "00000000-0000-4000-8000-000000000001"
SECRET = "very~secret~text"
NEW = ("--tenant", ID.upper(), "--client", CLIENT, "--secret", "secret=env:WORD")


@pytest.fixture(autouse=True)
def word(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORD", SECRET)


def listed(run: Run, data: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(run(data, "tenants", "list", "-o", "json").stdout)
    return found


def test_a_tenant_is_connected_changed_and_forgotten(tmp_path: Path, nephoscope: Run) -> None:
    assert "no tenants" in nephoscope(tmp_path, "tenants", "list").output
    made = nephoscope(tmp_path, "tenants", "add", "contoso", *NEW, "--subscription", ONE, "--every", 4)
    assert made.exit_code == 0, made.output
    (row,) = listed(nephoscope, tmp_path)
    assert (row["tenant"], row["signIn"], row["hours"], row["subscriptions"]) == (ID, "secret", 4, [ONE])
    with State.open_folder(tmp_path) as state:
        kept = state.tenants.get("contoso")
        assert tenants.load_tenant_secrets(state, kept) == TenantSecrets(SECRET)
    changed = nephoscope(
        tmp_path, "tenants", "set", "contoso", "--management-group", "mg", "--disable", "--no-graph"
    )
    assert changed.exit_code == 0, changed.output
    (row,) = listed(nephoscope, tmp_path)
    assert (row["subscriptions"], row["managementGroups"], row["enabled"], row["graph"]) == (
        [],
        ["mg"],
        False,
        False,
    )
    with State.open_folder(tmp_path) as state:
        assert tenants.load_tenant_secrets(state, state.tenants.get("contoso")) == TenantSecrets(SECRET)
    assert nephoscope(tmp_path, "tenants", "collect", "contoso").exit_code == 0
    assert nephoscope(tmp_path, "tenants", "remove", "contoso").exit_code == 0
    assert listed(nephoscope, tmp_path) == []
    with State.open_folder(tmp_path) as state:
        assert state.credentials.names() == ()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        pytest.param(("add", "contoso", "--client", CLIENT, "--secret", "secret=env:WORD"), "tenant ID", id="tenant"),
        pytest.param(("add", "contoso", *NEW, "--client", "x"), "client ID must be the GUID", id="client"),
        pytest.param(("add", "contoso", *NEW, "--subscription", "x;y"), "subscription", id="subscription"),
        pytest.param(("add", "contoso", *NEW, "--secret", "word=env:WORD"), "one of secret", id="secret"),
        pytest.param(("add", "a b", *NEW), "is not a valid tenant name", id="name"),
        pytest.param(("set", "nobody", "--disable"), "nobody", id="unknown"),
        pytest.param(("test", "nobody"), "nobody", id="test"),
        pytest.param(("collect", "nobody"), "nobody", id="collect"),
        pytest.param(("remove", "nobody"), "nobody", id="remove"),
        pytest.param(("grant", "--tenant", "$(x)"), "tenant", id="shell"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_a_usage_error(
    tmp_path: Path, nephoscope: Run, arguments: tuple[str, ...], said: str
) -> None:
    found = nephoscope(tmp_path, "tenants", *arguments)
    assert (found.exit_code, said in found.output) == (2, True), found.output
    assert SECRET not in found.output
    assert listed(nephoscope, tmp_path) == []


@pytest.mark.parametrize(
    ("found", "code", "said"),
    [
        (ConnectionTrial(datetime.now(UTC), "", (SubscriptionTrial(ONE, "prod", answers=True),)), 0, "prod"),
        (
            ConnectionTrial(
                datetime.now(UTC),
                "",
                (SubscriptionTrial(ONE, "prod", answers=True, lacks=("Microsoft.Web/sites/read",)),),
                (PermissionTrial("User.Read.All", granted=False, reason="403"),),
            ),
            1,
            "Microsoft.Web/sites/read",
        ),
        (
            ConnectionTrial(
                datetime.now(UTC),
                "",
                (SubscriptionTrial(ONE, "prod", False, "403", groups=(GroupTrial("/x/rg", "rg"),)),),
            ),
            1,
            "resource group",
        ),
        (ConnectionTrial(datetime.now(UTC), "could not sign in"), 1, "could not sign in"),
    ],
    ids=["works", "lacks", "group", "no sign-in"],
)
def test_trying_says_it_of_each_subscription(
    tmp_path: Path,
    nephoscope: Run,
    monkeypatch: pytest.MonkeyPatch,
    found: ConnectionTrial,
    code: int,
    said: str,
) -> None:
    nephoscope(tmp_path, "tenants", "add", "contoso", *NEW)
    monkeypatch.setattr(tenants, "try_connection", lambda *_: found)
    told = nephoscope(tmp_path, "tenants", "test", "contoso", "-o", "json")
    assert (told.exit_code, said in told.output) == (code, True), told.output
    with State.open_folder(tmp_path) as state:
        assert tenants.read_last_connection_test(state.tenants.get("contoso")) == found


def test_what_grants_the_rights_is_printed(tmp_path: Path, nephoscope: Run) -> None:
    nephoscope(tmp_path, "tenants", "add", "contoso", *NEW, "--subscription", ONE)
    script = nephoscope(tmp_path, "tenants", "grant", "contoso").stdout
    assert script.startswith("#!/usr/bin/env bash\n")
    assert f"'/subscriptions/{ONE}'" in script
    assert CLIENT in script
    exact = nephoscope(tmp_path, "tenants", "grant", "--management-group", "mg", "--exact", "--bicep").stdout
    assert "targetScope = 'managementGroup'" in exact
    rights = json.loads(nephoscope(tmp_path, "tenants", "rights", "-o", "json").stdout)
    names = {one["name"] for one in rights if one["place"] == "Azure"}
    assert names
    assert all(f"'{name}'" in exact for name in names)
    fewer = json.loads(nephoscope(tmp_path, "tenants", "rights", "--no-graph", "-o", "json").stdout)
    assert {one["place"] for one in fewer} == {"Azure"}
