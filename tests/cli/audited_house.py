"""A data folder with one of everything that a command can change, and the files that commands take."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tests.cli.test_detect import RULE, event, run
from tests.cli.test_locations import address, held_by, keep_estate, location

from nephoscope.access.authenticator import Guard
from nephoscope.access.scopes import Hierarchy
from nephoscope.model.resource_binding import bind_resource
from nephoscope.state import State
from nephoscope.state.access.principals import PrincipalKind, SecretKind
from nephoscope.state.access.sign_in_providers import ClaimRule, SignInProvider
from nephoscope.state.automation.automation_runs import AutomationRun, RunStatus, RunStep
from nephoscope.state.rules.rule_state import RuleStanding

NOW = datetime.now(UTC)
RULE_ID = "11111111-1111-1111-1111-111111111111"
TENANT = (
    "--tenant",
    "11111111-2222-3333-4444-555555555555",
    "--client",
    "22222222-2222-3333-4444-555555555555",
)
MACHINE = "/subscriptions/s/resourceGroups/g/providers/Microsoft.HybridCompute/machines/web-01"
AUTOMATIONS = "/providers/microsoft.security/automations"
MACHINES = "/subscriptions/11111111-1111-1111-1111-111111111111/resourcegroups/rg/providers/microsoft.hybridcompute/machines/"
QUERY = """
id: aaaaaaaa-0000-4000-8000-00000000000a
name: Who deleted locks
query: AzureActivity | where OperationNameValue endswith 'locks/delete' | project TimeGenerated, Caller
"""
POLICY = {
    "name": "own-tag",
    "properties": {
        "displayName": "A tag is wanted", "mode": "All",
        "policyRule": {"if": {"field": "tags['owner']", "exists": "false"}, "then": {"effect": "audit"}},
    },
}  # fmt: skip
EXEMPTION = {
    "id": "/subscriptions/11111111-1111-1111-1111-111111111111/providers/Microsoft.Authorization/policyExemptions/all",
    "type": "Microsoft.Authorization/policyExemptions", "name": "all",
    "properties": {"policyAssignmentId": "/x", "exemptionCategory": "Waiver"},
}  # fmt: skip


def _facts(name: str) -> str:
    machine = {"id": MACHINES + name, "properties": {}}
    return json.dumps({"resource": MACHINES + name, "readAt": "2026-01-01T00:00:00Z", "documents": [machine]})


FILES = {
    "facts.json": _facts("b"),
    "known-facts.json": _facts("a"),
    "rules/locks.yaml": RULE,
    "more/other.yaml": RULE.replace("11111111-1111-1111-1111-111111111111", "33333333-1111-1111-1111-111111111111"),
    "queries/locks.yaml": QUERY,
    "policies/own-tag.json": json.dumps(POLICY),
    "decisions.json": json.dumps([EXEMPTION]),
    "scanners.csv": "Address,Name\n192.0.2.7,Nessus\n",
    "others.csv": "Address,Name\n192.0.2.9,Qualys\n",
    "graph.json": json.dumps({"value": [{"@odata.type": "#microsoft.graph.ipNamedLocation", "displayName": "Everywhere",
                                         "isTrusted": True, "ipRanges": [{"cidrAddress": "203.0.113.0/28"}]}]}),
    "indicators.csv": "value,confidence\n192.0.2.7,90\n",
    "table.json": json.dumps({"name": "Mine_CL", "columns": {"Who": "string"}}),
    "aliases.json": json.dumps({"Microsoft.Own/things/size": "properties.size"}),
    "advisory.json": json.dumps({"id": "OWN-1", "modified": "2026-01-01T00:00:00Z", "affected": [
        {"package": {"ecosystem": "PyPI", "name": "own"}, "versions": ["1.0"]}]}),
    "secret": "word",
    "data/responses/rules/own.yaml": "name: own\nwhen: [incident.created]\nactions: [{action: incident, tags: [urgent]}]\n",
    "snapshot.json": json.dumps([{"id": "/subscriptions/11111111-1111-1111-1111-111111111111/resourceGroups/rg",
                                  "type": "Microsoft.Resources/resourceGroups", "name": "rg", "properties": {}}]),
}  # fmt: skip


def build(folder: Path) -> dict[str, str]:
    """Make the data folder `folder/data`; what commands name in it, by words."""
    for name, text in FILES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    hours = (2, 32, 62)
    (folder / "PT1H.json").write_text(json.dumps({"records": [event(hour * 60 + 20) for hour in hours]}))
    data, rules = folder / "data", ("--rules", str(folder / "rules"))
    run(data, "ingest", str(folder / "PT1H.json"))
    for hour in reversed(hours):
        run(
            data,
            "detect",
            *rules,
            "--no-behavior",
            "--no-respond",
            "--at",
            (NOW - timedelta(hours=hour)).isoformat(),
        )
    for words in _commands(folder):
        run(data, *words)
    gateway = address("vpn", "203.0.113.25", ipConfiguration=held_by("virtualNetworkGateways", "vgw"))
    offices = [{"cidrAddress": "198.51.100.0/24"}]
    keep_estate(data, [gateway, location("1", displayName="Offices", isTrusted=True, ipRanges=offices)], 1)
    with State.open_folder(data) as state:
        _fill(state)
        alert = state.alerts.list_newest("default", most=1)[0].id
        indicator = state.intel.list_newest("default", most=1)[0].id
    hunts = ("--queries", str(folder / "queries"), "--since", (NOW - timedelta(days=5)).isoformat())
    (row, *_) = json.loads(run(data, "hunt", "run", "Who deleted locks", *hunts, "-o", "json").stdout)
    bookmark = run(data, "hunt", "bookmark", "Who deleted locks", row["mark"], *hunts).stdout.strip()
    (advice,) = json.loads(run(data, "tuning", "advice", *rules, "-o", "json").stdout)
    return {
        "files": str(folder), "alert": alert, "mark": row["mark"], "bookmark": bookmark, "advice": advice["id"],
        "since": hunts[-1], "rule": RULE_ID, "indicator": indicator, "own": MACHINES,
    }  # fmt: skip


def _commands(folder: Path) -> list[tuple[str, ...]]:
    return [
        ("suppressions", "create", "known", "--rule", RULE_ID, "--rules", str(folder / "rules"), "--entity", "ip.address=192.0.2.1"),
        ("tuning", "set", RULE_ID, "--rules", str(folder / "rules"), "--severity", "Low"),
        ("watchlists", "create", "Known", str(folder / "scanners.csv"), "--key", "Address"),
        ("tenants", "add", "fabrikam", *TENANT, "--secret", f"secret=file:{folder / 'secret'}"),
        ("sources", "add", "logs", "--kind", "folder", "--set", f"paths={folder}", "--no-test"),
        ("sources", "add", "sent", "--kind", "logs_ingestion", "--set", "listen=127.0.0.1:9", "--no-test"),
        ("workspaces", "add", "soc"),
        ("automations", "add", "tell", "--on", "Alerts", "--table", "default"),
        ("response", "secret", "old", "--from", f"file:{folder / 'secret'}"),
        ("content", "import", str(folder / "more"), "--name", "more"),
        ("intel", "import", str(folder / "indicators.csv")),
        ("facts", "put", str(folder / "known-facts.json")),
    ]  # fmt: skip


def _fill(state: State) -> None:
    state.tenants.record_collection("fabrikam", "", NOW)
    with state.transaction() as session:
        kim = state.principals.add(session, PrincipalKind.PERSON, "kim")
        state.principals.grant(session, kim.id, "Reader", "/", "test")
        agent = state.principals.add(session, PrincipalKind.PROGRAM, "agent")
        state.principals.bind(session, agent.id, bind_resource(MACHINE))
        provider = SignInProvider("corp", "Corp", "https://192.0.2.9", "nephoscope", "", ("openid",))
        state.sign_in_providers.put(session, provider)
        allowed = SignInProvider(
            "shop", "Shop", "https://192.0.2.9", "nephoscope", "", ("openid",), rules=(ClaimRule("sub", "7"),)
        )
        state.sign_in_providers.put(session, allowed)
        state.rule_standings.put(session, [RuleStanding("default", RULE_ID, "x", 9, NOW)])
        for status, step in (
            (RunStatus.APPROVE, RunStep.DO),
            (RunStatus.DEAD, RunStep.DO),
            (RunStatus.DONE, RunStep.APPLY),
        ):
            made = AutomationRun(
                f"run-{status.value}", "default", "rule", "block", {"action": "block"}, "incident.created", "1", {}, status, NOW, NOW,
                NOW, step=step, plan={"change": "block"},
            )  # fmt: skip
            state.automation_runs.put(session, made)
    Guard(state, lambda: Hierarchy({})).make_secret(kim, SecretKind.SESSION, "test", lasts=timedelta(days=1))
