"""The pages of attack paths: listed, filtered, as a file, one with its steps, on the page of a resource, and kept from others."""

from __future__ import annotations

import csv
import io
import json
import re
from html import unescape

from nephoscope.model.read_scope import EVERYTHING


def paths(instance):
    return instance.snapshots.load_newest().attack_paths.list_wanted(EVERYTHING)


def test_listed_filtered_and_as_a_file(instance, owner):
    every = paths(instance)
    page = owner.get("/attack-paths").text
    assert all(f"/attack-paths/{one.name}" in page for one in every)
    assert "vm-sbx-jump" in page[page.index("Choke points") :]
    critical = owner.get("/attack-paths?level=Critical").text
    shown = set(re.findall(r'href="/attack-paths/([0-9a-f-]{36})', critical))
    assert shown == {one.name for one in every if one.level.value == "Critical"}
    rows = list(csv.DictReader(io.StringIO(owner.get("/attack-paths?format=csv&q=aks-dev").text)))
    assert [row["Target"] for row in rows] == ["aks-dev"]


def test_one_with_its_steps_and_what_its_graph_draws(instance, owner):
    one = next(path for path in paths(instance) if path.type == "lateral-subscription")
    page = owner.get(f"/attack-paths/{one.name}").text
    drawn = json.loads(unescape(re.search(r'data-graph="([^"]*)"', page)[1]))
    assert [node["name"] for node in drawn["nodes"]] == [entity.name for entity in one.entities]
    assert len(drawn["edges"]) == len(one.entities) - 1
    assert drawn["nodes"][-1]["role"] == "target"
    steps = page[page.index('class="step-list"') :]
    assert "/recommendations/" in steps
    assert all(entity.name in steps for entity in one.entities)
    rows = list(csv.DictReader(io.StringIO(owner.get(f"/attack-paths/{one.name}?format=csv").text)))
    assert [row["To"] for row in rows] == [entity.name for entity in one.entities[1:]]


def test_the_recommendations_of_steps_are_there(instance, owner):
    one = next(path for path in paths(instance) if path.type == "exposed-cluster")
    page = owner.get(f"/attack-paths/{one.name}").text
    address = unescape(re.search(r'href="(/recommendations/[^"]+)"', page)[1])
    assert "aks-dev" in owner.get(address).text


def test_a_resource_tells_on_which_it_stands(instance, owner):
    one = next(path for path in paths(instance) if path.type == "public-storage-sensitive-data")
    page = owner.get(f"/resource{one.target.key}").text
    assert f"/attack-paths/{one.name}" in page
    listed = owner.get(f"/attack-paths?through={one.target.key}").text
    assert f"/attack-paths/{one.name}" in listed


def test_others_see_only_theirs(instance, visitor, sandbox):
    reader = visitor(("Security Reader", f"/subscriptions/{sandbox}"))
    theirs = [one for one in paths(instance) if sandbox in one.id]
    others = [one for one in paths(instance) if sandbox not in one.id]
    page = reader.get("/attack-paths").text
    assert all(one.name in page for one in theirs)
    assert not any(one.name in page for one in others)
    assert reader.get(f"/attack-paths/{others[0].name}").status_code == 404
