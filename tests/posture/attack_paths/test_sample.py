"""The sample estate: its paths are those that what is planted makes, and they are published, found by query and kept from others."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from importlib.resources import files

import pytest

from nephoscope.model.read_scope import EVERYTHING, Reach
from nephoscope.posture.attack_paths.arm_document import build_properties
from nephoscope.posture.published.attack_paths import WantedPaths, list_choke_points
from nephoscope.posture.published.publishing import publish_report
from nephoscope.posture.published.snapshot_cache import PublishedSnapshotCache
from nephoscope.posture.reports.report import Report
from nephoscope.posture.scans.scan import EstateScan, ScanRequest

PLANTED = json.loads((files("nephoscope.content") / "sample" / "planted.json").read_text())


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    scan = EstateScan(
        ScanRequest(("sample:",)), tmp_path_factory.mktemp("scan"), datetime(2026, 11, 1, tzinfo=UTC)
    )
    return Report(scan.run(scan.estate()), "sample:")


@pytest.fixture(scope="module")
def snapshot(report, tmp_path_factory):
    data = tmp_path_factory.mktemp("published")
    publish_report(data, report, {})
    return PublishedSnapshotCache(data).load_newest()


def planted(*policies: str) -> set[str]:
    """The lower-cased ids of what is planted for some policies."""
    return {one["resource"].lower() for one in PLANTED if one["policy"] in policies}


def targets(report: Report, type_: str) -> set[str]:
    return {one.chain.target.id for one in report.attack_paths.paths if one.chain.type.name == type_}


def test_accounts_reach_the_subscriptions_where_they_are_planted(report) -> None:
    assert targets(report, "guest-subscription") == planted("guests-owner", "guests-write")
    assert targets(report, "account-without-second-factor-subscription") == planted(
        "owners-mfa", "writers-mfa"
    )


def test_exposed_resources_are_those_that_are_planted(report) -> None:
    assert targets(report, "exposed-cluster") == planted("aks-authorized-ips") & planted(
        "aks-running-image-vulnerabilities"
    )
    assert targets(report, "public-storage-sensitive-data") == planted("storage-public-blob-access")
    open_servers = {one.partition("/firewallrules/")[0] for one in planted("sql-firewall-open")}
    assert targets(report, "exposed-database-weakness") == open_servers & planted(
        "sql-vulnerability-findings"
    )


def test_the_jump_host_of_the_lab_leads_to_its_worker_and_its_data(report) -> None:
    """The identity of the jump host reads the campaign's blobs, that of the worker behind it may change the subscription."""
    found = {
        tuple(entity.name for entity in one.chain.entities)
        for one in report.attack_paths.paths
        if one.chain.target.name in ("stbwfcampaign", "sub-bwf-sandbox") and len(one.chain.entities) > 3
    }
    worker = ("vm-sbx-worker", "vm-sbx-worker (system-assigned)", "sub-bwf-sandbox")
    assert found == {
        ("Internet", "vm-sbx-jump", "vm-sbx-jump (system-assigned)", "stbwfcampaign"),
        ("Internet", "vm-sbx-jump", *worker),
        ("Internet", "vm-sbx-router", *worker),
    }


def test_a_step_names_the_recommendations_that_close_it(report) -> None:
    path = next(one for one in report.attack_paths.paths if one.chain.entry.name.startswith("adm-lab-3"))
    (step,) = build_properties(path)["attackPathSteps"]
    assert {one["displayName"] for one in step["assessments"]} == {
        "MFA should be enabled for subscription owners"
    }


def test_blocked_accounts_begin_nothing(report) -> None:
    entries = {one.chain.entry.name for one in report.attack_paths.paths}
    assert not [one for one in entries if "former" in one]


def test_resource_graph_finds_them(snapshot, report) -> None:
    text = """securityresources | where type == 'microsoft.security/attackpaths'
        | mv-expand entity = properties.graphComponent.entities
        | where tostring(entity.entityIdentifiers.azureResourceId) endswith '/stbwfcampaign'
        | where array_length(properties.graphComponent.connections) == 1
        | project level = tostring(properties.riskLevel), path = tostring(properties.displayName), subscriptionId"""
    (result,) = snapshot.query(text, EVERYTHING)
    (row,) = result.table.to_pylist()
    assert list(row.values())[:2] == [
        "Critical",
        "Storage account with sensitive data allows anonymous access",
    ]
    (count,) = snapshot.query(
        "securityresources | where type == 'microsoft.security/attackpaths' | count", EVERYTHING
    )
    assert list(count.table.to_pylist()[0].values()) == [len(report.attack_paths.paths)]


def test_they_are_listed_and_filtered(snapshot, report) -> None:
    every = snapshot.attack_paths.list_wanted(EVERYTHING)
    assert [one.level.rank for one in every] == sorted((one.level.rank for one in every), reverse=True)
    assert {one.name for one in every} == {one.id for one in report.attack_paths.paths}
    assert {
        one.level.value
        for one in snapshot.attack_paths.list_wanted(EVERYTHING, WantedPaths(levels=frozenset({"High"})))
    } == {"High"}
    storage = snapshot.attack_paths.list_wanted(EVERYTHING, WantedPaths(text="STBWFCAMPAIGN"))
    assert {one.type for one in storage} == {"public-storage-sensitive-data", "exposed-machine-data-store"}
    through = WantedPaths(through=storage[0].target.key)
    assert snapshot.attack_paths.list_wanted(EVERYTHING, through) == storage
    assert (
        snapshot.attack_paths.list_wanted(EVERYTHING, WantedPaths(categories=frozenset({"none such"}))) == ()
    )
    assert snapshot.build_info.path_gaps == tuple(
        (where or report.tenant, what) for where, what in report.attack_paths.gaps
    )
    assert list_choke_points(every) == list_choke_points(list(reversed(every)))


def test_others_do_not_see_them(snapshot) -> None:
    every = snapshot.attack_paths.list_wanted(EVERYTHING)
    one = every[0].id.split("/")[2]
    seen = snapshot.attack_paths.list_wanted(Reach(subscriptions=frozenset({one})))
    assert seen
    assert {path.id.split("/")[2] for path in seen} == {one}
    assert snapshot.attack_paths.list_wanted(Reach()) == ()
