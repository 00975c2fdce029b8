"""What an evaluation publishes: the same verdicts and scores, found by id, by type, by KQL, and only in the reach of who asks."""

from __future__ import annotations

import json
import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from tests.sample.some_subscriptions import copy_some

from nephoscope.lake.errors import LakeError
from nephoscope.model.read_scope import EVERYTHING, Reach
from nephoscope.posture.history.evaluation_diff import RememberedState
from nephoscope.posture.published.findings import FindingQuery
from nephoscope.posture.published.publishing import (
    get_published_path,
    load_document_kinds,
    publish_documents,
    publish_report,
)
from nephoscope.posture.published.snapshot_cache import PublishedSnapshotCache
from nephoscope.posture.published.uncollected_table import UncollectedTableError
from nephoscope.posture.recommendations.finding_subject import verdicts
from nephoscope.posture.reports.report import Report
from nephoscope.posture.reports.resource_graph_tables import TABLES
from nephoscope.posture.scans.scan import EstateScan, ScanRequest
from nephoscope_kql.errors import KqlError
from nephoscope_policy.model.state import ComplianceState

NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)
ASSESSMENT = "microsoft.security/assessments"


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    scan = EstateScan(ScanRequest(("sample:",)), tmp_path_factory.mktemp("data"), NOW)
    return Report(scan.run(scan.estate()), "sample:")


@pytest.fixture(scope="module")
def few(tmp_path_factory):
    """A report of one subscription, for what is the same of every one."""
    snapshot = copy_some(tmp_path_factory.mktemp("few") / "snapshot", "sandbox")
    scan = EstateScan(ScanRequest((str(snapshot),)), tmp_path_factory.mktemp("few"), NOW)
    return Report(scan.run(scan.estate()), "few")


@pytest.fixture(scope="module")
def published(report, tmp_path_factory):
    data = tmp_path_factory.mktemp("published")
    publish_report(data, report, {})
    return PublishedSnapshotCache(data)


@pytest.fixture(scope="module")
def snapshot(published):
    return published.load_newest()


def lab(snapshot) -> Reach:
    (found,) = [id_ for id_, name in snapshot.build_info.subscriptions.items() if name == "sub-bwf-sandbox"]
    return Reach(subscriptions=frozenset({found}))


def test_nothing_was_published(tmp_path):
    assert PublishedSnapshotCache(tmp_path).load_newest() is None


def test_verdicts_are_those_of_the_report(report, snapshot):
    told = verdicts(report.run.assessments)
    states = snapshot.findings.states(EVERYTHING)
    assert states == {state: sum(one is state for one in told.values()) for state in set(told.values())}
    assert snapshot.build_info.states == {state.value: count for state, count in report.run.states().items()}
    assert snapshot.build_info.percentage == report.score.percentage


def test_tallies_add_up(snapshot):
    tallies = snapshot.findings.tallies(EVERYTHING)
    assert sum(one.counts.total() for one in tallies) == snapshot.findings.count(EVERYTHING)
    failing = [one for one in tallies if one.unhealthy]
    assert tallies[: len(failing)] == failing
    assert [one.severity.rank for one in failing] == sorted(
        (one.severity.rank for one in failing), reverse=True
    )


def test_every_page_once(snapshot):
    whole = snapshot.findings.count(EVERYTHING)
    pages = [
        snapshot.findings.page(EVERYTHING, order="resource", start=start, most=500)
        for start in range(0, whole, 500)
    ]
    ids = [one.id for page in pages for one in page]
    assert len(ids) == len(set(ids)) == whole
    seen, after = [], ""
    while True:
        page = snapshot.listing.page([ASSESSMENT], EVERYTHING, after=after, most=700)
        seen += [body["id"] for body in page.bodies if not off(body)]
        if not (after := page.after):
            break
    assert sorted(seen) == sorted(ids)


def off(body) -> bool:
    """Whether it was found while no policy is judged by it, so that it is no finding of a list."""
    return body["properties"]["status"].get("cause") == "OffByPolicy"


def test_filters(snapshot):
    failing = FindingQuery(states=frozenset({ComplianceState.NON_COMPLIANT.value}))
    assert {one.state for one in snapshot.findings.page(EVERYTHING, failing)} == {
        ComplianceState.NON_COMPLIANT
    }
    one = snapshot.findings.page(EVERYTHING, failing, most=1)[0]
    about = snapshot.findings.page(EVERYTHING, FindingQuery(resource=one.resource))
    assert {each.resource for each in about} == {one.resource}
    assert one.id in {each.id for each in about}
    named = snapshot.findings.page(EVERYTHING, FindingQuery(text=one.resource.rsplit("/", 1)[-1].upper()))
    assert one.id in {each.id for each in named}
    below = FindingQuery(scope="/".join(one.resource.split("/")[:3]))
    assert 0 < snapshot.findings.count(EVERYTHING, below) < snapshot.findings.count(EVERYTHING)


def test_the_estate_is_given_back_as_it_was(report, snapshot):
    for resource in list(report.run.estate.resources.values())[::97]:
        assert snapshot.listing.get(resource.key.upper(), EVERYTHING) == resource.body


def test_scores_and_standards(report, snapshot):
    scores = snapshot.listing.page(["microsoft.security/securescores"], EVERYTHING).bodies
    told = {one.subscription: one.percentage for one in report.score.subscriptions if one.is_scored}
    assert {one["id"].split("/")[2]: one["properties"]["score"]["percentage"] for one in scores} == told
    controls = snapshot.listing.page(
        ["microsoft.security/securescores/securescorecontrols"], EVERYTHING
    ).bodies
    unhealthy = sum(one["properties"]["unhealthyResourceCount"] for one in controls)
    assert unhealthy == sum(one.unhealthy for one in report.score.controls)
    standards = snapshot.listing.page(["microsoft.security/regulatorycompliancestandards"], EVERYTHING).bodies
    assert {one["properties"]["state"] for one in standards} <= {"Failed", "Passed", "Skipped", "Unsupported"}


def test_since_when_is_remembered(report, tmp_path):
    subject = next(
        subject
        for subject, state in verdicts(report.run.assessments).items()
        if state is ComplianceState.NON_COMPLIANT
    )
    first = NOW - timedelta(days=3)
    publish_report(
        tmp_path, report, {subject: RememberedState(ComplianceState.NON_COMPLIANT, True, first, first)}
    )
    snapshot = PublishedSnapshotCache(tmp_path).load_newest()
    about = FindingQuery(resource=subject[0], recommendations=frozenset({subject[1]}))
    (one,) = snapshot.findings.page(EVERYTHING, about)
    told = snapshot.listing.get(one.id, EVERYTHING)["properties"]["status"]
    assert told["firstEvaluationDate"] == first.isoformat()
    assert one.why == told.get("description", "")


def test_a_newer_edition_is_found_and_the_older_still_answers(few, tmp_path):
    publish_report(tmp_path, few, {})
    snapshots = PublishedSnapshotCache(tmp_path)
    old = snapshots.load_newest()
    assert snapshots.load_newest() is old
    publish_report(tmp_path, replace(few, scope="again"), {})
    assert snapshots.load_newest().build_info.scope == "again"
    assert old.findings.count(EVERYTHING) == snapshots.load_newest().findings.count(EVERYTHING)


@pytest.mark.full
def test_who_opens_it_reads_few_commits_however_many_evaluations_there_were(few, tmp_path):
    publish_report(tmp_path, few, {})
    made = PublishedSnapshotCache(tmp_path).load_newest().build_info
    for number in range(1, 23):
        publish_documents(tmp_path, [], msgspec.structs.replace(made, scope=f"{number}"))
    log = get_published_path(tmp_path) / "_delta_log"
    assert json.loads((log / "_last_checkpoint").read_text())["version"] == 20
    snapshot = PublishedSnapshotCache(tmp_path).load_newest()
    assert (snapshot.build_info.scope, snapshot.findings.count(EVERYTHING)) == ("22", 0)


@pytest.mark.full
def test_an_edition_is_made_ready_while_the_one_before_is_shown(few, tmp_path):
    """Nobody who asks waits for it, and it is shown as soon as it is ready, also where it could not be made so."""
    publish_report(tmp_path, few, {})
    snapshots, go = PublishedSnapshotCache(tmp_path), threading.Event()
    old = snapshots.load_newest()
    made = []

    def ready(snapshot):
        assert go.wait(60)
        made.append(snapshot.findings.count(EVERYTHING))
        if len(made) > 1:
            raise LakeError("no room")

    snapshots.make_ready(ready)
    for number, scope in enumerate(("again", "once more"), 1):
        go.clear()
        publish_report(tmp_path, replace(few, scope=scope), {})
        assert snapshots.load_newest() is snapshots.load_newest() is old
        go.set()
        snapshots.settle()
        assert (old := snapshots.load_newest()).build_info.scope == scope
        assert len(made) == number


@pytest.mark.sampled(3)
@pytest.mark.parametrize("table", sorted(TABLES))
def test_a_reach_sees_its_own_rows_only_by_kql(snapshot, table):
    reach = lab(snapshot)
    (mine,) = reach.subscriptions
    query = f"{table} | summarize n = count() by subscriptionId, type"
    if snapshot.list_uncollected_tables([table], {table: reach}):
        with pytest.raises(UncollectedTableError):
            snapshot.query(query, reach)
        return
    found = snapshot.query(query, reach)[-1].table.to_pylist()
    strangers = {row["type"] for row in found if row["subscriptionId"] not in ("", mine)}
    assert not strangers
    everywhere = {row["subscriptionId"]: 1 for row in snapshot.query(query, EVERYTHING)[-1].table.to_pylist()}
    assert table not in ("resources", "securityresources") or len(everywhere) > 5


@pytest.mark.parametrize(
    "query",
    [
        "resources | join kind=inner (resources | project id, other=subscriptionId) on id | project subscriptionId=other",
        "resources | union securityresources, policyresources, authorizationresources | project subscriptionId",
        "let t = view() { resourcecontainers }; t | project subscriptionId",
        "search * | project subscriptionId",
        "resourcecontainers | lookup (resources | project subscriptionId, name) on subscriptionId | project subscriptionId",
    ],
)
def test_no_operator_leads_out_of_the_reach(snapshot, query):
    reach = lab(snapshot)
    rows = snapshot.query(query, reach)[-1].table.to_pylist()
    assert {row["subscriptionId"] for row in rows} <= {"", *reach.subscriptions}
    assert any(row["subscriptionId"] for row in rows)


def test_a_group_is_a_reach(snapshot):
    one = next(
        one for one in snapshot.findings.page(EVERYTHING, most=500) if "/resourcegroups/" in one.resource
    )
    group = "/".join(one.resource.split("/")[:5])
    reach = Reach(groups=frozenset({group}))
    assert {each.resource.startswith(group) for each in snapshot.findings.page(reach, most=1000)} == {True}
    assert snapshot.listing.get("/".join(group.split("/")[:3]), reach) is not None, (
        "the subscription above it has a name"
    )
    assert snapshot.findings.count(Reach()) == 0


def test_tables_are_found_in_any_case_and_a_wrong_one_is_told(snapshot):
    assert snapshot.query("ReSourceS | count", EVERYTHING)[-1].table.num_rows == 1
    with pytest.raises(KqlError, match="Nothing"):
        snapshot.query("Nothing | count", EVERYTHING)


def test_kinds_are_found_in_their_folder():
    assert {
        "resources",
        "assessments",
        "secure_scores",
        "policy_states",
        "regulatory_compliance",
    } <= load_document_kinds().keys()


def test_one_copy_serves_every_process_and_goes_with_its_edition(few, tmp_path):
    publish_report(tmp_path, few, {})
    here, there = (
        PublishedSnapshotCache(tmp_path).load_newest(),
        PublishedSnapshotCache(tmp_path).load_newest(),
    )
    whole = here.findings.count(EVERYTHING)
    (copy,) = (tmp_path / "posture").glob(".documents-*.duckdb")
    made = copy.stat().st_mtime_ns
    assert there.findings.count(EVERYTHING) == whole
    assert copy.stat().st_mtime_ns == made
    assert copy.stat().st_mode & 0o077 == 0
    publish_report(tmp_path, replace(few, scope="again"), {})
    assert PublishedSnapshotCache(tmp_path).load_newest().findings.count(EVERYTHING) == whole
    assert not copy.exists()
    assert here.listing.page([ASSESSMENT], EVERYTHING, most=10).bodies


@pytest.mark.full
def test_a_copy_that_cannot_be_made_says_where(few, tmp_path):
    publish_report(tmp_path, few, {})
    (tmp_path / "posture" / ".documents.lock").mkdir()
    with pytest.raises(LakeError, match="posture"):
        PublishedSnapshotCache(tmp_path).load_newest().findings.count(EVERYTHING)


def test_what_was_read_for_one_reach_is_given_to_no_other(snapshot):
    first, other = sorted(snapshot.build_info.subscriptions)[:2]
    one, another = (Reach(subscriptions=frozenset({each})) for each in (first, other))
    for _ in range(2):
        for reach, mine in ((EVERYTHING, None), (one, first), (another, other), (Reach(), "")):
            bodies = snapshot.listing.page([ASSESSMENT], reach, most=900).bodies
            seen = {body["id"].lower().split("/")[2] for body in bodies}
            assert seen <= {mine} if mine is not None else len(seen) > 1
            assert bool(bodies) == (mine != "")
    id_ = snapshot.listing.page([ASSESSMENT], one, most=1).bodies[0]["id"]
    assert snapshot.listing.get(id_, one) == snapshot.listing.get(id_, EVERYTHING)
    assert snapshot.listing.get(id_, another) is None


def test_who_changes_a_document_that_was_read_changes_it_for_nobody_else(snapshot):
    (body,) = snapshot.listing.page([ASSESSMENT], EVERYTHING, most=1).bodies
    kept = dict(body)
    body.clear()
    assert snapshot.listing.page([ASSESSMENT], EVERYTHING, most=1).bodies == (kept,)
    snapshot.listing.get(kept["id"], EVERYTHING).clear()
    assert snapshot.listing.get(kept["id"], EVERYTHING) == kept
