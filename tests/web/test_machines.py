"""The pages of machines: the fleet with what is not known of it, and enrolment by a form."""

from __future__ import annotations

import csv
import io
import re
from datetime import UTC, datetime, timedelta

import pytest
from msgspec.json import encode
from tests.web.conftest import HERE, alert

from nephoscope.estate.estate import Estate
from nephoscope.estate.tenant_stores import open_tenant_store
from nephoscope.model.read_scope import EVERYTHING
from nephoscope.service.agents import create_enrolment
from nephoscope.service.local_user import LocalUser
from nephoscope.service.service_context import ServiceContext
from nephoscope.state.access.principals import SecretKind
from nephoscope.state.hosts.agents import AgentHealth, EnrolledAgent, SensorHealth
from nephoscope.state.workspaces.workspace import DEFAULT
from nephoscope.web.page_data.machine_alerts import MachineNames
from nephoscope.web.page_data.machine_facts import MACHINES
from nephoscope.web.page_data.machine_fleet import FleetMachine, ReportAges
from nephoscope_policy.model.coverage import Coverage

GROUP = "/subscriptions/7d1b6c4e-0000-0000-0000-000000000001/resourceGroups/dc1"
OUTSIDE = f"{GROUP}/providers/Microsoft.HybridCompute/machines/web01"
QUIET = f"{GROUP}/providers/Microsoft.HybridCompute/machines/web02"


@pytest.fixture(scope="module", autouse=True)
def agents(instance):
    """Two machines outside of Azure: one reports, with a sensor that does not run; one never did."""
    context = ServiceContext(LocalUser.current(), instance.state, instance.data)
    made, _ = create_enrolment(context, instance.guard, "dc1", GROUP, most=2, lasts=timedelta(days=1))
    blind = AgentHealth("1.0", (SensorHealth("audit", running=False, reason="needs CAP_AUDIT_READ"),))
    with instance.state.transaction() as session:
        for id_, seen, health in ((OUTSIDE, instance.now, blind), (QUIET, None, AgentHealth())):
            agent = EnrolledAgent(
                id_, id_.rpartition("/")[2], "0" * 32, made.principal, "dc1", "default", "global", "Debian 12", "x86_64", "1.0",
                instance.now, seen, health,
            )  # fmt: skip
            instance.state.agents.put(session, agent)


@pytest.fixture(scope="module", autouse=True)
def ages(instance):
    """An estate whose manifest tells when it was read: reports of the sample company bear no time of their own."""
    tenant = next(iter(instance.snapshots.load_newest().build_info.tenants.values()))
    estate = Estate.of([], Coverage({}, tenant=tenant, read_at={"": instance.now}), tenant=tenant)
    open_tenant_store(instance.data, estate).append(estate, instance.now)


def rows(client, query: str = "") -> dict[str, dict[str, str]]:
    text = client.get(f"/machines?format=csv{query}").text
    return {one["Machine"]: one for one in csv.DictReader(io.StringIO(text))}


def test_every_machine_of_the_estate_is_listed_and_without_an_agent_unknown(owner):
    listed = rows(owner)
    known = {one["Id"].lower() for one in listed.values()}
    machines = [
        one for one in csv.DictReader(io.StringIO(owner.get("/inventory?format=csv").text)) if one["Type"] in MACHINES
    ]  # fmt: skip
    assert machines
    assert {one["Id"].lower() for one in machines} <= known
    for one in machines:
        row = next(each for each in listed.values() if each["Id"].lower() == one["Id"].lower())
        assert (row["Agent"], row["Last heartbeat"], row["Pending updates"]) == ("Not enrolled", "", "")


@pytest.mark.parametrize(
    ("name", "status", "blind"),
    [
        ("web01", "Degraded", "audit: needs CAP_AUDIT_READ"),
        ("web02", "NeverReported", "The agent has not reported yet: nothing of this machine is known."),
    ],
)
def test_a_machine_outside_of_azure_stands_with_its_agent(owner, name, status, blind):
    found = rows(owner)[name]
    assert (found["Agent"], found["Agent version"], found["Not seen"]) == (status, "1.0", blind)


def test_the_filter_of_the_agent_status(owner):
    assert set(rows(owner, "&status=Degraded")) == {"web01"}
    assert "web01" not in rows(owner, "&status=Not+enrolled")


def test_the_preview_says_what_is_not_seen(owner):
    page = owner.get("/machines", params={"preview": OUTSIDE.lower()}).text
    assert "audit: needs CAP_AUDIT_READ" in page


def test_reports_of_azure_count_without_an_agent(owner, instance):
    kept = instance.snapshots.load_newest().listing.page(
        ("microsoft.guestconfiguration/guestconfigurationassignments",), EVERYTHING, most=1000, collected=True
    )
    states = {
        one["id"].lower().partition("/providers/microsoft.guestconfiguration")[0]: one["properties"]["complianceStatus"]
        for one in kept.bodies
        if one["name"] in ("AzureLinuxBaseline", "AzureWindowsBaseline")
    }  # fmt: skip
    words = {"Compliant": "Passed", "NonCompliant": "Failed"}
    assert states
    for one in rows(owner).values():
        assert one["Baseline"] == words.get(states.get(one["Id"].lower()), "Unknown")


@pytest.mark.parametrize(
    ("days", "read", "holds"),
    [
        (1, None, True),
        (400, None, False),
        (400, 1, False),
        (None, 1, True),
        (None, 400, False),
        (None, None, False),
    ],
)
def test_a_report_of_unknown_or_great_age_says_nothing(instance, tmp_path, days, read, holds):
    snapshot, now = instance.snapshots.load_newest(), instance.now
    subscription, tenant = next(iter(snapshot.build_info.tenants.items()))
    times = {} if read is None else {"": now - timedelta(days=read)}
    estate = Estate.of([], Coverage({}, tenant=tenant, read_at=times), tenant=tenant)
    open_tenant_store(tmp_path, estate).append(estate, now)
    dated = {} if days is None else {"lastComplianceStatusChecked": (now - timedelta(days=days)).isoformat()}
    machine = (
        f"/subscriptions/{subscription}/resourceGroups/rg/providers/Microsoft.Compute/virtualMachines/vm"
    )
    id_ = f"{machine}/providers/Microsoft.GuestConfiguration/guestConfigurationAssignments/AzureLinuxBaseline"
    report = {"id": id_, "properties": {"complianceStatus": "Compliant", **dated}}
    assert ReportAges(tmp_path, snapshot, now).is_current(report) is holds


def test_who_reaches_another_subscription_sees_no_machine_of_it(visitor, sandbox):
    assert "web01" not in rows(visitor(("Reader", f"/subscriptions/{sandbox}")))


def test_a_form_makes_a_code_that_is_shown_once_with_its_commands(owner, instance):
    form = {
        "name": "shop", "scope": GROUP, "workspace": "default", "location": "", "machines": "3", "hours": "2", "act": "create",
    }  # fmt: skip
    answer = owner.post("/machines/enrol", data=form, headers=HERE)
    assert answer.status_code == 200
    assert answer.headers["Cache-Control"] == "no-store"
    (made,) = (one for one in instance.state.agents.enrolments() if one.name == "shop")
    assert (made.most, made.scope) == (3, GROUP)
    code = re.search(r"<pre tabindex=\"0\">([^<]+)</pre>", answer.text)[1]
    assert instance.guard.authenticate_secret(code, (SecretKind.TOKEN,)).principal.id == made.principal
    assert "python3 nephoscope-agent.pyz enrol https://" in answer.text
    assert code not in owner.get("/machines/enrol").text
    assert "shop" in owner.get("/machines/enrol?format=csv&table=enrolments").text
    revoked = owner.post("/machines/enrol", data={"name": "shop", "act": "revoke"}, headers=HERE)
    assert "Code revoked" in owner.get(revoked.headers["Location"]).text
    assert "shop" not in {one.name for one in instance.state.agents.enrolments()}


@pytest.mark.parametrize(
    ("changed", "told"), [({"name": "Not A Name"}, "invalid name"), ({"scope": "/"}, "resource group"), ({"machines": "0"}, "1")]
)  # fmt: skip
def test_a_refused_form_keeps_what_was_typed(owner, instance, changed, told):
    form = {
        "name": "again", "scope": GROUP, "workspace": "default", "location": "", "machines": "1", "hours": "1", "act": "create",
        **changed,
    }  # fmt: skip
    answer = owner.post("/machines/enrol", data=form, headers=HERE)
    assert answer.status_code == 400
    assert told in answer.text
    assert form["name"] in answer.text
    assert "again" not in {one.name for one in instance.state.agents.enrolments()}


def test_a_reader_sees_the_fleet_and_enrols_nothing(visitor):
    reader = visitor(("Reader", "/"))
    assert "web01" in rows(reader)
    assert "Enrol machines" not in reader.get("/machines").text
    assert reader.get("/machines/enrol").status_code == 403


ELSEWHERE = OUTSIDE.replace("000000000001", "000000000002")
HOST = {"Type": "host", "HostName": "web01", "DnsDomain": "shop.example"}


def put_agent(instance, id_: str, computer: str, workspace: str) -> EnrolledAgent:
    return EnrolledAgent(
        id_, computer, "0" * 32, "p", "dc1", workspace, "global", "Debian 12", "x86_64", "1.0", instance.now
    )


@pytest.mark.parametrize(
    ("entities", "workspaces", "found"),
    [
        ([HOST], (DEFAULT, "shop"), {OUTSIDE}),
        ([HOST], ("shop", DEFAULT), {ELSEWHERE}),
        ([HOST], (DEFAULT, DEFAULT), {OUTSIDE, ELSEWHERE}),
        ([HOST], ("shop", "shop"), {OUTSIDE, ELSEWHERE}),
        ([HOST], (DEFAULT, ""), {OUTSIDE, ELSEWHERE}),  # one without an agent may be it
        ([HOST, {"Type": "azure-resource", "ResourceId": ELSEWHERE}], (DEFAULT, DEFAULT), {ELSEWHERE}),
        (
            [{"Type": "azure-resource", "ResourceId": f"{OUTSIDE}/extensions/ama"}],
            (DEFAULT, DEFAULT),
            {OUTSIDE},
        ),
        ([HOST, {"Type": "azure-resource", "ResourceId": QUIET}], (DEFAULT, "shop"), {QUIET, OUTSIDE}),
        ([{"Type": "host", "HostName": "other"}], (DEFAULT, DEFAULT), set()),
    ],
)
def test_an_alert_that_names_a_host_counts_for_each_machine_it_may_mean(
    instance, entities, workspaces, found
):
    pairs = zip((OUTSIDE, ELSEWHERE), workspaces, strict=True)
    agents = {id_.lower(): put_agent(instance, id_, "web01.shop.example", one) for id_, one in pairs if one}
    names = MachineNames(
        {OUTSIDE.lower(): "web01", ELSEWHERE.lower(): "WEB01", QUIET.lower(): "web02"}, agents
    )
    raised = alert("0b000000-0000-0000-0000-000000000001", None)
    raised.document["Entities"] = encode(entities).decode()
    assert names.find_machines(raised) == {one.lower() for one in found}


def test_the_open_alerts_of_a_machine_are_the_same_in_every_scope(owner, instance):
    name, machine = next((name, one) for name, one in rows(owner).items() if one["Agent"] == "Not enrolled")
    raised = alert("0b000000-0000-0000-0000-000000000002", None)
    raised.document["Entities"] = encode([{"Type": "host", "HostName": name}]).decode()
    before = int(machine["Open alerts"])
    with instance.state.transaction(product="test") as session:
        instance.state.alerts.put(session, raised)
    scope = machine["Id"].split("/")[2].lower()
    counts = [rows(owner, query)[name]["Open alerts"] for query in ("", f"&scope={scope}")]
    assert counts == [str(before + 1)] * 2


@pytest.mark.parametrize(
    ("status", "told"),
    [
        ("Connected", ()),
        ("NeverReported", ("The agent has not reported yet: nothing of this machine is known.",)),
        ("Disconnected", ("The agent does not report: what happened since its last heartbeat is unknown.",)),
    ],
)
def test_a_silent_agent_is_not_called_complete(status: str, told: tuple[str, ...]) -> None:
    now = datetime.now(UTC)
    agent = EnrolledAgent(
        OUTSIDE, "app01", "1" * 32, "p", "dc2", "default", "global", "Debian 12", "x86_64", "1.0", now, now,
        AgentHealth("1.0", (SensorHealth("files", rows=7, running=True),)),
    )  # fmt: skip
    machine = FleetMachine(OUTSIDE, "app01", "microsoft.hybridcompute/machines", "s", status, agent)
    assert machine.blind_spots == told
