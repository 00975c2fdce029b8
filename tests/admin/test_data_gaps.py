"""The own API lists data gaps with what settles them, over what the caller may see."""

from __future__ import annotations

import pytest

from nephoscope.estate.estate import Estate
from nephoscope.posture.data_gaps.gap_groups import list_data_gaps, list_unsettled_assessments
from nephoscope.posture.published.publishing import publish_report
from nephoscope.posture.reports.report import Report
from nephoscope.posture.scans.scan import EstateScan, ScanRequest
from nephoscope_policy.model.coverage import Coverage

PATH = "/admin/v1/data-gaps"


@pytest.fixture(scope="module")
def report(instance, server, owner):
    assert server.get(PATH, headers=owner).json() == {"value": [], "assessments": 0, "unjudged": 0}, (
        "nothing was assessed yet"
    )
    scan = EstateScan(ScanRequest(("sample:",)), instance.data)
    whole = scan.estate()
    estate = Estate.of(whole.resources.values(), Coverage({}, tenant=whole.tenant), tenant=whole.tenant)
    found = Report(scan.run(estate), "sample:")
    publish_report(instance.data, found, {})
    return found


def test_the_list_is_that_of_the_command(server, owner, report):
    told = server.get(PATH, headers=owner).json()
    gaps = list_data_gaps(list_unsettled_assessments(report))
    assert {one["subject"] for one in told["value"]} == {one.subject for one in gaps}
    counts = [one["assessments"] for one in told["value"]]
    assert counts == sorted(counts, reverse=True)
    assert told["unjudged"] == sum(counts)
    (roles,) = (
        one for one in told["value"] if one["subject"].lower() == "microsoft.authorization/roleassignments"
    )
    assert roles["permissions"] == [f"{roles['subject']}/read"]
    assert roles["commands"][0] == f"nephoscope collect --type {roles['subject']} --out more"
    assert sum(one["assessments"] for one in roles["recommendations"]) == roles["assessments"]


def test_a_part_has_its_own_gaps(server, owner, caller, report, instance):
    subscriptions = instance.snapshots.load_newest().build_info.subscriptions
    mine = next(iter(subscriptions))
    part = server.get(PATH, headers=caller(("Reader", f"/subscriptions/{mine}"))).json()
    whole = server.get(PATH, headers=owner).json()
    assert 0 < part["unjudged"] < whole["unjudged"]
    others = [one for one in subscriptions if one != mine]
    assert not any(one in str(part) for one in others)
