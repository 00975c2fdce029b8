"""Flip Azure's own policies by reports of a machine: `python tests/oracle/machine_builtins.py POLICY_DEFINITIONS`.

The folder holds built-in definitions, unmodified. Each named one must end NonCompliant for a machine that fails everything and
Compliant for one that fails nothing.
"""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
from contextlib import nullcontext
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import yaml
from baseline_roots import make_system

from nephoscope.collect.facts.fact_reader import FactReader
from nephoscope.collect.facts.fact_recording import record_fact_reports
from nephoscope.posture.scans.scan import EstateScan, ScanRequest
from nephoscope.protect.baseline.machine_report import make_machine_report
from nephoscope.state import State
from nephoscope.state.audit.actor import Actor

NOW = datetime(2026, 11, 29, 12, tzinfo=UTC)
SUBSCRIPTION = "/subscriptions/11111111-1111-4111-8111-111111111111"
MACHINE = f"{SUBSCRIPTION}/resourceGroups/rg/providers/Microsoft.Compute/virtualMachines/web01"
TYPE = "Microsoft.Compute/virtualMachines"
NAMED = {
    "fc9b3da7-8347-4380-8e70-0a0361d8dedd", "ea53dbee-c6c9-4f0e-9f9e-de0039b78023", "e6955644-301c-44b5-a4c4-528577de6861",
    "f6ec09a3-78bf-4f8f-99dc-6c77182d0f99", "630c64f9-8b6b-4c64-b511-6544ceff6fd6", "ca88aadc-6e2b-416c-9de2-5a0f01d1693f",
    "f85bf3e0-d513-442e-89c3-1784ad63382b",
}  # fmt: skip
BAD = {
    "etc/issue.net": "Debian\n",
    "etc/passwd": {"text": "root:x:0:0:root:/root:/bin/bash\nalice:x:1000:1000::/home/alice:/bin/bash\n", "mode": "666"},
    "etc/shadow": {"text": "root:!:20000:0:99999:7:::\nalice::20000:7:365:7:30::\n", "mode": "400"},
    "etc/ssh/sshd_config": "PermitEmptyPasswords yes\n",
    "facts": {
        "volumes": [{"mountPoint": "/data", "isEncrypted": False}], "isEncryptedAtHost": False, "antimalware": [],
        "pendingUpdates": [{"name": "openssl", "classification": "Security"}],
    },
}  # fmt: skip


def copy_named(definitions: Path, folder: Path) -> None:
    """Copy the named definitions, to the byte."""
    folder.mkdir()
    for path in definitions.rglob("*.json"):
        if json.loads(path.read_bytes()).get("name") in NAMED:
            shutil.copy(path, folder / path.name)


def write_snapshot(folder: Path) -> None:
    """Write a snapshot of one Linux machine."""
    folder.mkdir()
    image = {"publisher": "Canonical", "offer": "0001-com-ubuntu-server-jammy", "sku": "22_04-lts"}
    profile = {"osDisk": {"osType": "Linux"}, "imageReference": image}
    body = {
        "id": MACHINE, "location": "westeurope",
        "properties": {
            "storageProfile": profile, "osProfile": {"linuxConfiguration": {}},
            "hardwareProfile": {"vmSize": "Standard_D4s_v5"},
        },
    }  # fmt: skip
    (folder / "all.json").write_text(json.dumps([{"id": SUBSCRIPTION, "properties": {}}, body]))
    manifest = {"schemaVersion": 1, "tenant": "", "scopes": {SUBSCRIPTION: [TYPE]}}
    (folder / "coverage.json").write_text(json.dumps(manifest))


def run_scan(work: Path, state: State) -> dict[str, str]:
    """Return how each named policy ended for the machine."""
    request = ScanRequest((str(work / "snapshot"),), policies=(str(work / "policies"),))
    facts = FactReader(lambda: nullcontext(state), now=NOW)
    scan = EstateScan(request, work / "data", NOW, facts=facts)
    return {
        one.key: one.state.value
        for estate in scan.load_estates()
        for one in scan.run(estate).assessments
        if one.key in NAMED and one.resource.lower() == MACHINE.lower()
    }


def compare(definitions: Path) -> list[str]:
    """Return the policies that do not flip."""
    good: dict[str, Any] = yaml.safe_load(
        (Path(__file__).parents[1] / "cases" / "protect" / "baseline_machine.yaml").read_text(
            encoding="utf-8"
        )
    )["root"]
    bad = {**good, **BAD, "facts": {**good["facts"], **BAD["facts"]}}
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        copy_named(definitions, work / "policies")
        write_snapshot(work / "snapshot")
        with State.open_folder(work / "data", "") as state:
            ends = [run_scan(work, state)]
            for minute, root in enumerate((bad, good)):
                made = make_machine_report(MACHINE, make_system(root), NOW - timedelta(minutes=60 - minute))
                record_fact_reports(state, Actor("agent"), [made.report], NOW)
                ends.append(run_scan(work, state))
    wanted = ("Unknown", "NonCompliant", "Compliant")
    found = {key: tuple(one.get(key, "absent") for one in ends) for key in sorted(NAMED)}
    print(f"{sum(one == wanted for one in found.values())}/{len(found)} agree: the policies flip both ways")
    return [f"{key}: {', '.join(one)}" for key, one in found.items() if one != wanted]


if __name__ == "__main__":
    differing = compare(Path(sys.argv[1]))
    print("\n".join(differing))
    sys.exit(bool(differing))
