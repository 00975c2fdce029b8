"""Which providers and types there are, at the tenant and in a subscription, and the aliases of the types."""

from __future__ import annotations

import pytest

from nephoscope_policy.aliases import Aliases

V = "api-version=2021-04-01"


def _get(server, headers, path, status=200):
    answer = server.get(path, headers=headers)
    assert answer.status_code == status, answer.text
    return answer.json()


@pytest.fixture(scope="module")
def subscription(subscriptions):
    return f"/subscriptions/{min(subscriptions.values())}"


def _types(one):
    return {found["resourceType"] for found in one["resourceTypes"]}


@pytest.mark.parametrize("at", ["", "subscription"])
def test_providers_are_those_of_aliases_surfaces_and_resources(server, owner, subscription, at):
    scope = subscription if at else ""
    several = _get(server, owner, f"{scope}/providers?{V}")["value"]
    found = {one["namespace"].lower(): one for one in several}
    assert len(found) == len(several) > 30
    expected = {name.partition("/")[0] for name in Aliases.load_builtin().types()}
    assert expected <= found.keys()
    assert "storageaccounts" in _types(found["microsoft.storage"])
    assert {"assessments", "pricings"} <= _types(found["microsoft.security"])
    for name in ("microsoft.storage", "Microsoft.SECURITY"):
        assert _get(server, owner, f"{scope}/providers/{name}?{V}") == found[name.lower()]
    storage = next(
        one for one in found["microsoft.storage"]["resourceTypes"] if one["resourceType"] == "storageaccounts"
    )
    assert storage["capabilities"] == "SupportsTags, SupportsLocation"
    assert "aliases" not in storage


def test_aliases_that_are_expanded_are_read_back_as_the_table(server, owner):
    answer = _get(server, owner, f"/providers?{V}&$expand=resourceTypes/aliases")
    table, own = Aliases.of(answer), Aliases.load_builtin()
    names = {name for name in own.names() if name.split("[")[0].count("/") > 1}
    assert len(names) > 500
    assert names <= set(table.names())
    assert {name: table.get(name).path for name in names} == {name: own.get(name).path for name in names}


def test_registered_is_what_is_answered_or_was_read(server, owner, subscription):
    several = _get(server, owner, f"{subscription}/providers?{V}")["value"]
    states = {one["namespace"].lower(): one["registrationState"] for one in several}
    assert states["microsoft.storage"] == states["microsoft.security"] == "Registered"
    assert "NotRegistered" in states.values()
    wanted = next(name for name, state in states.items() if state == "NotRegistered")
    told = server.post(f"{subscription}/providers/{wanted}/register?{V}", headers=owner).json()
    assert (told["namespace"], told["registrationState"]) == (wanted, "Registered")


def test_another_namespace_is_none(server, owner, subscription):
    for scope in ("", subscription):
        error = _get(server, owner, f"{scope}/providers/Contoso.Nothing?{V}", 404)["error"]
        assert error["code"] == "InvalidResourceNamespace"


def test_providers_are_told_to_who_may_read_something(server, token, subscription):
    nobody = {"Authorization": f"Bearer {token()}"}
    for path in ("/providers", "/providers/microsoft.storage", f"{subscription}/providers"):
        _get(server, nobody, f"{path}?{V}", 403)
    reader = {"Authorization": f"Bearer {token(('Reader', subscription))}"}
    assert _get(server, reader, f"/providers?{V}")["value"]
