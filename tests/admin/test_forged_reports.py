"""Forged reports: with the real key of one machine, everything that an agent may send is tried about another machine.

Nothing about the other machine is stored, rows that say why are set aside, and an alert comes of them.
"""

from __future__ import annotations

import base64
import time
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from importlib.resources import files
from pathlib import Path
from typing import Any

import msgspec
import pytest

from nephoscope.alerts.rules.rule_files import find_rules
from nephoscope.alerts.scheduling.schedule import Schedule
from nephoscope.collect.facts.fact_types import load_fact_types
from nephoscope.lake.schema.identity_columns import list_machine_identities
from nephoscope.lake.schema.machine_identity import Identity
from nephoscope.lake.writing.outbox import deliver_outbox
from nephoscope.model.resource_binding import derive_device_id
from nephoscope.service.agents import TABLES
from nephoscope.service.local_user import LocalUser
from nephoscope.service.response_orders import create_order, decide_order
from nephoscope.service.service_context import ServiceContext
from nephoscope.state.hosts.agents import AgentHealth
from nephoscope.state.hosts.response_orders import OrderStatus, ResponseKind
from nephoscope_kql.types import KqlType

ADMIN = "/admin/v1"
GROUP = "/subscriptions/7d1b6c4e-0000-0000-0000-000000000001/resourceGroups/forged"
VICTIM = "victim-4711"
MACHINE_ID = "4711" * 8
#: The test file of the antivirus industry, put together so that no scanner of this checkout finds it.
EICAR = ("X5O!P%@AP[4\\PZX54(P^)7CC)7}$" + "EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*").encode()
RULE = "bound-sender-names-another-machine.yaml"


@dataclass
class Machine:
    """An enrolled machine: its headers and its resource."""

    headers: dict[str, str]
    resource: str


@pytest.fixture(scope="module")
def pair(ask, server) -> tuple[Machine, Machine]:
    """The machine whose key the attacker has, and the other one."""
    code = ask("POST", "/agentEnrolments/forged", 201, json={"scope": GROUP, "machines": 2})["code"]

    def enrol(computer: str, machine_id: str) -> Machine:
        told = server.post(
            f"{ADMIN}/agents/enrol",
            headers={"Authorization": f"Bearer {code}"},
            json={"computer": computer, "machineId": machine_id, "fqdn": f"{computer}.contoso.com"},
        ).json()
        return Machine({"Authorization": f"Bearer {told['key']}"}, told["resource"])

    return enrol("taken-0815", "0815" * 8), enrol(VICTIM, MACHINE_ID)


def claims_of(kind: Identity, resource: str) -> tuple[str, ...]:
    """What a column says of the other machine, in the spellings that it may be written in."""
    names = (
        VICTIM,
        VICTIM.upper(),
        f"{VICTIM}.contoso.com",
        MACHINE_ID,
        derive_device_id(resource),
        f"\u200b{VICTIM}",
    )
    return {
        Identity.RESOURCE: (resource, resource.upper(), f"https://management.azure.com{resource}", f"{resource}/extensions/x"),
        Identity.SUBSCRIPTION: ("9d1b6c4e-0000-0000-0000-000000000009",), Identity.RESOURCE_GROUP: ("other",),
        Identity.RESOURCE_NAME: (VICTIM,), Identity.COMPUTER: names, Identity.DEVICE: names, Identity.KNOWN: names,
    }[kind]  # fmt: skip


def bags(resource: str) -> Iterator[object]:
    """Bags that name the other machine, at any depth and in any spelling."""
    yield from (
        {name: VICTIM}
        for name in ("Computer", "DeviceName", "hostName", "Computer_s", "vm_name", "ＤeviceName")
    )
    yield {"DeviceId": derive_device_id(resource)}
    yield {"a": [{"b": {"Computer": VICTIM}}]}
    yield {"a": f'{{"computer": "{VICTIM}"}}'}
    yield {"a": msgspec.json.encode(msgspec.json.encode({"resourceId": resource}).decode()).decode()}
    yield {resource: 1}


def forge_rows(lake: Any, name: str, resource: str) -> list[dict[str, object]]:
    """Rows of a table, each with one claim about the other machine."""
    table = lake.tables[name]
    found: list[dict[str, object]] = []
    for column, kind in (list_machine_identities(table) or {}).items():
        found += ({column: claim} for claim in claims_of(kind, resource))
    # no column at all takes the ID of another machine, whatever its type is
    found += ({column: resource} for column, _ in table.columns if column not in ("TimeGenerated", "Type"))
    found += ({column: {"at": resource}} for column, kind in table.columns if kind == KqlType.DYNAMIC)
    return (
        found
        + [{table.bag: bag} for bag in bags(resource)]
        + [{"HostName_s": VICTIM}, {"NewColumn": resource}]
    )


def aside(instance: Any, sender: Machine) -> int:
    """How many rows lie aside that a machine sent about another."""
    instance.guard.flush()
    while deliver_outbox(instance.lake, instance.state) is None:
        time.sleep(0.01)
    instance.lake.flush()
    query = f"_Quarantine | where SenderResourceId =~ '{sender.resource}' and Reason startswith 'Identity conflict: ' | count"
    return int(instance.lake.query(query)[-1].table.column(0)[0].as_py())


def mentions(instance: Any, name: str, words: tuple[str, ...]) -> list[dict[str, Any]]:
    instance.lake.flush()
    rows = instance.lake.query(name)[-1].table.to_pylist()
    return [one for one in rows if any(word in str(one).lower() for word in words)]


@pytest.mark.sampled(6)
@pytest.mark.parametrize("name", sorted(TABLES))
def test_no_table_takes_a_row_about_another_machine(instance, server, pair, name) -> None:
    own, other = pair
    moment = {"TimeGenerated": datetime.now(UTC).isoformat()}
    forged = [moment | one for one in forge_rows(instance.lake, name, other.resource)]
    before = aside(instance, own)
    body = {"sequence": sorted(TABLES).index(name) + 1, "rows": {name: [*forged, moment]}}
    told = server.post(f"{ADMIN}/agents/report", headers=own.headers, json=body)
    assert told.status_code == 200, told.text
    words = (VICTIM, MACHINE_ID, derive_device_id(other.resource), "9d1b6c4e", other.resource.lower())
    assert mentions(instance, name, words) == []
    assert len(mentions(instance, name, (own.resource.lower(),))) == 1, "the honest row"
    assert aside(instance, own) - before == len(forged)


FACTS: dict[str, dict[str, Any]] = {
    "a name that begins alike": {"path": "0/patchAssessmentResults/latest"},
    "a path upwards": {"path": f"/../{VICTIM}/patchAssessmentResults/latest"},
    "the whole ID behind its own": {"path": "/providers/Microsoft.HybridCompute/machines/VICTIM"},
    "an ID of its own": {"path": "", "id": "VICTIM"},
    "an encoded path": {"path": f"%2f..%2f{VICTIM}/patchAssessmentResults/latest"},
}


@pytest.mark.sampled(5)
@pytest.mark.parametrize("kind", [one.type for one in load_fact_types().values()])
def test_no_fact_is_about_another_machine(instance, server, pair, kind) -> None:
    own, other = pair
    for name, fact in FACTS.items():
        told = {one: value.replace("VICTIM", other.resource) for one, value in fact.items()}
        facts = [
            {"readAt": datetime.now(UTC).isoformat(), "documents": {kind: [{**told, "properties": {"x": 1}}]}}
        ]
        answer = server.post(f"{ADMIN}/agents/report", headers=own.headers, json={"facts": facts})
        kept = [one.subject for one in instance.state.external_facts.all() if VICTIM in one.subject]
        assert answer.status_code in (200, 403), (name, answer.text)
        assert kept == [], name
    facts = [{"readAt": datetime.now(UTC).isoformat(), "documents": {kind: [{"path": "0/x/latest"}]}}]
    before = aside(instance, own)
    assert (
        server.post(f"{ADMIN}/agents/report", headers=own.headers, json={"facts": facts}).status_code == 403
    )
    assert aside(instance, own) - before == 1


@pytest.mark.parametrize(
    ("kind", "arguments"),
    [
        (ResponseKind.COLLECT, {"path": "/etc/shadow"}), (ResponseKind.ISOLATE, {}), (ResponseKind.KILL, {"pid": "77", "path": "/x"}),
        (ResponseKind.SCRIPT, {"script": "id"}), (ResponseKind.SCAN, {"path": "/", "changedDays": "7", "megabytes": "1"}),
        (ResponseKind.BLOCK, {"sha256": "ab" * 32, "days": "1"}),
        (ResponseKind.CAPTURE, {
            "name": "c", "interface": "eth0", "protocol": "any", "address": "any", "port": "0", "seconds": "5", "packets": "5",
            "bytes": "5000", "ring": "no", "above": "0", "learn": "3600",
        }),
    ],
    ids=lambda one: one.value if isinstance(one, ResponseKind) else "",
)  # fmt: skip
def test_no_order_of_another_machine_is_seen_or_answered(instance, server, pair, kind, arguments) -> None:
    own, other = pair
    agent = instance.state.agents.find(other.resource)
    health = AgentHealth("1", (), {}, "", "", tuple(one.value for one in ResponseKind))
    instance.state.agents.report(agent, health, datetime.now(UTC))
    acts = ServiceContext(LocalUser.current(), instance.state, instance.data)
    order = create_order(acts, other.resource, kind, arguments, "test")
    if order.status is OrderStatus.PENDING:
        second = LocalUser("second")
        decide_order(ServiceContext(second, instance.state, instance.data), order.id, "approve")
    seen = server.get(f"{ADMIN}/agents/orders", headers=own.headers).json()
    assert seen["value"] == []
    before = aside(instance, own)
    content = base64.b64encode(b"forged").decode()
    body = {"status": "Succeeded", "message": "forged", "content": content}
    told = server.post(f"{ADMIN}/agents/orders/{order.id}", headers=own.headers, json=body)
    assert told.status_code == 403, told.text
    files = {"sequence": 1, "files": [{"path": f"/{VICTIM}", "content": base64.b64encode(EICAR).decode()}]}
    told = server.post(f"{ADMIN}/agents/orders/{order.id}/files", headers=own.headers, json=files)
    assert told.status_code == 403, told.text
    kept = instance.state.response_orders.get(order.id)
    assert (kept.status, kept.finished, kept.message) == (OrderStatus.APPROVED, None, "")
    assert instance.state.response_orders.read_content(order.id) == b""
    assert mentions(instance, "DeviceEvents", (VICTIM,)) == []
    assert aside(instance, own) - before == 2


def test_a_system_health_and_policy_are_the_machine_s_own(instance, server, pair) -> None:
    """They name no machine: what a report says of one anyway is refused or not looked at."""
    own, other = pair
    before = instance.state.agents.find(other.resource)
    told = {
        "files": {"entries": {}, "listed": []},
        "facts": {},
        "resource": other.resource,
        "computer": VICTIM,
    }
    system = {
        "readAt": datetime.now(UTC).isoformat(), "content": base64.b64encode(zlib.compress(msgspec.json.encode(told))).decode(),
    }  # fmt: skip
    for body in (
        {"system": system},
        {"health": {"version": "9"}},
        {"resource": other.resource},
        {"computer": VICTIM},
    ):
        answer = server.post(f"{ADMIN}/agents/report", headers=own.headers, json=body)
        assert answer.status_code in (200, 400), answer.text
    policy = server.get(f"{ADMIN}/agents/applicationPolicy", headers=own.headers).json()["content"]
    assert own.resource.lower() in policy.lower()
    assert VICTIM not in policy
    assert instance.state.agents.find(other.resource) == before
    assert [one.subject for one in instance.state.external_facts.all() if VICTIM in one.subject] == []


def test_an_alert_tells_of_what_was_set_aside(instance, server, pair) -> None:
    own, other = pair
    row = {"TimeGenerated": datetime.now(UTC).isoformat(), "Computer": VICTIM}
    body = {"sequence": 999, "rows": {"Heartbeat": [row]}}
    assert server.post(f"{ADMIN}/agents/report", headers=own.headers, json=body).status_code == 200
    server.post(f"{ADMIN}/agents/report", headers=own.headers, json={
        "facts": [{"readAt": row["TimeGenerated"], "documents": {"Microsoft.HybridCompute/machines/patchAssessmentResults": [
            {"path": "0/patchAssessmentResults/latest"}]}}],
    })  # fmt: skip
    assert aside(instance, own) >= 2
    (rule,) = find_rules(
        Path(str(files("nephoscope") / "content" / "detections" / "_Quarantine" / RULE))
    ).rules
    schedule = Schedule(instance.lake, instance.state, [rule], "default")
    begin = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    assert [
        len(ran.taken.alerts)
        for minutes in (0, 66)
        for ran in schedule.tick(begin + timedelta(minutes=minutes))
        if ran.taken.alerts
    ] == [1]
    assert aside(instance, own) >= 2
    (alert,) = instance.lake.query("SecurityAlert")[-1].table.to_pylist()
    assert alert["AlertName"] == "Log rows about another machine from the sender of taken-0815"
    assert alert["AlertSeverity"] == "High"
    assert own.resource.lower() in str(alert["Entities"]).lower()
    assert other.resource.lower() not in str(alert["Entities"]).lower()
    assert "ARM requests" in alert["Description"]
    assert "Heartbeat" in alert["Description"]
