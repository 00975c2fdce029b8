"""Agents over the API: machines enrol by a code, report about themselves, and about nothing else, whoever they say they are."""

from __future__ import annotations

import base64
import hashlib
import itertools
import json
import zlib
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

GROUP = "/subscriptions/7d1b6c4e-0000-0000-0000-000000000001/resourceGroups/dc1"
MACHINES = f"{GROUP}/providers/Microsoft.HybridCompute/machines"
VIRTUAL = f"{GROUP}/providers/Microsoft.Compute/virtualMachines/vm1"
ADMIN = "/admin/v1"
_numbers = itertools.count(1)


@pytest.fixture
def code(ask):
    """A code of its own for each test: (scope, machines) -> headers."""

    def made(scope: str = GROUP, machines: int = 5, **more: Any) -> dict[str, str]:
        name = f"enrolment-{next(_numbers)}"
        given = {"scope": scope, "machines": machines, **more}
        body = ask("POST", f"/agentEnrolments/{name}", 201, json=given)
        return {"Authorization": f"Bearer {body['code']}"}

    return made


@pytest.fixture
def enrol(server):
    """Enrols a machine: the answer."""

    def asked(headers: dict[str, str], computer: str, **more: Any):
        given = {"computer": computer, "machineId": f"id of {computer}", **more}
        return server.post(f"{ADMIN}/agents/enrol", headers=headers, json=given)

    return asked


@pytest.fixture
def machine(code, enrol):
    """A machine that is enrolled: its headers and its ID."""

    def made(computer: str = "") -> tuple[dict[str, str], str]:
        told = enrol(code(), computer or f"web{next(_numbers)}")
        assert told.status_code == 200, told.text
        return {"Authorization": f"Bearer {told.json()['key']}"}, told.json()["resource"]

    return made


@pytest.fixture
def report(server):
    def sent(headers: dict[str, str], **body: Any):
        return server.post(f"{ADMIN}/agents/report", headers=headers, json=body)

    return sent


@pytest.fixture
def rows(instance):
    def found(query: str) -> list[dict[str, Any]]:
        instance.lake.flush()
        return instance.lake.query(query)[-1].table.to_pylist()

    return found


def beat(**more: Any) -> dict[str, Any]:
    return {"TimeGenerated": datetime.now(UTC).isoformat(), "Category": "nephoscope agent", **more}


def test_a_machine_outside_of_azure_is_of_its_group(machine, ask) -> None:
    _, resource = machine("db01.contoso.com")
    assert resource == f"{MACHINES}/db01"
    found = ask("GET", "/agents/db01.contoso.com")
    assert (found["resource"], found["status"], found["seen"]) == (resource, "NeverReported", None)


def test_a_virtual_machine_keeps_its_id(code, enrol) -> None:
    told = enrol(code(), "vm1", azureResourceId=VIRTUAL)
    assert told.json()["resource"] == VIRTUAL


def test_a_machine_speaks_by_no_name_of_another(code, enrol, report, rows, instance) -> None:
    """The names that it says at enrolment count only where its resource has them too."""
    told = enrol(
        code(),
        "dc01",
        azureResourceId=VIRTUAL.replace("vm1", "vm7"),
        fqdn="dc01.contoso.com",
        machineId="dc01",
    )
    assert told.json()["computer"] == "vm7"
    key = {"Authorization": f"Bearer {told.json()['key']}"}
    for number, name in enumerate(("dc01", "dc01.contoso.com"), 1):
        assert report(key, sequence=number, rows={"Heartbeat": [beat(Computer=name)]}).status_code == 200
    assert rows(f"Heartbeat | where _ResourceId == '{told.json()['resource'].lower()}'") == []


REFUSED = {
    "a machine of another group": (GROUP, {"azureResourceId": VIRTUAL.replace("dc1", "dc2")}, "not for"),
    "a group that begins alike": (GROUP, {"azureResourceId": VIRTUAL.replace("dc1", "dc10")}, "not for"),
    "no virtual machine": (GROUP, {"azureResourceId": f"{GROUP}/providers/Microsoft.KeyVault/vaults/v"}, "not a virtual machine"),
    "no resource ID": (GROUP, {"azureResourceId": "vm1"}, "azureResourceId"),
    "a name with a slash": (GROUP, {"computer": "a/../b"}, "not a valid machine name"),
    "outside of Azure, for a subscription": (GROUP.rpartition("/resource")[0], {}, "needs an enrolment for a resource group"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_a_code_lets_no_other_machine_in(code, enrol, name) -> None:
    scope, more, why = REFUSED[name]
    told = enrol(code(scope), more.pop("computer", "web01"), **more)
    assert told.status_code == 400, told.text
    assert why in told.json()["error"]["message"]


def test_a_code_is_used_up(code, enrol, instance) -> None:
    headers = code(machines=2)
    assert [enrol(headers, f"used{number}").status_code for number in range(3)] == [200, 200, 400]
    before = {one.id for one in instance.state.principals.all()}
    assert enrol(headers, "used9").status_code == 400
    assert {one.id for one in instance.state.principals.all()} == before


def test_a_revoked_code_lets_nobody_in(ask, server, enrol) -> None:
    body = ask("POST", "/agentEnrolments/gone", 201, json={"scope": GROUP})
    ask("DELETE", "/agentEnrolments/gone", 204)
    assert enrol({"Authorization": f"Bearer {body['code']}"}, "web01").status_code == 401


@pytest.mark.full
def test_a_machine_enrols_again_only_before_its_first_report(code, enrol, report, ask) -> None:
    headers = code()
    first = enrol(headers, "lost01").json()
    again = enrol(headers, "lost01")
    assert again.status_code == 200
    assert report({"Authorization": f"Bearer {first['key']}"}).status_code == 401
    key = {"Authorization": f"Bearer {again.json()['key']}"}
    assert enrol(headers, "lost01", machineId="another").status_code == 409
    assert report(key, health={"version": "1"}).status_code == 200
    assert enrol(headers, "lost01").status_code == 409
    ask("DELETE", "/agents/lost01", 204)
    assert report(key).status_code == 401
    renewed = enrol(headers, "lost01", machineId="another")
    assert renewed.status_code == 200
    assert report({"Authorization": f"Bearer {renewed.json()['key']}"}).status_code == 200


def test_a_code_and_a_key_open_nothing_else(code, machine, server, enrol, report) -> None:
    key, _ = machine()
    assert enrol(key, "web99").status_code == 403
    assert report(code()).status_code == 403
    for headers in (key, code()):
        for path in ("/principals", "/facts", "/agentEnrolments/x", "/agents", "/agentEnrolments"):
            told = server.get(f"{ADMIN}{path}", headers=headers)
            assert told.status_code in (403, 405), (path, told.text)
        told = server.post(
            "/v1/workspaces/default/query", headers=headers, json={"query": "Heartbeat | take 1"}
        )
        assert told.status_code == 403


def test_rows_are_counted_once_for_each_sequence(machine, report, rows) -> None:
    (one, first), (other, second) = machine(), machine()
    for _ in range(3):
        assert report(one, sequence=7, rows={"Heartbeat": [beat(Version="seven")]}).status_code == 200
    assert report(one, sequence=8, rows={"Heartbeat": [beat(Version="seven")]}).status_code == 200
    # the sequence of one machine hides no row of another
    assert report(other, sequence=3, rows={"Heartbeat": [beat(Version="seven")]}).status_code == 200
    found = rows("Heartbeat | where Version == 'seven' | summarize n = count() by _ResourceId")
    assert {one["_ResourceId"]: one["n"] for one in found} == {first.lower(): 2, second.lower(): 1}


FORGED = {
    "the name of another": ("Heartbeat", {"Computer": "dc01"}),
    "the resource of another": ("Heartbeat", {"_ResourceId": f"{MACHINES}/dc01"}),
    "the resource column of the table": ("Heartbeat", {"ResourceId": f"{MACHINES}/dc01"}),
    "another subscription": ("Heartbeat", {"SubscriptionId": "9" * 8 + "-0000-0000-0000-000000000000"}),
    "the device of another": ("DeviceProcessEvents", {"DeviceId": "0" * 40}),
    "the device name of another": ("DeviceProcessEvents", {"DeviceName": "dc01"}),
    "in the bag": ("DeviceProcessEvents", {"_AdditionalFields": {"DeviceName": "dc01"}}),
    "deep in the bag": ("DeviceProcessEvents", {"_AdditionalFields": {"a": [{"Computer": "dc01"}]}}),
    "as text of JSON": ("DeviceProcessEvents", {"_AdditionalFields": {"a": '{"computer": "dc01"}'}}),
    "as another resource in a column": ("DeviceProcessEvents", {"FolderPath": f"{MACHINES}/dc01"}),
    "the audit of another": ("LinuxAuditLog", {"Computer": "dc01", "RawRecord": "x"}),
    "files of another": ("MDCFileIntegrityMonitoringEvents", {"Computer": "dc01", "FileName": "x"}),
    "updates of another": ("Update", {"Computer": "dc01", "Title": "x"}),
    "a connection of another": ("VMConnection", {"Machine": "dc01"}),
}


@pytest.mark.parametrize("name", FORGED)
def test_a_forged_row_is_set_aside(machine, report, rows, name) -> None:
    headers, resource = machine()
    table, values = FORGED[name]
    honest = {"TimeGenerated": datetime.now(UTC).isoformat()}
    told = report(headers, sequence=1, rows={table: [{**honest, **values}, honest]})
    assert told.status_code == 200, told.text
    found = rows(f"{table} | where _ResourceId == '{resource.lower()}'")
    assert len(found) == 1
    (aside,) = rows(f"_Quarantine | where SenderResourceId =~ '{resource}'")
    assert aside["Reason"].startswith("Identity conflict: ")


@pytest.mark.parametrize(
    "table", ["SecurityAlert", "_Quarantine", "SigninLogs", "Usage", "IdentityInfo", "Mine_CL"]
)
def test_a_table_that_is_not_of_machines_is_refused(machine, report, table) -> None:
    headers, _ = machine()
    told = report(headers, sequence=1, rows={table: [{}]})
    assert told.status_code == 400
    assert table in told.json()["error"]["message"]


def patches(**more: Any) -> dict[str, Any]:
    counts = {"security": 0, "critical": 0, "other": 0}
    return {
        "path": "/patchAssessmentResults/latest",
        "properties": {"availablePatchCountByClassification": counts},
        **more,
    }


def facts(
    kind: str = "Microsoft.HybridCompute/machines/patchAssessmentResults", **more: Any
) -> list[dict[str, Any]]:
    return [{"readAt": datetime.now(UTC).isoformat(), "documents": {kind: [patches(**more)]}}]


def test_facts_are_of_the_machine(machine, report, instance) -> None:
    headers, resource = machine()
    whole = [*facts(), {"readAt": datetime.now(UTC).isoformat(), "documents": {
        "Microsoft.HybridCompute/machines": [{"path": "", "properties": {"osType": "linux"}}]}}]  # fmt: skip
    assert report(headers, facts=whole).json()["refused"] == []
    kept = instance.state.external_facts.get(resource.lower())
    assert kept.documents[0]["properties"] == {"osType": "linux"}
    assert kept.documents[0]["location"] == "global"
    assert instance.state.external_facts.get(f"{resource.lower()}/patchassessmentresults/latest") is not None


FORGED_FACTS = {
    "a path that leaves the machine": {"path": "2/patchAssessmentResults/latest"},
    "a path upwards": {"path": "/../dc01/patchAssessmentResults/latest"},
    "an ID of its own": {"id": f"{MACHINES}/dc01/patchAssessmentResults/latest", "path": "/patchAssessmentResults/latest"},
    "a type that agents do not tell": {"path": "/providers/Microsoft.Security/assessments/x/subAssessments/y"},
    "another tenant's member": {"tenant": "x"},
}  # fmt: skip


@pytest.mark.parametrize("name", FORGED_FACTS)
def test_forged_facts_change_nothing_of_another(machine, report, instance, name) -> None:
    headers, resource = machine()
    before = {one.subject for one in instance.state.external_facts.all()}
    told = report(headers, facts=facts(**FORGED_FACTS[name]))
    assert told.status_code in (200, 403), told.text
    added = {one.subject for one in instance.state.external_facts.all()} - before
    assert {one for one in added if not f"{one}/".startswith(f"{resource.lower()}/")} == set()
    if told.status_code == 200 and name != "an ID of its own":
        assert told.json()["refused"]


def test_facts_about_another_machine_by_other_ways(machine, server) -> None:
    headers, _ = machine()
    _, other = machine()
    now = datetime.now(UTC).isoformat()
    whole = {"resource": other, "readAt": now, "documents": [{"id": other, "properties": {}}]}
    assert server.put(f"{ADMIN}/facts", headers=headers, json=whole).status_code == 403
    path = f"{other}/patchAssessmentResults/latest?api-version=2024-07-10"
    assert server.put(path, headers=headers, json={"properties": {}}).status_code in (403, 404)


def test_a_fact_of_the_future_is_refused_and_the_rows_stay(machine, report, rows) -> None:
    headers, resource = machine()
    late = [{**facts()[0], "readAt": (datetime.now(UTC) + timedelta(days=1)).isoformat()}]
    told = report(headers, sequence=1, rows={"Heartbeat": [beat()]}, facts=late)
    assert told.status_code == 200
    assert "future" in told.json()["refused"][0]
    assert len(rows(f"Heartbeat | where _ResourceId == '{resource.lower()}'")) == 1


BASELINE = "/providers/microsoft.guestconfiguration/guestconfigurationassignments/"


def examined(**members: str) -> dict[str, str]:
    """A machine of one account whose configuration files are as told, as its agent packs it."""
    texts = {"etc/passwd": "root:x:0:0::/root:/bin/sh\n", "etc/shadow": "root:!:1:0:99:7:::\n", **members}
    entries = {path: {"kind": "file", "mode": 0o644, "text": text} for path, text in texts.items()}
    entries |= {"etc": {"kind": "folder", "mode": 0o755}}
    told = {"files": {"entries": entries, "listed": ["", "etc"]}, "facts": {"antimalware": []}}
    content = base64.b64encode(zlib.compress(json.dumps(told).encode())).decode()
    return {"readAt": datetime.now(UTC).isoformat(), "content": content}


def kept_below(instance, resource: str) -> dict[str, Any]:
    """The external facts of a machine by the last part of their IDs."""
    found = [one for one in instance.state.external_facts.all() if one.subject.startswith(resource.lower())]
    return {
        str(document["id"]).lower().removeprefix(resource.lower()): document["properties"]
        for one in found
        for document in one.documents
    }


def test_what_an_agent_reports_of_its_system_is_judged_for_its_machine_alone(
    machine, report, instance
) -> None:
    headers, resource = machine()
    _, other = machine()
    told = report(headers, system=examined())
    assert (told.status_code, told.json()["refused"]) == (200, []), told.text
    kept = kept_below(instance, resource)
    assert kept[f"{BASELINE}passwordpolicy_msid121"]["complianceStatus"] == "Compliant"
    assert kept[f"{BASELINE}passwordpolicy_msid232"]["complianceStatus"] == "Compliant"
    # what the agent did not report is Unknown, and makes no document
    assert f"{BASELINE}azurelinuxvmencryptioncompliance" not in kept
    assert any("/subassessments/" in one for one in kept)  # no endpoint protection is installed
    assert kept_below(instance, other) == {}
    told = report(headers, system=examined(**{"etc/shadow": "root::1:0:99:7:::\n"}))
    assert (told.status_code, told.json()["refused"]) == (200, []), told.text
    changed = kept_below(instance, resource)[f"{BASELINE}passwordpolicy_msid232"]
    assert changed["complianceStatus"] == "NonCompliant"


@pytest.mark.parametrize(
    ("content", "status"),
    [(b"no", 400), (zlib.compress(b"[]"), 400), (zlib.compress(b'{"files": {"entries": {}}, "facts": {}}'), 200)],
)  # fmt: skip
def test_a_system_that_is_none_is_refused(machine, report, instance, content, status) -> None:
    headers, resource = machine()
    told = report(
        headers,
        system={"readAt": datetime.now(UTC).isoformat(), "content": base64.b64encode(content).decode()},
    )
    assert told.status_code == status
    assert status == 400 or "cannot be read" in told.json()["refused"][0]
    assert kept_below(instance, resource) == {}


def test_health_is_what_the_agent_cannot_see(machine, report, ask) -> None:
    headers, _ = machine("health01")
    sensors = [
        {"name": "processes", "limits": ["polled"]}, {"name": "files", "running": False, "reason": "not permitted"},
        {"name": "audit", "lost": 3},
    ]  # fmt: skip
    told = report(headers, health={"version": "0.2.0", "sensors": sensors, "lost": {"full/Heartbeat": 4}})
    assert told.status_code == 200, told.text
    found = ask("GET", "/agents/health01")
    assert (found["status"], found["version"]) == ("Degraded", "0.2.0")
    assert found["blindSpots"] == [
        "files: not permitted", "processes: polled", "audit: 3 events lost", "full/Heartbeat: 4 rows lost",
    ]  # fmt: skip
    # rows alone do not change it
    report(headers, sequence=1, rows={"Heartbeat": [beat()]})
    assert ask("GET", "/agents/health01")["status"] == "Degraded"


def test_the_program_is_signed_by_the_server(code, enrol, server) -> None:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    told = enrol(code(), "update01").json()
    headers = {"Authorization": f"Bearer {told['key']}"}
    body = server.get(f"{ADMIN}/agents/program", headers=headers).json()
    content = base64.b64decode(body["content"])
    assert hashlib.sha256(content).hexdigest() == body["sha256"]
    public = Ed25519PublicKey.from_public_bytes(bytes.fromhex(told["updateKey"]))
    public.verify(bytes.fromhex(body["signature"]), content)


def test_what_is_decided_about_agents_is_audited(ask, enrol, instance) -> None:
    body = ask("POST", "/agentEnrolments/audited", 201, json={"scope": GROUP})
    headers = {"Authorization": f"Bearer {body['code']}"}
    assert enrol(headers, "audited01").status_code == 200
    ask("DELETE", "/agents/audited01", 204)
    ask("DELETE", "/agentEnrolments/audited", 204)
    entries = [
        (one.operation, one.target)
        for one in instance.state.audit.entries(most=20)
        if one.operation.startswith("Nephoscope/agents/") and "signingKey" not in one.operation
    ]
    machine = f"{MACHINES}/audited01"
    assert entries[:4] == [
        ("Nephoscope/agents/delete", "audited"), ("Nephoscope/agents/delete", machine),
        ("Nephoscope/agents/enrol/action", machine), ("Nephoscope/agents/write", "audited"),
    ]  # fmt: skip
    assert body["code"] not in str(instance.state.audit.entries(most=100))
    assert instance.state.audit.find_broken_entry() is None


def test_rows_go_to_no_workspace_that_the_author_may_not_write_to(server, caller) -> None:
    def create(number: int, *rights: tuple[str, str]) -> int:
        path = f"{ADMIN}/agentEnrolments/foreign-{number}"
        return int(server.post(path, headers=caller(*rights), json={"scope": GROUP}).status_code)

    owner = ("Owner", GROUP.lower())
    assert create(1, owner) == 403
    assert create(2, owner, ("Contributor", "/workspaces/default")) == 201
