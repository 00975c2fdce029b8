"""The page of one machine: what its agent sees, its access, and orders that one user gives and another approves."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from tests.web.conftest import HERE, NOON, alert

from nephoscope.lake.schema.row_conversion import to_arrow_rows
from nephoscope.protect.capture.capture_request import CaptureRequest
from nephoscope.service.agents import create_enrolment
from nephoscope.service.local_user import LocalUser
from nephoscope.service.service_context import ServiceContext
from nephoscope.state.automation.automation_runs import AutomationRun, RunStatus, RunStep
from nephoscope.state.hosts.agents import AgentHealth, EnrolledAgent, SensorHealth
from nephoscope.state.hosts.response_orders import OrderStatus, ResponseKind, ResponseOrder
from nephoscope.state.incidents.incidents import Incident

GROUP = "/subscriptions/7d1b6c4e-0000-0000-0000-000000000001/resourceGroups/dc2"
MACHINE = f"{GROUP}/providers/Microsoft.HybridCompute/machines/app01"
PAGE = f"/machine{MACHINE.lower()}"
DIGEST = "ab" * 32


@pytest.fixture(scope="module", autouse=True)
def _agent(instance):
    """A machine outside of Azure whose agent allows orders, and has a sensor that does not run."""
    blind = AgentHealth(
        "1.0", (SensorHealth("audit", running=False, reason="needs CAP_AUDIT_READ"), SensorHealth("files", rows=7)),
        responses=("isolate", "kill", "block", "collect", "scan"),
    )  # fmt: skip
    context = ServiceContext(LocalUser.current(), instance.state, instance.data)
    made, _ = create_enrolment(context, instance.guard, "dc2", GROUP, most=1, lasts=timedelta(days=1))
    with instance.state.transaction() as session:
        agent = EnrolledAgent(
            MACHINE, "app01", "1" * 32, made.principal, "dc2", "default", "global", "Debian 12", "x86_64", "1.0", instance.now,
            instance.now, blind,
        )  # fmt: skip
        instance.state.agents.put(session, agent)


@pytest.fixture(scope="module")
def second(visitor):
    return visitor(("Owner", "/"))


def post(client, **form):
    return client.post(PAGE, data=form, headers=HERE, follow_redirects=False)


def newest(instance) -> ResponseOrder:
    return instance.state.response_orders.list_orders(MACHINE.lower(), may_read=lambda _: True)[0]


def test_the_page_says_what_the_agent_does_not_see(owner):
    page = owner.get(PAGE).text
    assert "audit: needs CAP_AUDIT_READ" in page
    assert re.search(r"files</td><td><span class=\"state state--pass\">Running", page)
    assert "No policy guards ports" in page
    assert f'href="{PAGE}' in owner.get("/machines?format=").text


def test_an_order_is_given_by_one_user_and_approved_by_another(owner, second, instance):
    answer = post(owner, act="order", kind="block", sha256=DIGEST, days="3", reason="Miner", incident="")
    assert answer.status_code == 303
    order = newest(instance)
    assert (order.kind, order.status, order.arguments) == (
        ResponseKind.BLOCK, OrderStatus.PENDING, {"sha256": DIGEST, "days": "3"},
    )  # fmt: skip
    own = owner.get(answer.headers["location"]).text
    assert "Another user must approve it." in own
    assert 'value="approve"' not in own
    refused = post(owner, act="approve", id=order.id)
    assert refused.status_code == 400
    assert "you cannot decide your own request" in refused.text
    assert newest(instance).status is OrderStatus.PENDING
    assert 'value="approve"' in second.get(PAGE).text
    assert post(second, act="approve", id=order.id).status_code == 303
    assert (newest(instance).status, newest(instance).decided_by) != (OrderStatus.PENDING, "")


def test_what_an_order_brought_is_downloaded_with_an_audited_access(owner, instance):
    order = ResponseOrder(
        id="0c000000-0000-0000-0000-000000000001", machine=MACHINE.lower(), kind=ResponseKind.COLLECT, arguments={"path": "/tmp/x"},
        justification="Analysis", requester="x", created=instance.now, expires=instance.now + timedelta(hours=1),
        status=OrderStatus.SUCCEEDED, finished=instance.now,
    )  # fmt: skip
    with instance.state.transaction() as session:
        instance.state.response_orders.put(session, order, b"\0malware")
    before = len(instance.state.audit.entries(most=1_000))
    answer = post(owner, act="download", id=order.id)
    assert answer.content == b"\0malware"
    assert answer.headers["content-disposition"].startswith("attachment;")
    assert len(instance.state.audit.entries(most=1_000)) == before + 1


@pytest.mark.parametrize(
    ("form", "reason"),
    [
        ({"kind": "kill", "pid": "1", "path": "/x", "reason": "r"}, "number above 1"),
        ({"kind": "script", "script": "id", "reason": "r"}, "does not allow &#39;script&#39;"),
        ({"kind": "isolate", "reason": ""}, "justification"),
        ({"kind": "format", "reason": "r"}, "unknown order"),
        ({"kind": "isolate", "reason": "r", "incident": "x"}, "must be a number"),
    ],
)
def test_an_order_that_cannot_be_meant_is_refused_with_what_was_typed(owner, form, reason):
    answer = post(owner, act="order", **form)
    assert answer.status_code == 400
    assert reason in answer.text


def test_files_are_scanned_with_limits_that_the_form_names(owner, instance):
    form = owner.get(f"{PAGE}?order=scan").text
    assert [one in form for one in ('name="changedDays" value="7"', 'name="megabytes" value="256"')] == [
        True,
        True,
    ]
    assert "Another user must approve" not in form.partition('id="response"')[2].partition("</form>")[0]
    asked = {"path": "/srv", "changedDays": "30", "megabytes": "64"}
    assert post(owner, act="order", kind="scan", reason="Triage", incident="", **asked).status_code == 303
    order = newest(instance)
    assert (order.arguments, order.status) == (asked, OrderStatus.APPROVED)
    never, at = (
        r"Last malware scan</p><p class=\"stat-strip__text\">Never<",
        r"Last malware scan</p><p[^>]*>(<time[^>]*>)?[^<]+(</time>)?</p>"
        r"<p class=\"stat-strip__cause\">/srv: 9 files; not scanned: 2 that cannot be read<",
    )
    assert re.search(never, owner.get(PAGE).text)  # it did not end
    with instance.state.transaction() as session:
        done = msgspec.structs.replace(
            order,
            status=OrderStatus.SUCCEEDED,
            finished=instance.now,
            message="9 files; not scanned: 2 that cannot be read",
        )
        instance.state.response_orders.put(session, done)
    assert re.search(at, owner.get(PAGE).text)


def test_who_may_read_gives_no_order(visitor, instance):
    reader = visitor(("Reader", "/"))
    page = reader.get(PAGE).text
    assert "Your roles do not include orders" in page
    before = newest(instance).id
    assert post(reader, act="order", kind="isolate", reason="r").status_code == 403
    assert newest(instance).id == before


def test_who_reaches_another_subscription_does_not_see_the_machine(visitor, sandbox):
    assert visitor(("Reader", f"/subscriptions/{sandbox}")).get(PAGE).status_code == 404


def test_a_process_of_the_tree_leads_to_a_filled_form(owner):
    page = owner.get(PAGE, params={"order": "kill", "pid": "4711", "path": "/tmp/miner"}).text
    assert 'name="pid" value="4711"' in page
    assert 'name="path" value="/tmp/miner"' in page


def test_changes_of_files_are_listed_with_their_actor(owner, instance):
    changed = {
        "TimeGenerated": datetime.now(UTC) - timedelta(minutes=5), "Computer": "app01", "_ResourceId": MACHINE.lower(),
        "ChangeType": "Modified", "FilePath": "/etc/shadow-x", "InitiatingProcessImageFilePath": "/usr/bin/vipw",
        "InitiatingProcessAccountName": "mallory",
    }  # fmt: skip
    lake, table = instance.lake, "MDCFileIntegrityMonitoringEvents"
    made = to_arrow_rows(lake.tables[table], [changed], workspace=lake.workspace("default"), now=instance.now)
    lake.writer().append("default", {table: made.table}, producer="changes", sequence=0)
    lake.flush()
    page = owner.get(PAGE).text
    assert re.search(r"/etc/shadow-x</td><td[^>]*>/usr/bin/vipw</td><td[^>]*>mallory", page)


def test_an_incident_leads_to_orders_on_its_machines_and_lists_them(owner, second, instance):
    with instance.state.transaction() as session:
        number = instance.state.incidents.put(
            session, Incident("default", "Miner", "", "High", NOON, NOON, NOON, NOON)
        ).number
        one = alert("0d000000-0000-0000-0000-000000000001", number, "Miner started")
        one.document["Entities"] = json.dumps([{"$id": "1", "Type": "host", "HostName": "app01"}])
        instance.state.alerts.put(session, one)
    page = owner.get(f"/incidents/{number}").text
    assert re.search(rf'href="{PAGE}\?[^"]*order=isolate[^"]*incident={number}[^"]*#response"', page)
    post(owner, act="order", kind="isolate", reason="Miner", incident=str(number))
    listed = second.get(f"/incidents/{number}").text
    assert f'action="{PAGE}' in listed
    assert 'value="approve"' in listed


def capture_order(instance, status: OrderStatus, number: int | None = None) -> ResponseOrder:
    return ResponseOrder(
        id=f"0c000000-0000-0000-0000-0000000001{'01' if status is OrderStatus.APPROVED else '02'}", machine=MACHINE.lower(),
        kind=ResponseKind.CAPTURE, arguments=CaptureRequest(name="run1").arguments(), justification="alert.created a1",
        requester="response rule watch", created=instance.now, expires=instance.now + timedelta(hours=1), status=status,
        incident=number, decided=instance.now, decided_by="kim",
    )  # fmt: skip


def test_captures_of_a_rule_are_on_the_alert_stopped_and_downloaded(owner, instance):
    one = alert("0d000000-0000-0000-0000-000000000002", None, "Beacon")
    run = AutomationRun(
        "run1", "default", "watch", "capture", {}, "alert.created", one.id, {}, RunStatus.DONE, instance.now, instance.now,
        instance.now, step=RunStep.APPLY, detail="approved by kim; ordered captures on app01", by="kim",
    )  # fmt: skip
    agent = instance.state.agents.require("app01")
    health = msgspec.structs.replace(agent.health, responses=(*agent.health.responses, "capture"))
    running, done = (
        capture_order(instance, status) for status in (OrderStatus.APPROVED, OrderStatus.SUCCEEDED)
    )
    with instance.state.transaction() as session:
        instance.state.agents.put(session, replace(agent, health=health))
        instance.state.alerts.put(session, one)
        instance.state.automation_runs.put(session, run)
        instance.state.response_orders.put(session, running)
        instance.state.response_orders.put(session, done, b"packets")
    page = owner.get(f"/alerts/{one.id}").text
    assert "ordered captures on app01" in page
    assert page.count("Capture packets") == 2
    assert f'name="order" value="{running.id}"' in page
    assert f'name="order" value="{done.id}"' not in page
    assert post(owner, act="order", kind="stop-capture", order=running.id, reason="Seen").status_code == 303
    stop = newest(instance)
    assert (stop.kind, stop.arguments, stop.status) == (
        ResponseKind.STOP_CAPTURE, {"order": running.id}, OrderStatus.APPROVED,
    )  # fmt: skip
    answer = post(owner, act="download", id=done.id)
    assert answer.content == b"packets"
    assert answer.headers["content-disposition"] == 'attachment; filename="app01-0c000000.pcap"'
