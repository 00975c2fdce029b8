"""The same resources exported in many ways: each verdict equals the full export's or is Unknown, never the opposite."""

from __future__ import annotations

import csv
import gzip
import json
from collections import Counter
from datetime import UTC, datetime
from importlib.resources import files

import pytest
from tests import exported

from nephoscope.collect import resources
from nephoscope.posture.scans.scan import EstateScan, ScanRequest
from nephoscope_policy.model.state import ComplianceState

NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)
TYPES = (
    "compute/virtualmachines", "compute/disks", "network/networkinterfaces", "network/networksecuritygroups",
    "network/virtualnetworks", "network/publicipaddresses", "network/routetables", "network/loadbalancers", "storage/storageaccounts",
    "keyvault/vaults", "web/sites", "sql/servers",
)  # fmt: skip

#: What rows of Resource Graph have besides.
ADDED = ("tenantId", "subscriptionId", "resourceGroup")


def _bodies():
    """Forty resources of the sample: as many of each type."""
    folder = files("nephoscope.content") / "sample" / "snapshot"
    found = []
    for name in ("sandbox", "terminals", "apps-dev", "connectivity", "booking-prod", "erp-prod", "data-prod"):
        document = json.loads((folder / name / "resources.json").read_text())
        found += document if isinstance(document, list) else document.get("data") or document["value"]
    seen, kept = Counter(), []
    for body in found:
        kind = body["type"].lower().removeprefix("microsoft.")
        seen[kind] += 1
        if kind in TYPES and seen[kind] <= 4:
            kept.append({key: item for key, item in body.items() if key not in ADDED})
    return kept[:40]


BODIES = _bodies()
WHOLE = {
    "graph.csv": exported.graph_csv,
    "excel.csv": lambda bodies: exported.spreadsheet(bodies, ";").encode("utf-8-sig"),
    "excel_sep.csv": lambda bodies: f"sep=;\r\n{exported.spreadsheet(bodies, ';')}".encode(),
    "excel_unicode.txt": lambda bodies: exported.spreadsheet(bodies, "\t").encode("utf-16"),
    "redirected.json": lambda bodies: (
        b"\xff\xfe" + exported.graph_json(bodies).replace("\n", "\r\n").encode("utf-16-le")
    ),
    "without_mark.json": lambda bodies: exported.graph_json(bodies).encode("utf-16-be"),
    "lines.jsonl": lambda bodies: "\r\n\r\n".join(map(json.dumps, exported.graph_rows(bodies))),
    "lines.ndjson.gz": lambda bodies: gzip.compress(
        "\n".join(map(json.dumps, exported.graph_rows(bodies))).encode()
    ),
    "objects.json": lambda bodies: "\n".join(
        json.dumps(one, indent=2) for one in exported.graph_rows(bodies)
    ),
    "value_and_count.json": lambda bodies: json.dumps(
        {"value": exported.graph_rows(bodies), "Count": len(bodies)}
    ),
    "arm.json": exported.arm_list,
    "powershell_100.json": lambda bodies: exported.powershell(bodies, 100),
}
LOSING = {
    "one_of_many.json": lambda bodies: json.dumps(exported.cut(exported.graph_rows(bodies)[0], 2, joined=True)),
    "redirected_2.json": lambda bodies: exported.powershell(bodies, 2).encode("utf-16"),
    "cells.csv": lambda bodies: exported.spreadsheet(bodies, ";", longest=400),
    "broken_off.jsonl": lambda bodies: "\n".join(map(json.dumps, exported.graph_rows(bodies)))[:-700],
    "table.txt": lambda bodies: "\n".join(f"{one['name']}  rg  {one['type']}" for one in bodies),
    "rows.tsv": lambda bodies: "\n".join(f"{one['id']}\t{one['name']}" for one in bodies),
    "rows.yaml": lambda bodies: "\n".join(f"- id: {one['id']}\n  tags: {{}}" for one in bodies),
    "resource_list.json": exported.resource_list,
    "type_list.json": exported.type_list,
    "page.json": exported.cut_page,
    **{f"powershell_{depth}.json": lambda bodies, depth=depth: exported.powershell(bodies, depth) for depth in (1, 2, 3, 4)},
    **{
        f"printed_{depth}.json": lambda bodies, depth=depth: exported.powershell(bodies, depth, joined=True)
        for depth in (3, 5)
    },
}  # fmt: skip


@pytest.fixture(scope="module")
def plan(tmp_path_factory):
    """What all of them are judged by: reading it costs more than judging."""
    folder = tmp_path_factory.mktemp("plan")
    (folder / "graph.json").write_text(exported.graph_json(BODIES))
    scan = EstateScan(ScanRequest((str(folder / "graph.json"),)), folder / "data", NOW)
    return scan.plan(scan.estate())


def judged(folder, text, name, plan):
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    scan = EstateScan(ScanRequest((str(path),)), folder / "data", NOW)
    estate = scan.estate()
    run = scan.assess(estate, plan, NOW)
    return {(one.resource.lower(), one.key): one for one in run.assessments}, estate


@pytest.fixture(scope="module")
def full(tmp_path_factory, plan):
    found, estate = judged(tmp_path_factory.mktemp("full"), exported.graph_json(BODIES), "graph.json", plan)
    assert estate.quarantine == ()
    assert len(BODIES) == 40
    states = Counter(one.state for one in found.values())
    assert states[ComplianceState.COMPLIANT] > 50
    assert states[ComplianceState.NON_COMPLIANT] > 20
    return found


def flips(before, after):
    return {
        key: (before[key].state, one.state)
        for key, one in after.items()
        if key in before and one.state not in (before[key].state, ComplianceState.UNKNOWN)
    }


@pytest.mark.parametrize("name", WHOLE)
def test_whole_exports_give_the_same_verdicts(full, plan, tmp_path, name):
    found, estate = judged(tmp_path, WHOLE[name](BODIES), name, plan)
    assert estate.quarantine == ()
    assert {key: one.state for key, one in found.items()} == {key: one.state for key, one in full.items()}


@pytest.mark.parametrize("name", LOSING)
def test_exports_that_lose_something_flip_no_verdict_and_say_what_helps(full, plan, tmp_path, name):
    found, estate = judged(tmp_path, LOSING[name](BODIES), name, plan)
    assert flips(full, found) == {}
    assert {one.state for key, one in found.items() if key not in full} <= {ComplianceState.UNKNOWN}
    assert all(one.cause or one.description for one in found.values() if one.state is ComplianceState.UNKNOWN)
    told = " ".join(one.reason for one in estate.quarantine)
    assert any(word in told for word in ("export", "the file ends inside a record"))
    assert len(estate.quarantine) <= len(BODIES), "a file that is not read at all is told once"


@pytest.mark.parametrize(
    "name", [one for one in LOSING if one.startswith(("type", "resource", "powershell", "printed", "cells"))]
)
def test_no_verdict_is_absent_on_what_an_export_names(full, plan, tmp_path, name):
    """Also a child that its parent's record names, whatever was cut of it."""
    text = LOSING[name](BODIES)
    found, _ = judged(tmp_path, text, name, plan)
    rows = csv.DictReader(text.splitlines(), delimiter=";") if name.endswith(".csv") else json.loads(text)
    records = {one["id"].lower(): json.dumps(one).lower() for one in rows}
    named = {
        key for key, _ in full if any(key in records.get(one, "") for one in (key, key.rsplit("/", 2)[0]))
    }
    assert len(named) >= 30
    assert {key for key in full if key[0] in named and key not in found} == set()


def test_pages_in_any_order_are_one_answer(full, plan, tmp_path):
    """The names of the files of pages say nothing of their order, and the last page alone names no next one."""
    rows = exported.graph_rows(BODIES)
    folder = tmp_path / "pages"
    folder.mkdir()
    for name, part, token in (("9", rows[:20], "next"), ("10", rows[20:30], "more"), ("1", rows[30:], None)):
        page = {"count": len(part), "data": part, "skip_token": token, "total_records": len(rows)}
        (folder / f"{name}.json").write_text(json.dumps(page))
    scan = EstateScan(ScanRequest((str(folder),)), tmp_path / "data", NOW)
    estate = scan.estate()
    found = {(one.resource.lower(), one.key): one.state for one in scan.assess(estate, plan, NOW).assessments}
    assert estate.quarantine == ()
    assert found == {key: one.state for key, one in full.items()}


def test_a_cut_value_leaves_the_verdicts_of_other_values(full, plan, tmp_path):
    """At depth 4 most of a body is whole, and what is whole is judged."""
    found, _ = judged(tmp_path, exported.powershell(BODIES, 4), "cut.json", plan)
    same = sum(one.state is full[key].state for key, one in found.items() if key in full)
    assert same > 0.6 * len(full)


def stated(value):
    """A JSON value without the members that are null, which ARM leaves out as well as not."""
    if isinstance(value, dict):
        return {key: stated(item) for key, item in value.items() if item is not None}
    return [stated(one) for one in value] if isinstance(value, list) else value


def test_flattened_objects_of_exact_types_are_the_arm_bodies(tmp_path):
    """Whatever is put back is what was flattened."""
    (tmp_path / "list.json").write_text(exported.type_list(BODIES))
    (tmp_path / "arm.json").write_text(exported.arm_list(BODIES))
    flat, whole = (resources.load([tmp_path / name]) for name in ("list.json", "arm.json"))
    exact = [key for key, one in flat.resources.items() if one.complete and not one.derived]
    assert {one.type for one in map(flat.resources.get, exact)} >= {
        f"microsoft.{kind}" for kind in (*TYPES[:6], "storage/storageaccounts")
    }
    for key in exact:
        assert flat.resources[key].body["properties"] == stated(whole.resources[key].body["properties"]), key
