"""A standard that has controls: its page, and its evidence as CSV and as a document."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pypdf
import pytest
from markupsafe import escape

from nephoscope.access.authenticator import Guard
from nephoscope.access.tokens import AccessTokenIssuer
from nephoscope.instance import Instance, hierarchy_of
from nephoscope.lake.lake import Lake
from nephoscope.model.read_reach import EVERYTHING
from nephoscope.posture.published.publishing import publish
from nephoscope.posture.published.snapshot_cache import PublishedSnapshotCache
from nephoscope.posture.reports.report import Report
from nephoscope.posture.scans.scan import EstateScan, ScanRequest
from nephoscope.state import State

GIVEN = Path(__file__).parents[1] / "cases" / "journeys" / "standard"
KIND = "microsoft.security/regulatorycompliancestandards"
TOLD = (
    "Scope: all resources that the reader can access",
    "% of the evaluated controls passed",
    "HB-1: Failed",
    "NonCompliant: ",
    "/south",
    "People are trained",
)


@pytest.fixture(scope="module")
def instance(tmp_path_factory):
    """An estate of a few storage accounts, judged by a standard of eight controls."""
    data = tmp_path_factory.mktemp("standard")
    scan = EstateScan(
        ScanRequest((str(GIVEN / "estate.json"),), (str(GIVEN / "content"),), ("harbour",)), data
    )
    publish(data, Report(scan.run(scan.estate()), "estate.json"), {})
    with State.of(data) as state, Lake.open(data, state) as lake:
        snapshots = PublishedSnapshotCache(data)
        tokens = AccessTokenIssuer(state, data / "keys", "5b1f0d9e-3a52-4c51-9a0e-0d6a1c7b8e90")
        yield Instance(data, state, lake, snapshots, Guard(state, lambda: hierarchy_of(snapshots)), tokens)


@pytest.fixture(scope="module")
def page(instance):
    (name,) = {one["name"] for one in instance.snapshots.newest().listing.page([KIND], EVERYTHING).bodies}
    return f"/compliance/{name}"


def test_the_standard_is_shown_with_its_controls(owner, page):
    text = owner.get(page).text
    assert "style=" not in text
    for control in ("HB-1", "HB-5", "HB-8", "Doors are locked"):
        assert control in text
    assert page in owner.get("/compliance").text
    assert owner.get("/compliance/none").status_code == 404


def test_the_evidence_has_a_row_a_judged_resource(owner, page):
    rows = list(csv.DictReader(io.StringIO(owner.get(f"{page}?format=csv").text)))
    doors = [row for row in rows if row["Control"] == "HB-1" and row["Resource"].lower().endswith("/south")]
    assert "NonCompliant" in {row["Result"] for row in doors}
    assert {row["Control result"] for row in doors} == {"Failed"}
    (trained,) = [row for row in rows if row["Control"] == "HB-8"]
    assert trained["Resource"] == ""
    assert {row["Control"] for row in rows} == {f"HB-{at}" for at in range(1, 9)}


def test_the_evidence_is_a_document(owner, page):
    answer = owner.get(f"{page}?format=pdf")
    assert answer.headers["content-type"] == "application/pdf"
    pages = pypdf.PdfReader(io.BytesIO(answer.content)).pages
    text = "".join(one.extract_text() for one in pages).replace("\n", "").replace(" ", "")
    for told in TOLD:
        assert told.replace(" ", "") in text, told


def test_who_may_not_read_it_has_no_evidence(visitor, page):
    stranger = visitor(("Reader", "/subscriptions/22222222-2222-2222-2222-222222222222"))
    assert stranger.get(f"{page}?format=pdf").status_code == 404


def test_a_standard_is_called_by_its_title_and_tells_its_policies(owner, page, instance):
    (body,) = instance.snapshots.newest().listing.page([KIND], EVERYTHING).bodies
    title = body["properties"]["displayName"]
    assert title != body["name"], "the name in its id is no title"
    assert f">{escape(title)}</a>" in owner.get("/compliance").text
    assert f"<h1>{escape(title)}</h1>" in owner.get(page).text
    (row,) = csv.DictReader(io.StringIO(owner.get("/compliance?format=csv").text))
    assert (row["Standard"], row["Name"]) == (title, body["name"])
    states = [row[state] for state in ("Failed", "Skipped", "Passed", "Unsupported")]
    assert sum(map(int, states)) == int(row["Controls"]) == 8
    assert 0 < int(row["Policies passed"]) + int(row["Policies failed"]) <= int(row["Policies"])
