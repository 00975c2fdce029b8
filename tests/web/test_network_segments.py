"""The page of network segments: a plan from its form, the matrix, what violates it, and the block that is requested once."""

from __future__ import annotations

import csv
import io
import json
import re
from datetime import UTC, datetime, timedelta

import pytest
from click.testing import CliRunner
from tests.analyze.world import SUB, bodies
from tests.web.conftest import HERE

from nephoscope.access.authenticator import Guard
from nephoscope.access.tokens import AccessTokenIssuer
from nephoscope.cli.main import cli
from nephoscope.instance import Instance, build_hierarchy
from nephoscope.lake.schema.row_conversion import to_arrow_rows
from nephoscope.posture.published.snapshot_cache import PublishedSnapshotCache
from nephoscope.resource_graph import open_lake_with_estate
from nephoscope.service.segment_plans import FILE
from nephoscope.state import State

PAGE = "/network/segments"
PLAN = """segments:
  web: {addresses: [10.0.1.0/24]}
  data: {addresses: [10.0.2.0/24]}
  office: {addresses: [10.9.0.0/16]}
allowed:
- {from: web, to: data, ports: [1433]}
- {from: office, to: web, protocol: '*', ports: [443]}
"""
WORLD = {
    "vnets": {
        "main": {
            "space": ["10.0.0.0/8"],
            "subnets": {
                "web": {"prefix": "10.0.1.0/24", "nsg": "web"},
                "db": {"prefix": "10.0.2.0/24", "nsg": "db"},
                "bare": {"prefix": "10.0.3.0/24"},
            },
        }
    },
    "nsgs": {
        "web": ["200 Allow In * 10.9.0.0/16 * -> * 443", "300 Deny In * * * -> * *"],
        "db": ["200 Allow In Tcp 10.0.0.0/16 * -> * 22,1433", "300 Deny In * * * -> * *"],
    },
    "vms": {"web1": {"subnet": "main/web", "ip": "10.0.1.4"}, "db1": {"subnet": "main/db", "ip": "10.0.2.4"}},
}


@pytest.fixture(scope="module")
def instance(tmp_path_factory):
    """An estate of two subnets, with an hour of flows between them."""
    data, now = tmp_path_factory.mktemp("segments") / "data", datetime.now(UTC)
    (data.parent / "estate.json").write_text(json.dumps(bodies(WORLD)))
    found = CliRunner().invoke(cli, ["--data", str(data), "scan", str(data.parent / "estate.json")])
    assert found.exit_code == 0, found.output
    flows = [
        {
            "TimeGenerated": now - timedelta(hours=1), "SrcIp": "10.0.1.4", "DestIp": "10.0.2.4", "DestPort": port, "Protocol": 6,
            "FlowDirection": "Inbound", "FlowStatus": "Allowed", "FlowState": "E", "_SubscriptionId": SUB.rsplit("/", 1)[-1],
        }
        for port in (1433, 22, 22)
    ]  # fmt: skip
    snapshots = PublishedSnapshotCache(data)
    with State.open_folder(data) as state, open_lake_with_estate(data, state) as lake:
        table = to_arrow_rows(
            lake.tables["AzureFlowLogs"], flows, workspace=lake.workspace("default"), now=now
        ).table
        lake.writer().append("default", {"AzureFlowLogs": table}, producer="test", sequence=1)
        lake.flush()
        tokens = AccessTokenIssuer(state, data / "keys", "5b1f0d9e-3a52-4c51-9a0e-0d6a1c7b8e90")
        yield Instance(data, state, lake, snapshots, Guard(state, lambda: build_hierarchy(snapshots)), tokens)


def send(client, act: str, **form: str):
    page = client.get(PAGE).text
    etag = re.search(r'name="etag" value="([^"]+)"', page)
    assert etag
    return client.post(PAGE, data={"act": act, "etag": etag[1], **form}, headers=HERE)


def rows(client, table: str = "violations") -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(client.get(f"{PAGE}?format=csv&table={table}").text)))


def test_a_plan_is_put_in_force_and_shows_its_matrix_and_violations(owner, instance):
    assert "Save plan" in owner.get(PAGE).text
    assert not (instance.data / FILE).exists()
    assert send(owner, "save", plan=PLAN.replace("\n", "\r\n")).status_code == 303
    assert (instance.data / FILE).read_text() == PLAN
    (entry,) = [
        one for one in instance.state.audit.entries(most=50) if one.operation == "Nephoscope/segments/write"
    ][:1]
    assert entry.detail["after"]["plan"] == PLAN
    matrix = {(one["From"], one["To"]): (one["Allowed"], one["Violations"]) for one in rows(owner, "matrix")}
    assert matrix["web", "data"] == ("TCP 1433", "3")
    assert matrix["office", "web"] == ("TCP and UDP 443", "0")
    assert matrix["data", "web"] == ("", "0")
    found = {
        (one["Evidence"], one["Source"], one["Target"], one["Ports"], one["Rules or flows"])
        for one in rows(owner)
    }
    unused = next(one["Source"] for one in rows(owner) if one["Source"] != "web1")
    assert unused.startswith("10.0.1.0/30")  # what the segment names besides its machine
    assert found == {
        ("Open", "web1", "db1", "TCP 22", "db/r200"),
        ("Open", unused, "db1", "TCP 22", "db/r200"),
        ("Observed", "web1", "db1", "TCP 22", "2 flows"),
    }  # fmt: skip


def test_a_text_that_is_no_plan_changes_nothing_and_stays_in_the_form(owner, instance):
    refused = send(owner, "save", plan="segments: {web: {adresses: [10.0.0.0/8]}}")
    assert refused.status_code == 400
    assert "adresses: [10.0.0.0/8]" in refused.text
    assert (instance.data / FILE).read_text() == PLAN


@pytest.mark.full
def test_who_saves_over_the_change_of_another_is_told(owner, instance):
    etag = re.search(r'name="etag" value="([^"]+)"', owner.get(PAGE).text)
    assert etag
    assert send(owner, "save", plan=PLAN + "# changed\n").status_code == 303
    answer = owner.post(PAGE, data={"act": "save", "etag": etag[1], "plan": PLAN}, headers=HERE)
    assert answer.status_code in (400, 409)
    assert send(owner, "save", plan=PLAN).status_code == 303


def test_the_block_is_shown_requested_once_and_its_request_is_listed(owner, instance):
    page = owner.get(PAGE).text
    assert "nephoscope-segments-" in page
    assert "&#34;destinationPortRange&#34;: &#34;22&#34;" in page
    assert send(owner, "request").status_code == 303
    (run,) = instance.state.automation_runs.list_newest("default")
    assert (run.action, run.rule, run.status.value) == ("network-rules", "Segment block", "pending")
    assert f"/settings/response-runs/item/{run.id}" in owner.get(PAGE).text
    again = send(owner, "request")
    assert (again.status_code, "already requested" in again.text) == (400, True)
    assert len(instance.state.automation_runs.list_newest("default")) == 1


@pytest.mark.full
def test_the_command_and_the_page_say_the_same(owner, instance):
    listed = CliRunner().invoke(
        cli, ["--data", str(instance.data), "protect", "segment-plan", "violations", "-o", "json"]
    )
    assert listed.exit_code == 0, listed.output
    one, _ = json.loads(listed.stdout)
    assert (one["source"], one["target"], one["protocol"], one["ports"]) == ("web1", "db1", "tcp", "22")
    shown = CliRunner().invoke(cli, ["--data", str(instance.data), "protect", "segment-plan", "show"])
    assert PLAN in shown.stdout
    default = CliRunner().invoke(cli, ["--data", str(instance.data), "protect", "segments", "-o", "json"])
    assert default.exit_code == 0, default.output
    assert len(json.loads(default.stdout)["violations"]) == 2


def test_who_may_read_changes_nothing_and_a_part_of_the_estate_is_not_enough(visitor, instance):
    reader = visitor(("Reader", "/"))
    assert "Your roles do not allow a change of the plan" in reader.get(PAGE).text
    assert send(reader, "save", plan=PLAN).status_code == 403
    assert send(reader, "request").status_code == 403
    assert visitor(("Owner", SUB)).get(PAGE).status_code == 403


def test_the_plan_is_removed(owner, instance):
    assert send(owner, "remove").status_code == 303
    assert not (instance.data / FILE).exists()
    assert "Save plan" in owner.get(PAGE).text
    gone = CliRunner().invoke(cli, ["--data", str(instance.data), "protect", "segment-plan", "violations"])
    assert (gone.exit_code, "segment plan" in gone.output.lower()) == (2, True)
