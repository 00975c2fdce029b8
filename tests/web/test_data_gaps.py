"""The page of data gaps: what assessments lacked, with the commands and permissions that settle them."""

from __future__ import annotations

import csv
import io

import pytest
from markupsafe import escape

from nephoscope.estate.estate import Estate
from nephoscope.model.read_scope import Reach
from nephoscope.posture.data_gaps.gap_groups import list_data_gaps, list_unsettled_assessments
from nephoscope.posture.data_gaps.segment_gaps import keep_segment_gaps, list_segment_gaps
from nephoscope.posture.published.publishing import publish_report
from nephoscope.posture.reports.report import Report
from nephoscope.posture.scans.scan import EstateScan, ScanRequest
from nephoscope.web.lists.gap_list import build_gap_key
from nephoscope_policy.model.coverage import Coverage


@pytest.fixture(scope="module")
def gaps(instance):
    """The sample company of which little was read."""
    scan = EstateScan(ScanRequest(("sample:",)), instance.data)
    whole = scan.estate()
    report = Report(
        scan.run(Estate.of(whole.resources.values(), Coverage({}), tenant=whole.tenant)), "sample:"
    )
    publish_report(instance.data, report, {})
    return list_data_gaps(list_unsettled_assessments(report))


def test_the_page_says_what_settles_each_gap(owner, gaps):
    text = owner.get("/gaps").text
    assert text.count(" data-row>") == len(gaps)
    for gap in gaps[:3]:
        assert gap.title in text
        beside = owner.get("/gaps", params={"preview": build_gap_key(gap)}).text
        assert gap.recommendations[0].title in beside
        assert all(escape(one) in beside for one in gap.remedy.commands)
    roles = next(one for one in gaps if one.title == "Microsoft.Authorization/roleAssignments")
    text = owner.get("/gaps", params={"preview": build_gap_key(roles)}).text
    assert "nephoscope collect --type Microsoft.Authorization/roleAssignments --out more" in text
    assert "Microsoft.Authorization/roleAssignments/read" in text


def test_the_file_has_every_recommendation(owner, gaps):
    rows = list(csv.DictReader(io.StringIO(owner.get("/gaps?format=csv").text)))
    assert sum(int(one["Assessments"]) for one in rows) == sum(one.count for one in gaps)


def test_pages_that_count_them_lead_there(owner, gaps):
    for path in ("/", "/recommendations?open=1"):
        assert 'href="/gaps' in owner.get(path).text


def test_a_part_is_told_of_its_own(visitor, gaps, sandbox):
    rows = list(
        csv.DictReader(
            io.StringIO(visitor(("Reader", f"/subscriptions/{sandbox}")).get("/gaps?format=csv").text)
        )
    )
    assert 0 < sum(int(one["Assessments"]) for one in rows) < sum(one.count for one in gaps)


def test_faults_of_segments_are_gaps_of_those_who_read_everything(owner, visitor, instance, gaps, sandbox):
    fault = "allowed[0]: no segment is named office"
    keep_segment_gaps(instance.state, "", (fault,))
    try:
        gap = next(
            one for one in list_segment_gaps(instance.state, Reach(everything=True)) if one.title == fault
        )
        assert "no segment is named office" in owner.get("/gaps", params={"q": "office"}).text
        assert (
            "Correct segments.yaml"
            in owner.get("/gaps", params={"preview": build_gap_key(gap), "q": "office"}).text
        )
        rows = csv.DictReader(io.StringIO(owner.get("/gaps?format=csv").text))
        assert [one["Kind"] for one in rows if one["Missing"] == fault] == ["Segments not judged"]
        assert fault not in visitor(("Reader", f"/subscriptions/{sandbox}")).get("/gaps?format=csv").text
    finally:
        keep_segment_gaps(instance.state, "", ())
    assert fault not in owner.get("/gaps?format=csv").text
