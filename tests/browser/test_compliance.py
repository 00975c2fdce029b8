"""The evidence of a standard is taken from the browser as a document and as a table, and read back."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pypdf
import pytest
from tests.browser.conftest import served
from tests.browser.test_pages import looked_at

from nephoscope.access.authenticator import Guard
from nephoscope.access.scopes import Hierarchy
from nephoscope.posture.published.publishing import publish_report
from nephoscope.posture.reports.report import Report
from nephoscope.posture.scans.scan import EstateScan, ScanRequest
from nephoscope.state import State

pytestmark = pytest.mark.system

GIVEN = Path(__file__).parents[1] / "cases" / "journeys" / "standard"


@pytest.fixture(scope="module")
def context(chromium: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A window of somebody who is signed in to a server with a standard of eight controls; its address is `base`."""
    data = tmp_path_factory.mktemp("standard")
    scan = EstateScan(
        ScanRequest((str(GIVEN / "estate.json"),), (str(GIVEN / "content"),), ("harbour",)), data
    )
    publish_report(data, Report(scan.run(scan.estate()), "estate.json"), {})
    with State.open_folder(data) as state:
        link = Guard(state, lambda: Hierarchy({})).create_first_link("ada")
    with served(data) as base:
        made = chromium.new_context(ignore_https_errors=True)
        made.set_default_timeout(120_000)
        page = made.new_page()
        page.goto(f"{base}/link/{link}")
        page.get_by_role("button", name="Sign in").click()
        page.get_by_role("heading", name="Overview").wait_for()
        made.base = base
        yield made
        made.close()


def test_the_evidence_is_downloaded_and_read_back(context: Any, tmp_path: Path) -> None:
    page = context.new_page()
    page.goto(f"{context.base}/compliance")
    page.locator(".data-list__cell--title a").first.click()
    shown = page.locator("summary .text-title.text-code, summary .text-title").all_inner_texts()
    assert "HB-1: Doors are locked" in shown
    found = {}
    page.get_by_role("link", name="Report as PDF").click()
    for name, kind in (("Evidence as CSV", "csv"), ("Download the PDF", "pdf")):
        with page.expect_download() as taken:
            page.get_by_role("link", name=name).click()
        found[kind] = tmp_path / taken.value.suggested_filename
        assert found[kind].suffix == f".{kind}"
        taken.value.save_as(found[kind])
    rows = list(csv.DictReader(found["csv"].read_text().splitlines()))
    text = "\n".join(one.extract_text() for one in pypdf.PdfReader(found["pdf"]).pages)
    assert all(row["Control"] in text for row in rows if row["Control result"] != "Passed")
    failing = {
        row["Resource"]
        for row in rows
        if row.get("State") == "NonCompliant" or "NonCompliant" in row.values()
    }
    assert failing
    ((name, (annex,)),) = pypdf.PdfReader(found["pdf"]).attachments.items()
    assert (name, annex) == (found["csv"].name.replace(".csv", "-evidence.csv"), found["csv"].read_bytes())


@pytest.mark.full
def test_the_standard_is_sound(context: Any) -> None:
    page = context.new_page()
    page.goto(f"{context.base}/compliance")
    path = page.locator(".data-list__cell--title a").first.get_attribute("href")
    wrong = looked_at(context, context.base, [path])
    assert not wrong, "\n".join(wrong)
