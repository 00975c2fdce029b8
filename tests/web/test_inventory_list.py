"""The list of the inventory: facets count what their values would show, heads sort, and the address says all of it."""

from __future__ import annotations

import csv
import html
import io
import re
from collections import Counter

import pytest
from tests.web.test_counts import EVERYTHING

from nephoscope.posture.published.inventory import DEFAULT_ORDER, FACETS, ORDERS, InventoryQuery


def risk(one) -> str:
    return "high" if one.grave else "lower" if one.failing else "none"


VALUES = {
    "risk": risk,
    "type": lambda one: one.type,
    "subscription": lambda one: one.subscription,
    "location": lambda one: one.location,
}


@pytest.fixture(scope="module")
def inventory(instance):
    return instance.snapshots.load_newest().inventory


@pytest.fixture(scope="module")
def every(inventory):
    return inventory.page(EVERYTHING, most=1_000_000)


def some(every, facet: str, at: int) -> str:
    """A value that many resources have, and one that few have."""
    ordered = [
        value for value, _ in Counter(VALUES[facet](one) for one in every if VALUES[facet](one)).most_common()
    ]
    return ordered[at % len(ordered)]


@pytest.mark.parametrize("at", [0, 1, -1])
@pytest.mark.parametrize(
    "facets", [(), ("risk",), ("type",), ("risk", "subscription"), ("type", "location", "risk")]
)
def test_facets_narrow_and_count_as_a_loop_over_all_rows_does(inventory, every, facets, at):
    chosen = {facet: frozenset({some(every, facet, at), some(every, facet, at + 1)}) for facet in facets}
    query = InventoryQuery(chosen=chosen)

    def wanted(one, without: str = "") -> bool:
        return all(VALUES[facet](one) in found for facet, found in chosen.items() if facet != without)

    assert inventory.page(EVERYTHING, query, most=1_000_000) == [one for one in every if wanted(one)]
    assert inventory.count(EVERYTHING, query) == sum(map(wanted, every))
    for facet, value in VALUES.items():
        counted = Counter(value(one) for one in every if wanted(one, facet))
        assert dict(inventory.facet(EVERYTHING, query, facet)) == dict(counted)


@pytest.mark.parametrize("name", sorted(ORDERS))
def test_an_order_turned_round_is_the_list_from_its_end(inventory, every, name):
    up = inventory.page(EVERYTHING, InventoryQuery(order=name), most=1_000_000)
    down = inventory.page(EVERYTHING, InventoryQuery(order=f"-{name}"), most=1_000_000)
    assert up == down[::-1]
    assert sorted(map(repr, up)) == sorted(map(repr, every))


def test_what_the_internet_reaches_is_a_list(owner, instance, every):
    exposed = set(instance.snapshots.load_newest().build_info.exposed)
    wanted = {one.id for one in every if one.id.lower() in exposed}
    assert wanted
    page = owner.get("/inventory").text
    (facet,) = re.findall(r"<summary[^>]*>Exposure</summary>(.*?)</details>", page, re.DOTALL)
    assert re.findall(r'facets__count">([\d,]+)', facet) == [str(len(wanted))]
    told = owner.get(f"{links(facet, 'facets__option')[0]}&format=csv").text
    assert {row["Id"] for row in csv.DictReader(io.StringIO(told))} == wanted
    assert "No resources match the filters." in owner.get("/inventory?exposure=gone").text


def test_an_order_that_is_unknown_is_the_default(inventory, every):
    for order in ("", "-", "id; drop table documents", "--name", "-nothing"):
        assert inventory.page(EVERYTHING, InventoryQuery(order=order), most=1_000_000) == every
    assert DEFAULT_ORDER.removeprefix("-") in ORDERS


def links(text: str, css: str) -> list[str]:
    return [html.unescape(one) for one in re.findall(rf'class="{css}" href="([^"]+)"', text)]


def test_a_facet_leads_to_what_it_counts_and_back(owner):
    page = owner.get("/inventory").text
    (facet,) = re.findall(r"<summary[^>]*>Type</summary>(.*?)</details>", page, re.DOTALL)
    address, count = links(facet, "facets__option")[0], re.search(r'facets__count">([\d,]+)', facet)[1]
    narrowed = owner.get(address).text
    assert f">{count} resources</caption>" in narrowed
    (chosen,) = re.findall(r'<a class="facets__option" href="([^"]+)"[^>]* aria-current="true"', narrowed)
    assert html.unescape(chosen) == "/inventory"
    assert "Filters: 1" in narrowed


def test_more_values_are_behind_a_link_and_what_is_chosen_is_always_shown(owner, every):
    page = owner.get("/inventory").text
    (more,) = [one for one in links(page, "facets__more") if "more=type" in one]
    types = {one.type for one in every}
    (facet,) = re.findall(r"<summary[^>]*>Type</summary>(.*?)</details>", owner.get(more).text, re.DOTALL)
    assert facet.count("facets__option") == len(types)
    gone = owner.get("/inventory", params={"type": "microsoft.gone/things"}).text
    assert 'aria-current="true" title="gone/things"' in gone
    assert "No resources match the filters." in gone


def test_heads_sort_and_say_how(owner):
    page = owner.get("/inventory").text
    assert '<th scope="col" class="data-list__head data-list__head--number" aria-sort="descending">' in page
    (first,) = [one for one in links(page, "data-list__sort") if "sort=name" in one]
    sorted_ = owner.get(first).text
    assert 'aria-sort="ascending"' in sorted_
    (second,) = [one for one in links(sorted_, "data-list__sort") if "name" in one]
    assert second.endswith("sort=-name")


def test_the_file_has_the_rows_of_the_filters(owner, every):
    kind = some(every, "type", 2)
    told = owner.get("/inventory", params={"type": kind, "risk": "high", "format": "csv"}).text
    found = {row["Id"] for row in csv.DictReader(io.StringIO(told))}
    assert found == {one.id for one in every if one.type == kind and one.grave}


def test_facets_of_a_part_count_what_the_reader_may_see(visitor, sandbox, every):
    page = visitor(("Reader", f"/subscriptions/{sandbox}")).get("/inventory").text
    (facet,) = re.findall(r"<summary[^>]*>Subscription</summary>(.*?)</details>", page, re.DOTALL)
    assert re.findall(r'facets__count">([\d,]+)', facet) == [
        str(sum(one.subscription == sandbox for one in every))
    ]
    assert set(FACETS) == set(VALUES)
