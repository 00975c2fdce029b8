"""The estate holds one body per id, finds by type, and derives the containers that only ids name."""

from __future__ import annotations

import pytest

from nephoscope.estate.estate import Estate
from nephoscope.estate.resource_versions import Diff, compare_estates
from nephoscope_policy.model.coverage import Coverage
from nephoscope_policy.model.resource import Resource

SUB = "/subscriptions/AAAA"
MG = "/providers/Microsoft.Management/managementGroups"


def resource(text, **body):
    return Resource.of({"id": text, "properties": {}, **body})


def site(name, **body):
    return resource(f"{SUB}/resourceGroups/Web/providers/Microsoft.Web/sites/{name}", **body)


def test_the_last_body_of_an_id_is_kept_and_the_others_are_counted():
    estate = Estate.of(
        [site("a", kind="old"), site("A", kind="new")], Coverage.cover_everything(), duplicates=2
    )
    assert estate.resources[site("a").key].body["kind"] == "new"
    assert estate.duplicates == 3
    assert [found.body["kind"] for found in estate.list_of_type("Microsoft.Web/Sites")] == ["new"]
    assert estate.list_of_type("microsoft.sql/servers") == ()


def test_containers_are_derived_once_in_the_spelling_of_the_first_id():
    estate = Estate.of(
        [site("a"), site("b"), resource(f"{SUB}/providers/Microsoft.Security/pricings/p")], Coverage({})
    )
    derived = [found for found in estate.resources.values() if found.derived]
    assert [found.body["id"] for found in derived] == [SUB, f"{SUB}/resourceGroups/Web"]
    assert estate.subscriptions == (SUB.lower(),)
    assert not any(found.complete for found in derived)


def test_containers_that_were_read_are_kept():
    group = resource(f"{SUB}/resourceGroups/web", tags={"a": "b"})
    estate = Estate.of([site("a"), group], Coverage({}))
    assert estate.resources[group.key] is group


def test_an_estate_is_frozen():
    estate = Estate.of([site("a")], Coverage({}))
    with pytest.raises(TypeError):
        estate.resources["x"] = site("b")
    with pytest.raises(AttributeError):
        estate.duplicates = 1


def test_management_groups_that_name_each_other_end():
    loop = [
        resource(f"{MG}/{name}", properties={"details": {"parent": {"id": f"{MG}/{parent}"}}})
        for name, parent in (("one", "two"), ("two", "one"))
    ]
    member = resource(f"{MG}/one/subscriptions/aaaa", properties={})
    groups = Estate.of([*loop, member], Coverage({})).management_groups
    assert groups == {SUB.lower(): (f"{MG}/one".lower(), f"{MG}/two".lower())}


@pytest.mark.parametrize("chain", [None, "x", [], [None], [{"name": 1}]])
def test_odd_chains_of_ancestors_are_no_chain(chain):
    body = {"managementGroupAncestorsChain": chain}
    assert Estate.of([resource(SUB, properties=body)], Coverage({})).management_groups == {}


def test_management_groups_have_the_names_that_bodies_and_chains_tell():
    chain = [
        {"name": "Corp", "displayName": "Corporate"},
        {"name": "t1", "displayName": None},
        {"displayName": "x"},
    ]
    bodies = [
        resource(SUB, properties={"managementGroupAncestorsChain": chain}),
        resource(f"{MG}/corp", properties={"displayName": "Corporation"}),
        resource(f"{MG}/odd", properties={"displayName": 1, "details": {"managementGroupAncestorsChain": 2}}),
    ]
    names = Estate.of(bodies, Coverage({}), tenant="t1").management_group_names
    assert names == {f"{MG}/corp".lower(): "Corporation", f"{MG}/t1".lower(): "Tenant root group"}
    assert f"{MG}/t1".lower() not in Estate.of(bodies, Coverage({})).management_group_names


def test_what_differs_between_two_estates():
    before = Estate.of([site("same"), site("changed"), site("gone"), resource(f"{SUB}/resourceGroups/g/providers/M.x/y/z")],
                       Coverage.cover_everything())  # fmt: skip
    coverage = Coverage({SUB.lower(): frozenset({"microsoft.web/sites"})})
    after = Estate.of([site("same"), site("changed", kind="x"), site("new")], coverage)
    key = site("x").id.key.removesuffix("/x")
    assert compare_estates(before, after) == Diff(
        added=(f"{key}/new",),
        changed=(f"{key}/changed",),
        removed=(f"{key}/gone",),
        unread=(f"{SUB}/resourceGroups/g/providers/M.x/y/z".lower(),),
        unchanged=1,
    )
    assert compare_estates(after, after).is_empty
    assert not compare_estates(before, after).is_empty
