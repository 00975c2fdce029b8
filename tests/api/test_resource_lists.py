"""Lists of resources by the filters that Azure documents, and paths as `az` writes them."""

from __future__ import annotations

import pytest

from nephoscope.model.read_scope import EVERYTHING

ERP = "sub-bwf-erp-prod"
VMS = "microsoft.compute/virtualmachines"


@pytest.fixture(scope="module")
def resources(instance, subscriptions):
    listing = instance.snapshots.load_newest().listing
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


def test_how_machines_run(server, owner, subscriptions):
    machines = f"/subscriptions/{subscriptions[ERP]}/resourceGroups/rg-erp-app/providers/Microsoft.Compute/virtualMachines"
    one = f"{machines}/vm-erp-app-01"
    plain = server.get(f"{one}?api-version=2024-07-01", headers=owner).json()
    assert "instanceView" not in plain["properties"]
    shown = server.get(f"{one}?api-version=2024-07-01&$expand=instanceView,userData", headers=owner).json()
    view = shown["properties"]["instanceView"]
    assert [each["code"] for each in view["statuses"]] == [
        "ProvisioningState/succeeded",
        "PowerState/running",
    ]
    assert server.get(f"{one}/instanceView?api-version=2024-07-01", headers=owner).json() == view
    several = server.get(f"{machines}?api-version=2024-07-01&statusOnly=true", headers=owner).json()["value"]
    assert several
    assert all(each["properties"]["instanceView"]["statuses"] for each in several)
    assert (
        server.get(f"{machines}/none/instanceView?api-version=2024-07-01", headers=owner).status_code == 404
    )


def test_locations_and_tags(server, owner, token, subscriptions, resources):
    root = f"/subscriptions/{subscriptions[ERP]}"
    places = server.get(f"{root}/locations?api-version=2022-12-01", headers=owner).json()["value"]
    assert "westeurope" in {one["name"] for one in places}
    told = server.get(f"{root}/tagNames?api-version=2021-04-01", headers=owner).json()["value"]
    (environment,) = [one for one in told if one["tagName"] == "environment"]
    counts = {one["tagValue"]: one["count"]["value"] for one in environment["values"]}
    tagged = [dict(tags(one))["environment"] for one in resources if "environment" in dict(tags(one))]
    assert all(counts[value] >= tagged.count(value) for value in set(tagged))
    assert environment["count"]["value"] == sum(counts.values())
    part = token(("Reader", f"{root}/resourcegroups/rg-erp-app"))
    fewer = server.get(
        f"{root}/tagNames?api-version=2021-04-01", headers={"Authorization": f"Bearer {part}"}
    ).json()
    (own,) = [one for one in fewer["value"] if one["tagName"] == "environment"]
    assert 0 < own["count"]["value"] < environment["count"]["value"]
