"""The page Internet exposure: its openings, its filters and its file."""

from __future__ import annotations

import csv
import io


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
