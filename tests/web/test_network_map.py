"""The network map: what is drawn of a scope, its bound, its list and who sees what."""

from __future__ import annotations

import csv
import io
import re
import xml.etree.ElementTree as ET
from html import unescape
from itertools import pairwise

import pytest

from nephoscope.web.pages import network_map
from nephoscope.web.rendering.layered_map import MapColumn, MapNode, draw_map


def drawn(page: str) -> str:
    (found,) = re.findall(r'<svg class="chart-links".*?</svg>', page, re.DOTALL)
    return found


def links(page: str) -> dict[str, str]:
    """The title of each box -> where it leads."""
    found = re.findall(r'<a href="([^"]+)"><title>([^<]*)</title>', drawn(page))
    return {unescape(title): unescape(address) for address, title in found}


def test_each_machine_stands_behind_its_subnet_and_way_in(owner) -> None:
    boxes = links(owner.get("/network/map?q=vm-sbx-jump").text)
    assert set(boxes) == {
        "Internet",
        "public address: pip-vm-sbx-jump",
        "vnet-sbx/snet-jump",
        "vm-sbx-jump: Everybody, TCP 22, TCP 3389",
    }
    assert boxes["public address: pip-vm-sbx-jump"].endswith("/publicipaddresses/pip-vm-sbx-jump")
    assert all(owner.get(address).status_code == 200 for address in boxes.values())


def test_a_scale_set_has_its_subnet(owner) -> None:
    rows = list(csv.DictReader(io.StringIO(owner.get("/network/map?format=csv").text)))
    sets = {row["Machine"].rsplit("/", 1)[-1]: row for row in rows if "scalesets" in row["Machine"].lower()}
    assert sets["vmss-sbx-load"]["Open to"] == "Everybody"
    assert "/subnets/" in sets["vmss-sbx-load"]["Subnet"]


def test_the_list_has_every_box_of_the_map(owner) -> None:
    page = owner.get("/network/map").text
    rows = list(csv.DictReader(io.StringIO(owner.get("/network/map?format=csv").text)))
    names = {row["Machine"].rsplit("/", 1)[-1] for row in rows}
    assert names <= {title.partition(":")[0] for title in links(page)}
    assert all(row["Ports"] or row["Reason"] for row in rows)


def test_many_machines_are_one_box_for_each_subnet(owner, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(network_map, "MOST_MACHINES", 5)
    monkeypatch.setattr(network_map, "MOST_BOXES", 3)
    page = owner.get("/network/map").text
    boxes = links(page)
    assert len(boxes) <= 1 + 3 + 2 * 3
    assert any(re.fullmatch(r"\d+ machines?(, \d+ reached)?", title) for title in boxes)
    assert re.search(r"3 of \d+ subnets", page)
    assert all(owner.get(address).status_code == 200 for address in boxes.values())


def test_a_visitor_sees_the_machines_of_his_reach_alone(visitor, instance, sandbox) -> None:
    other = next(id_ for id_ in instance.snapshots.load_newest().build_info.subscriptions if id_ != sandbox)
    assert "vm-sbx-jump" in visitor(("Reader", f"/subscriptions/{sandbox}")).get("/network/map").text
    assert "vm-sbx-jump" not in visitor(("Reader", f"/subscriptions/{other}")).get("/network/map").text


def test_boxes_do_not_overlap_and_texts_are_escaped() -> None:
    last = [MapNode(f"m{at}", f"<m{at}>", f"/m{at}") for at in range(5)]
    middle = [
        MapNode("a", "a", "/a", ("m0", "m4"), "high"),
        MapNode("b", "b", "/b", ("m2",)),
        MapNode("c", "c", "/c", ("m1", "m3", "gone")),
    ]
    svg = ET.fromstring(str(draw_map((MapColumn("One", middle), MapColumn("Two", last)), 'a "label"')))
    boxes = sorted((int(one.get("x", "")), int(one.get("y", ""))) for one in svg.iter("rect"))
    assert len(boxes) == 8
    rows = [(x, y, until) for (x, y), (same, until) in pairwise(boxes) if x == same]
    assert all(until - y >= 32 for _, y, until in rows)
    assert len(list(svg.iter("path"))) == 5
    assert svg.get("aria-label") == 'a "label"'


@pytest.mark.parametrize(
    ("left", "right", "tone"),
    [("high", "high", "high"), ("high", "medium", "medium"), ("high", "", ""), ("", "high", "")],
)
def test_a_line_has_the_weaker_color_of_its_ends(left: str, right: str, tone: str) -> None:
    columns = (
        MapColumn("One", (MapNode("a", "a", "/a", ("b",), left),)),
        MapColumn("Two", (MapNode("b", "b", "/b", (), right),)),
    )
    (name,) = re.findall(r'<path class="([^"]+)"', draw_map(columns, "label"))
    assert name == (f"chart-links__edge chart-links__edge--{tone}" if tone else "chart-links__edge")
