"""Pages count alike: what the overview calls resources the inventory lists, of the scope; findings on other things are told."""

from __future__ import annotations

import csv
import html
import io
import re
from datetime import UTC, datetime
from urllib.parse import parse_qs, urlsplit

import pytest

from nephoscope.model.read_scope import EVERYTHING, Reach
from nephoscope.posture.history.history import TrendPoint
from nephoscope.posture.published.findings import FindingQuery
from nephoscope.posture.scans.scan import ScanRequest, save_request


def numbers(text: str, pattern: str) -> list[int]:
    return [int(one.replace(",", "")) for one in re.findall(pattern, re.sub(r"<[^>]+>", "", text))]


@pytest.mark.parametrize("scoped", [False, True])
def test_the_resources_of_the_overview_are_those_of_the_inventory(owner, sandbox, scoped):
    asked = {"scope": sandbox} if scoped else {}
    (told,) = numbers(owner.get("/", params=asked).text, r"([\d,]+) resources ·")
    (listed,) = numbers(owner.get("/inventory", params=asked).text, r"1–100 of ([\d,]+)")
    rows = list(csv.DictReader(io.StringIO(owner.get("/inventory", params={**asked, "format": "csv"}).text)))
    assert told == listed == len(rows)


def test_a_reader_is_told_the_number_of_their_own(instance, owner, visitor, sandbox):
    save_request(ScanRequest(("sample:",)), instance.data)
    snapshot = instance.snapshots.load_newest()
    assert snapshot.build_info.resources == snapshot.inventory.count(EVERYTHING)
    reader = visitor(("Reader", f"/subscriptions/{sandbox}"))
    own = len(reader.get("/inventory?format=csv").text.splitlines()) - 1
    assert 0 < own < snapshot.build_info.resources
    for page in ("/", "/sources"):
        assert numbers(reader.get(page).text, r"([\d,]+) resources")[0] == own
        assert numbers(owner.get(page).text, r"([\d,]+) resources")[0] == snapshot.build_info.resources


@pytest.mark.parametrize("scoped", [False, True])
def test_findings_on_what_is_no_resource_are_told(instance, owner, sandbox, scoped):
    asked = {"scope": sandbox} if scoped else {}
    reach = Reach(subscriptions=frozenset({sandbox})) if scoped else EVERYTHING
    rows = csv.DictReader(io.StringIO(owner.get("/inventory", params={**asked, "format": "csv"}).text))
    listed = sum(int(row["Findings"]) for row in rows)
    text = owner.get("/inventory", params=asked).text
    (others,) = numbers(text, r"([\d,]+) findings? on role assignments")
    findings = instance.snapshots.load_newest().findings
    assert listed + others == findings.states(reach)["NonCompliant"]
    links = re.findall(r'href="(/recommendations\?[^"]*q=[^"]*)" title="([^"]+)">[^<]+</a> \((\d+)\)', text)
    assert sum(int(count) for *_, count in links) == others
    for address, type_, count in links:
        assert owner.get(html.unescape(address)).status_code == 200
        # ids of nested types have names between the segments: what is looked for is the last one
        (searched,) = parse_qs(urlsplit(html.unescape(address)).query)["q"]
        assert searched in (f"/{type_}/", f"/{type_.rpartition('/')[2]}/")
        wanted = FindingQuery(states=frozenset({"NonCompliant"}), text=searched)
        assert findings.count(reach, wanted) == int(count)


def test_what_the_score_moved_by_is_told_as_what_it_is(owner, monkeypatch):
    points = [
        TrendPoint(datetime(2026, 11, day, tzinfo=UTC), share) for day, share in ((1, 0.817), (2, 0.784))
    ]
    monkeypatch.setattr("nephoscope.web.pages.overview.list_trend_points", lambda _: points)
    text = " ".join(re.sub(r"<[^>]+>", "", owner.get("/").text).split())
    assert re.search(r"-3\.3 percentage points since 2026-11-01[^,]*, from 81\.7 to 78\.4 %", text)


def test_a_subscription_is_listed_by_its_name(owner, sandbox):
    asked = {"scope": sandbox, "type": "microsoft.resources/subscriptions"}
    (row,) = csv.DictReader(io.StringIO(owner.get("/inventory", params={**asked, "format": "csv"}).text))
    assert row["Resource"] == row["Subscription"] != sandbox
    assert f">{row['Resource']}</a>" in owner.get("/inventory", params=asked).text
