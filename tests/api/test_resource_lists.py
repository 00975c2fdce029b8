"""Lists of resources by the filters that Azure documents, and paths as `az` writes them."""

from __future__ import annotations

import pytest

from nephoscope.model.reach import EVERYTHING

ERP = "sub-bwf-erp-prod"
VMS = "microsoft.compute/virtualmachines"


@pytest.fixture(scope="module")
def resources(instance, subscriptions):
    listing = instance.shelf.newest().listing
    scope = f"/subscriptions/{subscriptions[ERP]}"
    found = listing.page(listing.resource_types(), EVERYTHING, scope, most=5000, collected=True).bodies
    assert len(found) > 100
    return found


@pytest.fixture
def listed(server, owner, subscriptions):
    def asked(text, **more):
        params = {"api-version": "2021-04-01", **({"$filter": text} if text else {}), **more}
        address, found = f"/subscriptions/{subscriptions[ERP]}/resources", []
        while address:
            told = server.get(address, params=params or None, headers=owner)
            assert told.status_code == 200, told.text
            found += [one["id"] for one in told.json()["value"]]
            address, params = told.json().get("nextLink"), None
        assert len(found) == len(set(found))
        return set(found)

    return asked


def group(one):
    return one["id"].split("/")[4].lower() if "/resourceGroups/".lower() in one["id"].lower() else ""


def tags(one):
    return (one.get("tags") or {}).items()


CASES = {
    "": lambda one: True,
    "resourceGroup eq 'RG-ERP-app'": lambda one: group(one) == "rg-erp-app",
    "resourceGroup ne 'rg-erp-app'": lambda one: group(one) != "rg-erp-app",
    "name eq 'vm-erp-sql-01'": lambda one: one["name"] == "vm-erp-sql-01",
    "location eq 'westeurope'": lambda one: one.get("location") == "westeurope",
    "location eq 'West Europe'": lambda one: one.get("location") == "westeurope",
    f"resourceType eq '{VMS}'": lambda one: one["type"].lower() == VMS,
    f"resourceGroup eq 'rg-erp-app' and resourceType eq '{VMS}'": lambda one: (
        group(one) == "rg-erp-app" and one["type"].lower() == VMS
    ),
    f"resourceType eq '{VMS}' or name eq 'vm-erp-sql-01'": lambda one: (
        one["type"].lower() == VMS or one["name"] == "vm-erp-sql-01"
    ),
    "substringof('sql', name)": lambda one: "sql" in one["name"].lower(),
    "substringof('sql', name) or substringof('app', resourceGroup)": lambda one: (
        "sql" in one["name"].lower() or "app" in group(one)
    ),
    "tagName eq 'environment'": lambda one: "environment" in dict(tags(one)),
    "tagname eq 'environment' and tagvalue eq 'prod'": lambda one: ("environment", "prod") in tags(one),
    "tagName eq 'environment' and tagValue eq 'erp'": lambda one: ("environment", "erp") in tags(one),
    "startswith(tagname, 'cost')": lambda one: any(name.startswith("cost") for name, _ in tags(one)),
}


@pytest.mark.parametrize("text", CASES)
def test_a_filter(listed, resources, text):
    wanted = {one["id"] for one in resources if CASES[text](one)}
    assert listed(text) == wanted
    if "'erp'" not in text:
        assert wanted, "the sample has some"
    if 3 < len(wanted) < 40:
        assert listed(text, **{"$top": "3"}) == wanted


def test_a_page_is_full_of_what_is_picked(server, owner, subscriptions):
    params = {
        "api-version": "2021-04-01",
        "$filter": f"substringof('{VMS[-8:-1]}', name) or substringof('vm-', name)",
    }
    params["$top"] = "2"
    told = server.get(f"/subscriptions/{subscriptions[ERP]}/resources", params=params, headers=owner).json()
    assert len(told["value"]) == 2


@pytest.mark.parametrize(
    "text",
    ["colour eq 'red'", "name eq vm", "name", "resourceType eq", "properties/vmId eq 'x'", "substringof(name, 'x')"],
)  # fmt: skip
def test_a_filter_that_is_none(server, owner, subscriptions, text):
    params = {"api-version": "2021-04-01", "$filter": text}
    told = server.get(f"/subscriptions/{subscriptions[ERP]}/resources", params=params, headers=owner)
    assert (told.status_code, told.json()["error"]["code"]) == (400, "InvalidFilterInQueryString")


def test_an_empty_path_of_a_parent(server, owner, token, subscriptions):
    path = f"/subscriptions/{subscriptions[ERP]}/resourcegroups/rg-erp-app/providers/Microsoft.Compute//virtualMachines/vm-erp-app-01"
    told = server.get(f"{path}?api-version=2024-07-01", headers=owner)
    assert (told.status_code, told.json()["name"]) == (200, "vm-erp-app-01")
    elsewhere = token(("Reader", f"/subscriptions/{subscriptions['sub-bwf-data-prod']}"))
    other = {"Authorization": f"Bearer {elsewhere}"}
    doubled = path.replace("/resourcegroups", "//resourcegroups")
    assert server.get(f"{doubled}?api-version=2024-07-01", headers=other).status_code == 403
