"""Lists of what is inherited: every row is of the list's type, whatever else was said of what stands above."""

from __future__ import annotations

import pytest

ERP = "sub-bwf-erp-prod"


@pytest.mark.parametrize(
    "kind", ["roleAssignments", "policyAssignments", "policyDefinitions", "policyExemptions"]
)
@pytest.mark.parametrize("inside", ["", "/resourceGroups/rg-erp-app"])
def test_a_list_has_rows_of_its_type_alone(server, owner, subscriptions, kind, inside):
    path = f"/subscriptions/{subscriptions[ERP]}{inside}/providers/Microsoft.Authorization/{kind}"
    rows = server.get(f"{path}?api-version=2022-04-01", headers=owner).json()["value"]
    assert {one["type"].lower() for one in rows} <= {f"microsoft.authorization/{kind.lower()}"}
    assert any("/managementGroups/".lower() in one["id"].lower() for one in rows) or kind != "roleAssignments"


@pytest.mark.parametrize("table", ["authorizationresources", "policyresources"])
def test_what_is_assigned_above_is_not_what_is_said_of_it(server, owner, subscriptions, table):
    """Resource Graph with the filter that asks for what holds from above."""
    asked = {
        "query": f"{table} | project id, type",
        "subscriptions": [subscriptions[ERP]],
        "options": {"authorizationScopeFilter": "AtScopeAndAbove"},
    }
    address = "/providers/Microsoft.ResourceGraph/resources?api-version=2021-03-01"
    rows = server.post(address, json=asked, headers=owner).json()["data"]
    above = [one for one in rows if "/managementgroups/" in one["id"].lower()]
    assert above
    assert not [one for one in above if one["id"].lower().count("/providers/") > 2]
