"""External facts beside a snapshot: each vouches for its own resource, for as long as it holds, and for nothing else."""

from __future__ import annotations

import json
from contextlib import nullcontext
from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from nephoscope.collect.facts.fact_reader import FactReader
from nephoscope.collect.facts.fact_recording import record_fact_reports, remove_external_facts
from nephoscope.collect.facts.fact_report import FactReport
from nephoscope.estate.tenant_stores import open_tenant_stores
from nephoscope.model.read_scope import EVERYTHING
from nephoscope.posture.published.snapshot_cache import PublishedSnapshotCache
from nephoscope.posture.reports.multi_tenant_report import combine_reports
from nephoscope.posture.reports.report import Report
from nephoscope.posture.reports.row_selection import RowSelection
from nephoscope.posture.scans.partitioned_scan import ComparisonBase, PartedScan, ReportSelection
from nephoscope.posture.scans.run_recording import Recorder
from nephoscope.posture.scans.scan import FACTS, EstateScan, ScanRequest
from nephoscope.state import State
from nephoscope.state.audit.actor import Actor

NOW = datetime(2026, 11, 29, 12, tzinfo=UTC)
BY = Actor("scanner")
SUBSCRIPTIONS = {name: f"/subscriptions/{name * 8}-1111-4000-8000-000000000000" for name in "abc"}
TENANTS = {name: f"{name * 8}-2222-4000-8000-000000000000" for name in "ab"}
MACHINE, GUEST = (
    "Microsoft.HybridCompute/machines",
    "Microsoft.GuestConfiguration/guestConfigurationAssignments",
)
PATCHES, FINDING = f"{MACHINE}/patchAssessmentResults", "Microsoft.Security/assessments/subAssessments"
KEY, UPDATES = "f97aa83c-9b63-4f9a-99f6-b22c4398f936", "e1145ab1-eb4f-43d8-911b-36ddf771d13f"

#: Own definitions that look up what built-in ones do: an assignment by its name, the assessment of a key.
POLICIES = {
    "ssh": {"type": GUEST, "name": "LinuxNoPasswordForSSH",
            "existenceCondition": {"field": f"{GUEST}/complianceStatus", "equals": "Compliant"}},
    "updates": {"type": "Microsoft.Security/assessments", "name": UPDATES,
                "existenceCondition": {"field": "Microsoft.Security/assessments/status.code", "in": ["NotApplicable", "Healthy"]}},
    "databases": {"type": "Microsoft.Security/assessments", "name": KEY,
                  "existenceCondition": {"field": "Microsoft.Security/assessments/status.code", "in": ["NotApplicable", "Healthy"]}},
}  # fmt: skip


def machine(name, subscription="a"):
    return f"{SUBSCRIPTIONS[subscription]}/resourceGroups/rg/providers/{MACHINE}/{name}"


def report(name, *, good, subscription="a", at=NOW, parts=("patches", "guest", "findings"), **more):
    """What a scanner says of a machine: all well, or nothing well."""
    id_ = machine(name, subscription)
    place = f"{id_}/providers/Microsoft.Security/assessments/{KEY}"
    scopes, documents = {}, []
    if "machine" in parts:
        documents.append(
            {"id": id_, "location": "westeurope", "properties": {"osName": "linux", "teller": "us"}}
        )
    if "patches" in parts:
        scopes[id_] = [PATCHES]
        counts = {"availablePatchCountByClassification": {"security": 0 if good else 3, "critical": 0}}
        documents.append(
            {"id": f"{id_}/patchAssessmentResults/latest", "properties": {"status": "Succeeded", **counts}}
        )
    if "guest" in parts:
        status = {"complianceStatus": "Compliant" if good else "NonCompliant"}
        documents.append({"id": f"{id_}/providers/{GUEST}/LinuxNoPasswordForSSH", "properties": status})
    if "findings" in parts:
        scopes[place] = [FINDING]
        bad = {"displayName": "logins are not audited", "status": {"code": "Unhealthy", "severity": "High"}}
        documents += [] if good else [{"id": f"{place}/subAssessments/VA1", "properties": bad}]
    return msgspec.convert(
        {"resource": id_, "readAt": at, "scopes": scopes, "documents": documents, **more}, FactReport
    )


def snapshot(folder, subscription="a", names=("web01", "web02"), bodies=(), **manifest):
    """A folder as `collect` writes it: two machines that Azure knows, and nothing about what runs on them."""
    folder.mkdir()
    below = SUBSCRIPTIONS[subscription]
    tenant = TENANTS.get(subscription, "")
    machines = [
        {"id": machine(name, subscription), "location": "westeurope", "properties": {"osName": "linux"}}
        for name in names
    ]
    (folder / "all.json").write_text(
        json.dumps([{"id": below, "tenantId": tenant, "properties": {}}, *machines, *bodies])
    )
    told = {"schemaVersion": 1, "tenant": tenant, "scopes": {below: [MACHINE]}, **manifest}
    (folder / "coverage.json").write_text(json.dumps(told))
    return str(folder)


@pytest.fixture
def state(tmp_path):
    with State.open_folder(tmp_path / "data", "") as state:
        yield state


@pytest.fixture
def policies(tmp_path):
    folder = tmp_path / "policies"
    folder.mkdir()
    for name, details in POLICIES.items():
        rule = {
            "if": {"field": "type", "equals": MACHINE},
            "then": {"effect": "AuditIfNotExists", "details": details},
        }
        body = {"name": name, "properties": {"displayName": name, "mode": "All", "policyRule": rule}}
        (folder / f"{name}.json").write_text(json.dumps(body))
    return str(folder)


@pytest.fixture
def scan(tmp_path, state, policies):
    """Scans targets with what the state holds: every verdict by (resource, policy)."""

    def scanned(*targets, at=NOW, parted=False):
        request = ScanRequest(targets, policies=(policies,))
        scan = EstateScan(request, tmp_path / "data", at, facts=FactReader(lambda: nullcontext(state)))
        if not parted:
            return [scan.run(estate) for estate in scan.load_estates()]
        folder = tmp_path / f"parts-{at:%d%H%M%S%f}-{len(list(tmp_path.iterdir()))}"
        folder.mkdir()
        return PartedScan(scan, folder, 1).report(ReportSelection(RowSelection()), ComparisonBase())

    return scanned


def put(state, *reports):
    record_fact_reports(state, BY, reports, NOW + timedelta(days=400))


def ends(runs):
    """(the end of the resource's id, policy) -> how it ended, in words."""
    return {
        (one.resource.rsplit("/", 1)[-1], one.key): (one.state.value, one.cause)
        for run in runs
        for one in run.assessments
        if f"/{MACHINE.lower()}/" in one.resource.lower() and one.key in POLICIES
    }


def told(runs, name):
    """Everything that is said of a machine, to the byte."""
    return sorted(
        repr(one)
        for run in runs
        for one in (*run.assessments, *run.analysis.assessments)
        if one.resource.lower().endswith(f"/{name}")
    )


def of(name, state, cause=""):
    return {(name, policy): (state, cause) for policy in POLICIES}


UNREAD = ("Unknown", "not-collected")


def test_facts_decide_both_ways_and_for_their_machine_alone(scan, state, tmp_path):
    target = snapshot(tmp_path / "one")
    before = scan(target)
    assert set(ends(before).values()) == {UNREAD}
    for good, word in ((False, "NonCompliant"), (True, "Compliant")):
        put(state, report("web01", good=good, at=NOW - timedelta(hours=1 - good)))
        after = scan(target)
        assert ends(after) == {**of("web01", word), **of("web02", *UNREAD)}
        assert told(after, "web02") == told(before, "web02")


@pytest.mark.parametrize("part", ["patches", "guest", "findings"])
@pytest.mark.parametrize("good", [True, False])
def test_a_claim_that_is_taken_away_turns_verdicts_of_its_resource_to_unknown_alone(
    scan, state, tmp_path, part, good
):
    target = snapshot(tmp_path / "one")
    put(state, report("web01", good=good), report("web02", good=not good))
    before = scan(target)
    assert UNREAD not in ends(before).values()
    remove_external_facts(state, BY, machine("web01"), NOW)
    put(state, report("web01", good=good, parts={"patches", "guest", "findings"} - {part}))
    after = scan(target)
    changed = {key: end for key, end in ends(after).items() if end != ends(before)[key]}
    assert changed == {
        ("web01", {"patches": "updates", "guest": "ssh", "findings": "databases"}[part]): UNREAD
    }
    assert told(after, "web02") == told(before, "web02")


@pytest.mark.parametrize(("days", "stale"), [
    (2.9, set()), (3.1, {"ssh"}), (6.9, {"ssh"}), (7.1, {"ssh", "updates", "databases"}), (300, {"ssh", "updates", "databases"}),
])  # fmt: skip
@pytest.mark.parametrize("good", [True, False])
def test_a_report_holds_until_its_bound(scan, state, tmp_path, days, stale, good):
    target = snapshot(tmp_path / "one")
    put(state, report("web01", good=good))
    found = ends(scan(target, at=NOW + timedelta(days=days)))
    fresh = ("Compliant" if good else "NonCompliant", "")
    assert found == {
        ("web01", one): ("Unknown", "stale") if one in stale else fresh for one in POLICIES
    } | of("web02", *UNREAD)


def test_a_fresh_report_makes_no_old_body_of_azure_young(scan, state, tmp_path):
    """The time of a claim is that of its type: what the snapshot read of the same machine is as old as the snapshot."""
    place = f"{machine('web01')}/providers/Microsoft.Security/assessments/{UPDATES}"
    azure = {"id": place, "properties": {"status": {"code": "Healthy"}}}
    target = snapshot(tmp_path / "one", bodies=[azure], readAt=(NOW - timedelta(days=30)).isoformat())
    put(state, report("web01", good=True, parts=("guest", "findings")))
    assert ends(scan(target))["web01", "updates"] == ("Unknown", "stale")


def test_a_machine_that_azure_does_not_know(scan, state, tmp_path):
    """It is in the inventory, a machine of its subscription; one of a subscription that no target holds is a target of its own."""
    target = snapshot(tmp_path / "one")
    put(
        state,
        report("own", good=True, parts=("machine", "patches")),
        report("far", good=False, subscription="c", parts=("machine", "patches")),
    )
    found = ends(scan(target))
    assert found["own", "updates"] == ("Compliant", "")
    assert not [key for key in found if key[0] == "far"]
    assert ends(scan(target, FACTS))["far", "updates"] == ("NonCompliant", "")
    assert ends(scan(FACTS)).keys() == {(name, policy) for name in ("own", "far") for policy in POLICIES}
    runs = scan(target, FACTS)
    Recorder(tmp_path / "data", "default").record(combine_reports([Report(run, "x") for run in runs]))
    (result,) = (
        PublishedSnapshotCache(tmp_path / "data")
        .load_newest()
        .query(
            f"Resources | where type =~ '{MACHINE}' | project name, teller = tostring(properties.teller) | order by name asc",
            EVERYTHING,
        )
    )
    assert [tuple(row.values()) for row in result.table.to_pylist()] == [
        ("far", "us"),
        ("own", "us"),
        ("web01", ""),
        ("web02", ""),
    ]


HOUR = timedelta(hours=1)
NEWER = {
    "ours is newer": (-HOUR, "us", 0), "theirs is newer": (HOUR, "azure", 0), "some may be missing": (None, "azure", 1),
}  # fmt: skip


@pytest.mark.parametrize("name", NEWER)
@pytest.mark.parametrize("parted", [False, True])
def test_of_two_bodies_of_one_id_the_newer_holds(scan, state, tmp_path, name, parted):
    shift, holds, conflicts = NEWER[name]
    azure = {
        "id": machine("own"),
        "location": "westeurope",
        "properties": {"teller": "azure", "osName": "linux"},
    }
    times = {} if shift is None else {"readAt": (NOW + shift).isoformat()}
    target = snapshot(tmp_path / "one", bodies=[azure], **times)
    put(state, report("own", good=True, parts=("machine",)))
    if parted:
        assert len(scan(target, parted=True).quarantine) == conflicts
        return
    (run,) = scan(target)
    assert run.estate.resources[machine("own").lower()].body["properties"]["teller"] == holds
    assert len(run.estate.quarantine) == conflicts
    assert all("nephoscope facts remove" in one.reason for one in run.estate.quarantine)


@pytest.mark.full
def test_the_report_of_an_older_time_gives_way_by_the_time_that_its_body_bears(scan, state, tmp_path):
    counts = {"availablePatchCountByClassification": {"security": 9}}
    dated = {"status": "Succeeded", "lastModifiedDateTime": (NOW + HOUR).isoformat(), **counts}
    latest = {"id": f"{machine('web01')}/patchAssessmentResults/latest", "properties": dated}
    target = snapshot(tmp_path / "one", bodies=[latest])
    put(state, report("web01", good=True, parts=("patches",)))
    assert ends(scan(target))["web01", "updates"] == ("NonCompliant", "")
    put(state, report("web01", good=True, at=NOW + 2 * HOUR, parts=("patches",)))
    assert ends(scan(target))["web01", "updates"] == ("Compliant", "")


@pytest.mark.full
def test_facts_of_two_tenants_stay_apart(scan, state, tmp_path):
    """Each tenant's verdicts are those that it has alone, to the byte."""
    targets = {name: snapshot(tmp_path / name, name) for name in "ab"}
    put(state, report("web01", good=True), report("web02", good=False, subscription="b"))
    both = {run.estate.tenant: run for run in scan(*targets.values())}
    assert both.keys() == set(TENANTS.values())
    for name, target in targets.items():
        (alone,) = scan(target)
        for one in ("web01", "web02"):
            assert told([both[TENANTS[name]]], one) == told([alone], one)


def test_a_writer_names_the_tenant_of_a_subscription_that_no_snapshot_holds(scan, state, tmp_path):
    put(state, report("far", good=True, subscription="c", parts=("machine",), tenant=TENANTS["b"].upper()),
        report("web01", good=True, parts=("guest",), tenant=TENANTS["b"]))  # fmt: skip
    runs = scan(snapshot(tmp_path / "a"), FACTS)
    assert {run.estate.tenant: machine("far", "c").lower() in run.estate.resources for run in runs} == {
        TENANTS["a"]: False,
        TENANTS["b"]: True,
    }
    assert ends(runs)["web01", "ssh"] == ("Compliant", "")


def test_in_parts_the_same(scan, state, tmp_path):
    targets = [snapshot(tmp_path / name, name) for name in "ab"]
    put(
        state,
        report("web01", good=True),
        report("web02", good=False, subscription="b"),
        report("own", good=False, parts=("machine", "patches")),
    )
    whole = combine_reports([Report(run, "x") for run in scan(*targets, FACTS)])
    parted = scan(*targets, FACTS, parted=True)
    assert (parted.group_sizes, parted.resources, parted.score) == (
        whole.group_sizes,
        whole.resources,
        whole.score,
    )


def test_a_run_that_follows_another_gives_the_same(scan, state, tmp_path, policies):
    target = snapshot(tmp_path / "one")
    put(state, report("web01", good=True), report("own", good=True, parts=("machine", "patches")))
    scanner = EstateScan(
        ScanRequest((target,), policies=(policies,)),
        tmp_path / "data",
        NOW,
        facts=FactReader(lambda: nullcontext(state)),
    )
    before = scanner.run(scanner.estate())
    put(state, report("web01", good=False, at=NOW + HOUR), report("web02", good=True, parts=("guest",)))
    remove_external_facts(state, BY, machine("own"), NOW)
    for at in (NOW + HOUR, NOW + timedelta(days=4)):
        later = EstateScan(scanner.request, tmp_path / "data", at, facts=scanner.facts)
        estate = later.estate()
        following, anew = later.run(estate, before), later.run(estate)
        assert ends([following]) == ends([anew])
        before = following


@pytest.mark.full
def test_what_is_taken_back_ends_in_the_table_of_the_estate(scan, state, tmp_path):
    target = snapshot(tmp_path / "one", names=("web01",))
    put(state, report("web01", good=False), report("own", good=True, parts=("machine", "patches")))
    data = tmp_path / "data"

    def kept(at):
        runs = scan(target, at=at)
        Recorder(data, "default").record(combine_reports([Report(run, "x") for run in runs]))
        (store,) = open_tenant_stores(data)
        return {one.key.rsplit("/", 1)[-1] for one in store.iterate_current()}, store.list_snapshots()[
            -1
        ].known

    first, known = kept(NOW)
    assert {"web01", "own", "latest", "va1", "linuxnopasswordforssh"} <= first
    assert known.covers(PATCHES.lower(), machine("own").lower())
    put(state, report("web01", good=True, at=NOW + HOUR))
    assert "va1" not in kept(NOW + HOUR)[0]
    remove_external_facts(state, BY, machine("own"), NOW + HOUR)
    after, known = kept(NOW + 2 * HOUR)
    assert "own" not in after
    assert "web01" in after
    assert not known.covers(PATCHES.lower(), machine("own").lower())
