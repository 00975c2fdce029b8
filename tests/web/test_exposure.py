"""The page Internet exposure: its openings, its filters and its file."""

from __future__ import annotations

import csv
import io
import re
from html import unescape


def test_openings_with_their_rules(owner):
    page = owner.get("/exposure?state=Everybody&path=public+address").text
    assert "vm-sbx-jump" in page
    assert "nsg-sbx-jump/allow-ssh-any" in page
    assert "open to everybody" in page


def test_the_file_has_the_filtered_rows(owner):
    rows = list(csv.DictReader(io.StringIO(owner.get("/exposure?state=Closed&format=csv").text)))
    assert rows
    assert {one["Open to"] for one in rows} == {"Closed"}
    assert all(one["Reason"] for one in rows)


def test_the_overview_counts_what_the_list_shows(owner):
    figure = re.search(r'href="(/exposure\?[^"]+)">([\d,]+)<', owner.get("/").text)
    assert figure
    rows = csv.DictReader(io.StringIO(owner.get(f"{unescape(figure[1])}&format=csv").text))
    assert len({row["Resource"] for row in rows}) == int(figure[2].replace(",", "")) > 0


def test_the_facet_counts_resources_as_the_overview_does(owner):
    figure = re.search(r'href="(/exposure\?[^"]+)">([\d,]+)<', owner.get("/").text)
    page = owner.get("/exposure").text
    facet = re.search(r">Everybody<.*?([\d,]+)</", page, re.DOTALL)
    assert figure
    assert facet
    assert facet[1] == figure[2]


def test_a_disk_is_closed_without_an_export_link(owner):
    rows = list(csv.DictReader(io.StringIO(owner.get("/exposure?q=snap&format=csv").text)))
    reasons = {
        one["Resource"].rpartition("/")[2]: one["Reason"] for one in rows if "/snapshots/" in one["Resource"]
    }
    assert "No export link (SAS) is active" in reasons.values()
    assert {one["Open to"] for one in rows if "/snapshots/" in one["Resource"]} == {"Closed"}
