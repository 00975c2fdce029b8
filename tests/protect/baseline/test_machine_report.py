"""Reports of a machine flip policies that read what Azure's built-in ones do, and nothing of a machine that does not report."""

from __future__ import annotations

import json
from contextlib import nullcontext
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml
from baseline_roots import make_system

from nephoscope.collect.facts.fact_reader import FactReader
from nephoscope.collect.facts.fact_recording import record_fact_reports, remove_external_facts
from nephoscope.posture.scans.scan import EstateScan, ScanRequest
from nephoscope.protect.baseline.baseline_evaluation import assess_baseline
from nephoscope.protect.baseline.machine_report import make_machine_report
from nephoscope.state import State
from nephoscope.state.audit.actor import Actor

NOW = datetime(2026, 11, 29, 12, tzinfo=UTC)
BY = Actor("agent")
GUEST, MACHINE = (
    "Microsoft.GuestConfiguration/guestConfigurationAssignments",
    "Microsoft.Compute/virtualMachines",
)
GROUP = "/subscriptions/11111111-1111-4111-8111-111111111111/resourceGroups/rg"
CASES = yaml.load(
    (Path(__file__).parents[2] / "cases" / "protect" / "baseline_machine.yaml").read_text(encoding="utf-8"),
    yaml.CSafeLoader,
)


def of_assignment(name: str) -> dict[str, Any]:
    return {
        "type": GUEST,
        "name": name,
        "existenceCondition": {"field": f"{GUEST}/complianceStatus", "equals": "Compliant"},
    }


def of_assessment(key: str) -> dict[str, Any]:
    field = "Microsoft.Security/assessments/status.code"
    condition = {"field": field, "in": ["NotApplicable", "Healthy"]}
    return {"type": "Microsoft.Security/assessments", "name": key, "existenceCondition": condition}


HASH = "[base64(concat('AzureLinuxBaseline;BaselineSettings', '=', parameters('settings')))]"
POLICIES = {
    "baseline": of_assignment("AzureLinuxBaseline") | {"existenceCondition": {"allOf": [
        {"field": f"{GUEST}/complianceStatus", "equals": "Compliant"},
        {"field": f"{GUEST}/parameterHash", "equals": HASH},
    ]}},
    "ssh-empty-passwords": of_assignment("PasswordPolicy_msid110"),
    "passwd-permissions": of_assignment("PasswordPolicy_msid121"),
    "empty-passwords": of_assignment("PasswordPolicy_msid232"),
    "ssh-keys": of_assignment("LinuxNoPasswordForSSH"),
    "encryption": of_assignment("AzureLinuxVMEncryptionCompliance"),
    "updates": of_assessment("e1145ab1-eb4f-43d8-911b-36ddf771d13f"),
    "protection": of_assessment("4fb67663-9ab9-475d-b026-8c544cced439"),
    "protection-health": of_assessment("37a3689a-818e-4a0e-82ac-b1392b9bb000"),
    "baseline-assessment": of_assessment("c476dc48-8110-4139-91af-c8d940896b98"),
}  # fmt: skip


def machine(name: str) -> str:
    return f"{GROUP}/providers/{MACHINE}/{name}"


def changed(case: dict[str, Any]) -> dict[str, Any]:
    """Return the root of the good machine with the changes of a case."""
    root = {**CASES["root"], **case.get("root", {})}
    if "ssh" in case:
        told = root["etc/ssh/sshd_config"]
        root["etc/ssh/sshd_config"] = {**told, "text": case["ssh"] + told["text"]}
    root["facts"] = {**root["facts"], **case.get("facts", {})}
    return root


def write_policies(folder: Path) -> None:
    folder.mkdir()
    for name, details in POLICIES.items():
        then = {"effect": "AuditIfNotExists", "details": details}
        properties = {
            "displayName": name, "mode": "All", "policyRule": {"if": {"field": "type", "equals": MACHINE}, "then": then},
            "parameters": {"settings": {"type": "String", "defaultValue": ""}},
        }  # fmt: skip
        (folder / f"{name}.json").write_text(json.dumps({"name": name, "properties": properties}))


def write_snapshot(folder: Path) -> None:
    folder.mkdir()
    machines = [
        {"id": machine(name), "location": "westeurope", "properties": {"storageProfile": {}}}
        for name in ("web01", "web02")
    ]
    subscription = GROUP.rpartition("/resourceGroups")[0]
    (folder / "all.json").write_text(json.dumps([{"id": subscription, "properties": {}}, *machines]))
    manifest = {"schemaVersion": 1, "tenant": "", "scopes": {subscription: [MACHINE]}}
    (folder / "coverage.json").write_text(json.dumps(manifest))


def test_the_good_machine_fails_no_rule() -> None:
    found = assess_baseline(make_system(CASES["root"]))
    assert [(one.rule.name, one.verdict) for one in found if one.state.value in ("Fail", "Unknown")] == []


def test_policies_flip_both_ways_and_for_their_machine_alone(tmp_path: Path) -> None:
    write_policies(tmp_path / "policies")
    write_snapshot(tmp_path / "snapshot")
    wrong = []
    with State.open_folder(tmp_path / "data", "") as state:
        request = ScanRequest((str(tmp_path / "snapshot"),), policies=(str(tmp_path / "policies"),))

        def scan() -> dict[tuple[str, str], str]:
            run = EstateScan(
                request, tmp_path / "data", NOW, facts=FactReader(lambda: nullcontext(state), now=NOW)
            )
            runs = [run.run(estate) for estate in run.load_estates()]
            return {
                (one.resource.rpartition("/")[2], one.key): one.state.value
                for each in runs
                for one in each.assessments
                if one.key in POLICIES
            }

        before = scan()
        if set(before.values()) != {"Unknown"}:
            wrong.append(("before any report", before))
        cases = {"nothing": {}, **CASES["changes"], "all good again": {}}
        for step, (name, case) in enumerate(cases.items()):
            at = NOW - timedelta(hours=10) + timedelta(minutes=step)
            made = make_machine_report(machine("web01"), make_system(changed(case)), at)
            record_fact_reports(state, BY, [made.report], NOW)
            for id_ in (*made.withdrawn, *silent_keys(case)):
                remove_external_facts(state, BY, id_, NOW)
            words = dict.fromkeys(POLICIES, "Compliant") | dict.fromkeys(
                case.get("fails", ()), "NonCompliant"
            )
            words |= dict.fromkeys(case.get("unknown", ()), "Unknown")
            after = scan()
            wrong += [
                (name, key, after["web01", key]) for key, word in words.items() if after["web01", key] != word
            ]
            wrong += [(name, "web02", key) for key in POLICIES if after["web02", key] != "Unknown"]
    assert wrong == []


def silent_keys(case: dict[str, Any]) -> list[str]:
    """Return the assessments that a machine reported before and that were not looked at this time."""
    unknown = case.get("unknown", ())
    keys = [
        POLICIES[one]["name"] for one in unknown if one.startswith("protection") and "protection" in unknown
    ]
    return [f"{machine('web01')}/providers/Microsoft.Security/assessments/{key}" for key in keys]


def test_the_report_of_an_assignment_names_rules_and_reasons() -> None:
    system = make_system(changed(CASES["changes"]["a failed rule"]))
    made = make_machine_report(machine("web01"), system, NOW)
    told = next(one for one in made.report.documents if str(one["id"]).endswith("/AzureLinuxBaseline"))
    properties: Any = told["properties"]
    failing = [
        one
        for one in properties["latestAssignmentReport"]["resources"]
        if one["complianceStatus"] == "NonCompliant"
    ]
    assert len(properties["latestAssignmentReport"]["resources"]) == 169
    assert [one["reasons"][0]["phrase"] for one in failing] == [
        "the banner tells the operating system: /etc/issue.net:1 Debian"
    ]
    assert len(msgspec.json.encode(told)) < 256 << 10


@pytest.mark.parametrize("root", [{}, {"etc/motd": "x"}])
def test_an_empty_root_is_no_machine(root: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="holds no Linux system"):
        make_machine_report(machine("web01"), make_system(root), NOW)
