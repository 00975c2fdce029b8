"""Reports of two tenants name the tenant of a resource whose id both have, in every format."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable, Iterable
from html import unescape
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from click.testing import CliRunner

from nephoscope.cli.main import cli
from nephoscope.cli.outputs import list_formats

PLATFORM = "/providers/Microsoft.Management/managementGroups/platform"
TENANTS = tuple(f"{letter * 8}-1111-4000-8000-000000000000" for letter in "ab")
LABELS = [f"{PLATFORM} (tenant {tenant})" for tenant in TENANTS]
RULE = {
    "if": {
        "allOf": [
            {"field": "type", "equals": "Microsoft.Management/managementGroups"},
            {"field": "tags.owner", "exists": False},
        ]
    },
    "then": {"effect": "audit"},
}


def write_tenant(folder: Path, tenant: str, **tags: str) -> str:
    """Write the snapshot of a tenant with a management group "platform"."""
    bodies = [
        {"id": f"/subscriptions/{tenant}", "properties": {"tenantId": tenant, "displayName": "one"}},
        {"id": PLATFORM, "name": "platform", "tags": tags, "properties": {"tenantId": tenant}},
    ]
    folder.mkdir(exist_ok=True)
    (folder / "all.json").write_text(json.dumps(bodies))
    return str(folder)


Scan = Callable[..., str]


@pytest.fixture
def scan(tmp_path: Path) -> Scan:
    """Scan folders of the test by a policy that management groups without an owner fail."""
    properties = {"displayName": "Groups should have an owner", "mode": "All", "policyRule": RULE}
    (tmp_path / "policies").mkdir()
    (tmp_path / "policies" / "owned.json").write_text(json.dumps({"name": "owned", "properties": properties}))

    def scanned(targets: Iterable[str], *options: str) -> str:
        command = [
            "--data",
            str(tmp_path / "data"),
            "scan",
            *targets,
            "--policies",
            str(tmp_path / "policies"),
        ]
        result = CliRunner().invoke(cli, [*command, *options])
        assert result.exit_code == 0, result.output
        return result.stdout

    return scanned


@pytest.fixture
def targets(tmp_path: Path) -> list[str]:
    return [write_tenant(tmp_path / tenant[0], tenant) for tenant in TENANTS]


def resources_in(output: str, text: str) -> list[str]:
    """What a report calls the two management groups."""
    if output == "junit":
        return [str(case.get("name")) for case in ET.fromstring(text).iter("testcase")]
    if output == "csv":
        rows = csv.DictReader(io.StringIO(text))
        return [f"{row['resource']} (tenant {row['tenant']})" for row in rows]
    if output == "json":
        return [f"{one['resource']} (tenant {one['tenant']})" for one in json.loads(text)["assessments"]]
    if output == "sarif":
        results = json.loads(text)["runs"][0]["results"]
        assert [one["message"]["text"].partition(":")[0] for one in results] == [
            f"platform (tenant {tenant})" for tenant in TENANTS
        ]
        places = [one["locations"][0]["logicalLocations"][0] for one in results]
        return [f"{one['fullyQualifiedName']} (tenant {one['properties']['tenant']})" for one in places]
    return re.findall(rf"{PLATFORM}[^`<]*", unescape(text))


@pytest.mark.parametrize("parts", ["never", "always"])
@pytest.mark.parametrize("output", [one for one in list_formats() if one != "table"])
def test_a_row_names_its_tenant(output: str, parts: str, scan: Scan, targets: list[str]) -> None:
    text = scan(targets, "--no-history", "--in-parts", parts, "--output", output)
    assert resources_in(output, text) == LABELS


@pytest.mark.parametrize("output", ["junit", "markdown", "html"])
def test_a_report_of_one_tenant_names_none(output: str, scan: Scan, targets: list[str]) -> None:
    text = scan(targets[:1], "--no-history", "--output", output)
    assert resources_in(output, text) == [PLATFORM]
    text = scan([*targets, "--tenant", TENANTS[1]], "--no-history", "--output", output)
    assert resources_in(output, text) == [PLATFORM]


@pytest.mark.parametrize("parts", ["never", "always"])
def test_a_change_names_its_tenant(parts: str, scan: Scan, targets: list[str], tmp_path: Path) -> None:
    scan(targets, "--in-parts", parts)
    write_tenant(tmp_path / "b", TENANTS[1], owner="ops")
    text = scan(targets, "--in-parts", parts)
    changes = [line.split() for line in text.partition("Changes")[2].splitlines() if "platform" in line]
    assert [(line[0], " ".join(line[-3:])) for line in changes] == [("fixed", LABELS[1].lower())]


def test_an_explanation_has_each_tenant_by_itself(scan: Scan, targets: list[str]) -> None:
    text = scan(targets, "--no-history", "--explain", "platform")
    assert [line for line in text.splitlines() if line.startswith("/")] == LABELS
