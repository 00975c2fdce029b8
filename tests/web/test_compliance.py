"""A standard that has controls: its page, and its evidence as CSV and as a document."""

from __future__ import annotations

import csv
import datetime as dt
import hashlib
import io
import threading
import time
import urllib.parse
from pathlib import Path

import pypdf
import pytest
from markupsafe import escape

from nephoscope.access.authenticator import Guard
from nephoscope.access.tokens import AccessTokenIssuer
from nephoscope.instance import Instance, build_hierarchy
from nephoscope.lake.lake import Lake
from nephoscope.model.read_scope import EVERYTHING
from nephoscope.posture.published.publishing import publish_report
from nephoscope.posture.published.snapshot_cache import PublishedSnapshotCache
from nephoscope.posture.reports.control_domains import find_domain
from nephoscope.posture.reports.report import Report
from nephoscope.posture.scans.scan import EstateScan, ScanRequest
from nephoscope.state import State
from nephoscope.web.page_data.standard_controls import ControlResult, PolicyResult
from nephoscope.web.reports.compliance_evidence import Evidence, EvidenceControl
from nephoscope.web.reports.compliance_report import ComplianceReport, NoDocumentError

GIVEN = Path(__file__).parents[1] / "cases" / "journeys" / "standard"
KIND = "microsoft.security/regulatorycompliancestandards"
TOLD = (
    "Scope: all resources that the reader can access",
    "% of the evaluated controls passed",
    "Failed controls",
    "HB-1",
    "Doors are locked",
    "What to fix first",
    "Not evaluated",
    "People are trained",
    "no policy covers it",
)


@pytest.fixture(scope="module")
def instance(tmp_path_factory):
    """An estate of a few storage accounts, judged by a standard of eight controls."""
    data = tmp_path_factory.mktemp("standard")
    scan = EstateScan(
        ScanRequest((str(GIVEN / "estate.json"),), (str(GIVEN / "content"),), ("harbour",)), data
    )
    publish_report(data, Report(scan.run(scan.estate()), "estate.json"), {})
    with State.open_folder(data) as state, Lake.open(data, state) as lake:
        snapshots = PublishedSnapshotCache(data)
        tokens = AccessTokenIssuer(state, data / "keys", "5b1f0d9e-3a52-4c51-9a0e-0d6a1c7b8e90")
        yield Instance(data, state, lake, snapshots, Guard(state, lambda: build_hierarchy(snapshots)), tokens)


@pytest.fixture(scope="module")
def page(instance):
    (name,) = {
        one["name"] for one in instance.snapshots.load_newest().listing.page([KIND], EVERYTHING).bodies
    }
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


def test_the_report_is_short_and_has_the_evidence_attached(owner, page):
    answer = owner.get(f"{page}?format=pdf")
    assert answer.headers["content-type"] == "application/pdf"
    reader = pypdf.PdfReader(io.BytesIO(answer.content))
    assert len(reader.pages) <= 4
    text = "".join(one.extract_text() for one in reader.pages).replace("\n", "").replace(" ", "")
    for told in TOLD:
        assert told.replace(" ", "") in text, told
    ((name, (annex,)),) = reader.attachments.items()
    assert name.endswith("-evidence.csv")
    assert annex == owner.get(f"{page}?format=csv").content
    assert hashlib.sha256(annex).hexdigest() in text


def test_the_report_is_made_in_the_background(owner, page, monkeypatch):
    begun, go_on = threading.Event(), threading.Event()
    document = ComplianceReport.document

    def wait(report):
        begun.set()
        assert go_on.wait(60)
        return document(report)

    monkeypatch.setattr(ComplianceReport, "document", wait)
    address = f"{page}?scope={urllib.parse.quote('11111111-1111-1111-1111-111111111111')}&report=1"
    assert "The report is being made" in owner.get(address).text
    assert begun.wait(60)
    assert "The report is being made" in owner.get(address).text, "who asks again waits for the same document"
    go_on.set()
    for _ in range(600):
        if "The report is ready" in (text := owner.get(address).text):
            break
        time.sleep(0.1)
    assert "The report is ready" in text
    assert "format=pdf" in text


def test_a_report_that_cannot_be_made_says_so_once_and_is_tried_again(visitor, page, monkeypatch):
    reader, address = visitor(("Reader", "/")), f"{page}?format=pdf"

    def fail(report):
        raise NoDocumentError("PDF requires the extra pdf")

    with monkeypatch.context() as broken:
        broken.setattr(ComplianceReport, "document", fail)
        answer = reader.get(address)
        assert (answer.status_code, "PDF requires the extra pdf" in answer.text) == (400, True)
    assert reader.get(address).content.startswith(b"%PDF")


def test_a_report_of_a_large_standard_has_four_pages():
    """Every list has its bound, and says what it leaves out."""
    long = "a title that is far longer than what fits into one line of a table, and so is cut " * 3
    policies = {
        f"{long} {at}": PolicyResult(f"key-{at}", f"{long} {at}", "Failed", failed=at) for at in range(300)
    }
    controls = [
        ControlResult(
            f"X_{at}.1", long, f"Domain {at % 60}", state, dict(policies) if state == "Failed" else {}
        )
        for at, state in enumerate(("Failed", "Passed", "Skipped") * 300)
    ]
    evidence = Evidence(
        "large", "everything", dt.datetime(2026, 1, 1, tzinfo=dt.UTC), "somebody",
        [EvidenceControl(one.name, one.title, one.state, []) for one in controls],
    )  # fmt: skip
    reader = pypdf.PdfReader(io.BytesIO(ComplianceReport("Large", controls, evidence).document()))
    assert len(reader.pages) == 4
    text = "".join(one.extract_text() for one in reader.pages)
    for left_out in (
        "36 more domains",
        "240 more failed controls",
        "260 more failed policies",
        "276 more controls",
    ):
        assert left_out in text, left_out


NAMES = (
    "Škoda Zürich – Łódź",
    "Αθήνα κτηρίου",
    "Резервные копии",
    "东京数据中心",
    "データセンター",
    "서울 데이터센터",
    "Tiếng Việt",
    "naïve ≥ 5 €",
)


def test_names_of_every_script_are_in_the_report():
    """Each name is read back as it was written, in the title, in a paragraph and in a table; the fonts are in the file."""
    controls = [ControlResult(f"N-{at}", name, name, "Failed", {}) for at, name in enumerate(NAMES)]
    evidence = Evidence(
        "names", NAMES[3], dt.datetime(2026, 1, 1, tzinfo=dt.UTC), NAMES[2],
        [EvidenceControl(one.name, one.title, one.state, []) for one in controls],
    )  # fmt: skip
    reader = pypdf.PdfReader(io.BytesIO(ComplianceReport(NAMES[0], controls, evidence).document()))
    text = "".join(one.extract_text() for one in reader.pages)
    for name in NAMES:
        assert text.count(name) >= 2, name
    fonts = [font.get_object() for page in reader.pages for font in page["/Resources"]["/Font"].values()]
    embedded = {str(one["/BaseFont"]) for one in fonts if "/FontFile2" in one.get("/FontDescriptor", {})}
    assert {one.partition("+")[2] for one in embedded} == {"DejaVuSansCondensed", "DejaVuSansCondensed-Bold"}


@pytest.mark.parametrize(
    ("group", "category", "domain"),
    [
        ("Azure_Security_Benchmark_v3.0_NS-1", "", "Network security"),
        ("azure_security_benchmark_v3.0_ns-1", "", "Network security"),
        ("Azure_Security_Benchmark_v3.0_NS-1", "Networks", "Networks"),
        ("NIST_SP_800-53_R5_AC-2(1)", "", "Access control"),
        ("NIST_SP_800-171_R2_3.1.1", "", "Access control"),
        ("NIST_SP_800-171_R2_3.13.2", "", "System and communications protection"),
        ("CIS_Azure_1.3.0_5.1.2", "", "Logging and monitoring"),
        ("ISO27001-2013_A.10.1.1", "", "Cryptography"),
        ("ISO27001-2013_A.9.4.2", "", "Access control"),
        ("PCI_DSS_v4.0_10.2.1", "", "Logging and monitoring"),
        ("SOC_2_CC6.1", "", "Logical and physical access"),
        ("SOC_2_C1.1", "", "Confidentiality"),
        ("Own_Standard_QX-7", "", "QX"),
        ("HB-1", "", ""),
    ],
)
def test_the_domain_of_a_control_comes_from_its_category_or_its_name(group, category, domain):
    assert find_domain(group, category) == domain


def test_who_may_not_read_it_has_no_evidence(visitor, page):
    stranger = visitor(("Reader", "/subscriptions/22222222-2222-2222-2222-222222222222"))
    assert stranger.get(f"{page}?format=pdf").status_code == 404


def test_a_standard_is_called_by_its_title_and_tells_its_policies(owner, page, instance):
    (body,) = instance.snapshots.load_newest().listing.page([KIND], EVERYTHING).bodies
    title = body["properties"]["displayName"]
    assert title != body["name"], "the name in its id is no title"
    assert f">{escape(title)}</a>" in owner.get("/compliance").text
    assert f"<h1>{escape(title)}</h1>" in owner.get(page).text
    (row,) = csv.DictReader(io.StringIO(owner.get("/compliance?format=csv").text))
    assert (row["Standard"], row["Name"]) == (title, body["name"])
    states = [row[state] for state in ("Failed", "Skipped", "Passed", "Unsupported")]
    assert sum(map(int, states)) == int(row["Controls"]) == 8
    assert 0 < int(row["Policies passed"]) + int(row["Policies failed"]) <= int(row["Policies"])
