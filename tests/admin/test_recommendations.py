"""The own API ranks recommendations as the report does, over what the caller may see."""

from __future__ import annotations

import pytest

from nephoscope.posture.published.publishing import publish_report
from nephoscope.posture.recommendations.report_row import ReportFilter
from nephoscope.posture.reports.report import Report
from nephoscope.posture.scans.scan import EstateScan, ScanRequest

PATH = "/admin/v1/recommendations"


@pytest.fixture(scope="module")
def run(instance, server, owner):
    assert server.get(PATH, headers=owner).json() == {"value": [], "total": 0}, "nothing was assessed yet"
    scan = EstateScan(ScanRequest(("sample:",)), instance.data)
    found = scan.run(scan.estate())
    publish_report(instance.data, Report(found, "sample:"), {})
    return found


def told(report: Report) -> list[tuple[str, int, float]]:
    return [
        (one.recommendation.key.lower(), one.unhealthy, round(one.gain, 4))
        for one in report.ranked_recommendations
        if one.unhealthy
    ]


def listed(server, headers, **asked) -> list[tuple[str, int, float]]:
    found = server.get(PATH, params={"top": 10_000, **asked}, headers=headers).json()
    assert found["total"] == len(found["value"])
    return [(one["id"], one["unhealthy"], one["gain"]) for one in found["value"]]


def test_the_ranking_is_that_of_the_report(server, owner, run):
    assert listed(server, owner) == told(Report(run, "sample:"))
    first = server.get(PATH, params={"top": 1}, headers=owner).json()
    (one,) = first["value"]
    assert one["why"].startswith("High severity; gains 1.00 points in Enable MFA; on ")
    assert (one["control"], one["attackPaths"], first["total"] > 300) == ("Enable MFA", 1, True)
    assert len(listed(server, owner, all="true")) > len(listed(server, owner))


def test_a_reader_of_one_subscription_is_told_of_it(server, caller, run, instance):
    ids = [
        id_
        for id_, name in instance.snapshots.load_newest().build_info.subscriptions.items()
        if name == "sub-bwf-sandbox"
    ]
    reader = caller(("Reader", f"/subscriptions/{ids[0]}"))
    report = Report(run, "sample:", ReportFilter(subscriptions=tuple(ids)))
    assert listed(server, reader) == told(report)


@pytest.mark.parametrize("asked", [{"top": "0"}, {"top": "x"}, {"all": "perhaps"}])
def test_what_cannot_be_asked(server, owner, asked):
    assert server.get(PATH, params=asked, headers=owner).status_code == 400
