"""The published ranking is that of the report, with what makes each recommendation urgent."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from nephoscope.model.read_scope import EVERYTHING, Reach
from nephoscope.posture.published.findings import FindingQuery
from nephoscope.posture.published.priorities import EVERY, build_priorities
from nephoscope.posture.published.publishing import publish_report
from nephoscope.posture.published.snapshot_cache import PublishedSnapshotCache
from nephoscope.posture.recommendations.report_row import ReportFilter
from nephoscope.posture.reports.report import Report
from nephoscope.posture.scans.scan import EstateScan, ScanRequest
from nephoscope_policy.model.state import Severity

NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    scan = EstateScan(ScanRequest(("sample:",)), tmp_path_factory.mktemp("data"), NOW)
    return scan.run(scan.estate())


@pytest.fixture(scope="module")
def report(run):
    return Report(run, "sample:")


@pytest.fixture(scope="module")
def snapshot(report, tmp_path_factory):
    data = tmp_path_factory.mktemp("published")
    publish_report(data, report, {})
    return PublishedSnapshotCache(data).load_newest()


def as_told(report: Report) -> list[tuple[object, ...]]:
    return [
        (one.recommendation.key.lower(), one.unhealthy, one.control.name if one.control else "", one.gain)
        for one in report.ranked_recommendations
    ]


def published(snapshot, reach: Reach, wanted: FindingQuery = EVERY) -> list[tuple[object, ...]]:
    found = build_priorities(snapshot).rank(reach, reach, wanted)
    return [(one.tally.recommendation, one.tally.unhealthy, one.control, one.gain) for one in found]


def test_it_is_the_ranking_of_the_report(report, snapshot):
    assert published(snapshot, EVERYTHING) == as_told(report)
    assert sum(one.gain > 0 for one in report.ranked_recommendations) > 10


@pytest.mark.parametrize("name", ["sub-bwf-sandbox", "sub-bwf-data-prod", "sub-bwf-identity"])
def test_it_is_that_of_the_subscriptions_that_are_looked_at(run, snapshot, name):
    ids = [id_ for id_, known in snapshot.build_info.subscriptions.items() if known == name]
    assert ids
    told = as_told(Report(run, "sample:", ReportFilter(subscriptions=frozenset(ids))))
    assert published(snapshot, Reach(subscriptions=frozenset(ids))) == told


def test_a_filter_leaves_gains_as_they_are(snapshot):
    every = published(snapshot, EVERYTHING)
    high = published(snapshot, EVERYTHING, FindingQuery(severities=frozenset({Severity.HIGH.value})))
    assert high
    assert set(high) < set(every)


def test_why_tells_attack_paths_and_exposure(report, snapshot):
    ranked = {
        one.tally.recommendation: one for one in build_priorities(snapshot).rank(EVERYTHING, EVERYTHING)
    }
    worst: dict[str, list[Severity]] = {}
    for path in report.attack_paths.paths:
        found = {
            one.key for several in path.chain.insights for known in several.values() for one in known.findings
        }
        found |= {one.key for each in path.chain.connections for one in each.findings}
        for key in found:
            worst.setdefault(key.lower(), []).append(path.level)
    assert worst
    for key, levels in worst.items():
        assert (ranked[key].paths, ranked[key].gravest) == (
            len(levels),
            max(levels, key=lambda one: one.rank),
        )
        assert "attack path" in ranked[key].reason
    (owners,) = [
        one for one in ranked.values() if one.tally.title == "MFA should be enabled for subscription owners"
    ]
    assert owners.reason.startswith("High severity; gains 1.00 points in Enable MFA; on ")
    exposed = report.attack_paths.exposed
    failing = [row for row in report.findings() if row.id.key in exposed]
    assert sum(one.exposed for one in ranked.values()) == len(
        {(row.id.key, row.assessment.key) for row in failing}
    )
    assert any("reachable from the Internet" in one.reason for one in ranked.values())


def test_who_may_not_see_attack_paths_is_not_told_of_them(snapshot):
    assert all(one.paths == 0 for one in build_priorities(snapshot).rank(EVERYTHING, Reach()))
