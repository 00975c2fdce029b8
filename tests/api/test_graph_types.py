"""Resource Graph shows rows of a type to who may read that type, as the resource's own address does, and no others."""

from __future__ import annotations

import pytest

from nephoscope.access.roles import ROLES, SECURITY_READER
from nephoscope.collect.resource_sources import TypeSources
from nephoscope.model.read_scope import Reach
from nephoscope.posture.published.row_access import OPERATIONS, RowAccess, find_row_access, read_operation
from nephoscope.posture.reports.resource_graph_tables import _TYPES, find_table

V = "api-version=2022-01-01"
GRAPH = f"/providers/Microsoft.ResourceGraph/resources?{V}"
GROUP = "rg-erp-app"
#: Tables whose rows need the reading of their own type.
BY_TYPE = ("resources", "insightsresources", "patchassessmentresources")


@pytest.fixture
def rows(server, token):
    """What a table shows to who has roles: lower-cased id -> (type, subscription, group)."""

    def asked(table, *roles):
        query = f"{table} | project id = tolower(id), type, subscriptionId, resourceGroup"
        found, skip = {}, 0
        while True:
            body = {"query": query, "options": {"$skip": skip}}
            told = server.post(GRAPH, headers=bearer(token(*roles)), json=body).json()
            found |= {
                one["id"]: (one["type"], one["subscriptionId"], one["resourceGroup"]) for one in told["data"]
            }
            skip += told["count"]
            if skip >= told["totalRecords"]:
                return found

    return asked


def bearer(secret):
    return {"Authorization": f"Bearer {secret}"}


@pytest.fixture(scope="module")
def erp(subscriptions):
    return subscriptions["sub-bwf-erp-prod"]


@pytest.mark.parametrize("role", ["Reader", "Security Reader", "Security Admin", "Contributor", "Owner"])
@pytest.mark.parametrize("table", BY_TYPE)
def test_a_role_sees_the_rows_whose_type_it_reads(rows, erp, role, table):
    (held,) = (one for one in ROLES if one.name == role)
    whole = rows(table, ("Owner", "/"))
    wanted = {key: one for key, one in whole.items() if one[1] == erp and held.allows(f"{one[0]}/read")}
    assert rows(table, (role, f"/subscriptions/{erp}")) == wanted
    if role == "Security Reader" and table == "resources":
        assert "microsoft.security/automations" in {type_ for type_, _, _ in wanted.values()}
        assert len(wanted) < len([one for one in whole.values() if one[1] == erp])


@pytest.mark.parametrize("role", ["Reader", "Owner"])
def test_a_table_into_which_nothing_was_read_is_no_empty_answer(server, token, erp, role):
    """An empty list would say that there are no maintenance configurations assigned."""
    headers = bearer(token((role, f"/subscriptions/{erp}")))
    told = server.post(GRAPH, headers=headers, json={"query": "maintenanceresources | project id"})
    assert (told.status_code, told.json()["error"]["code"]) == (501, "NotAssessed")


def test_roles_at_several_scopes_add_up(rows, erp):
    whole = rows("resources", ("Owner", "/"))
    roles = (
        ("Security Reader", f"/subscriptions/{erp}"),
        ("Reader", f"/subscriptions/{erp}/resourcegroups/{GROUP}"),
    )
    wanted = {
        key: (type_, subscription, group)
        for key, (type_, subscription, group) in whole.items()
        if subscription == erp and (group == GROUP or SECURITY_READER.allows(f"{type_}/read"))
    }
    assert rows("resources", *roles) == wanted
    assert {"microsoft.security/automations", "microsoft.compute/virtualmachines"} <= {
        type_ for type_, _, _ in wanted.values()
    }


def test_addresses_tell_the_same_of_each_row(server, token, rows, erp):
    """Whoever is shown a row reads the resource at its address, and whoever is not is refused there."""
    roles = (("Security Reader", f"/subscriptions/{erp}"),)
    shown_, whole = rows("resources", *roles), rows("resources", ("Reader", f"/subscriptions/{erp}"))
    mine = bearer(token(*roles))
    first = {type_: key for key, (type_, _, _) in whole.items()}
    for type_, key in sorted(first.items()):
        status = server.get(f"{key}?{V}", headers=mine).status_code
        assert status == (200 if key in shown_ else 403), type_
    assert any(key in shown_ for key in first.values())


def test_a_refusal_names_the_reading_of_the_type(server, token, rows, erp):
    whole = rows("resources", ("Reader", f"/subscriptions/{erp}"))
    one = next(key for key, (type_, _, _) in whole.items() if type_ == "microsoft.compute/virtualmachines")
    told = server.get(f"{one}?{V}", headers=bearer(token(("Security Reader", "/")))).json()["error"]
    assert "'microsoft.compute/virtualmachines/read'" in told["message"].lower()


def test_tables_of_one_operation_are_read_alike_by_every_role():
    """Only of these a table's operation stands for the reading of every type in it."""
    types = {*_TYPES, *TypeSources.load_builtin().tables}
    held = {one: OPERATIONS[find_table(one)] for one in types if find_table(one) in OPERATIONS}
    assert len(held) > 10
    differing = {
        (role.name, type_)
        for type_, operation in held.items()
        for role in ROLES
        if role.allows(operation) != role.allows(read_operation(type_))
    }
    assert differing == set()


def test_operations_are_asked_by_distinct_type():
    one, other = Reach(subscriptions=frozenset("a")), Reach()
    asked: list[str] = []

    def reaches(operations):
        asked.extend(operations)
        return {each: one if "security" in each.lower() else other for each in asked}

    types = frozenset({"microsoft.security/automations", "microsoft.web/sites"})
    found = find_row_access(
        {"resources": types, "healthresources": frozenset({"microsoft.web/sites"})}, reaches
    )
    assert found["resources"] == RowAccess(((frozenset({"microsoft.security/automations"}), one),))
    assert found["healthresources"] == other
    assert len(asked) == len(types) + len(OPERATIONS) + 1
