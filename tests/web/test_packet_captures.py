"""The pages of packet captures: starting one by the form, stopping it, its packets for those who may read them, and the analysis."""

from __future__ import annotations

import csv
import io
from datetime import timedelta

import pytest
from tests.web.conftest import CAPTURE, HERE

from nephoscope.service.agents import create_enrolment
from nephoscope.service.local_user import LocalUser
from nephoscope.service.response_orders import READ_CONTENT
from nephoscope.service.service_context import ServiceContext
from nephoscope.state.hosts.agents import AgentHealth, EnrolledAgent
from nephoscope.state.hosts.response_orders import OrderStatus, ResponseKind, ResponseOrder

GROUP = "/subscriptions/7d1b6c4e-0000-0000-0000-000000000001/resourceGroups/dc3"
MACHINE = f"{GROUP}/providers/Microsoft.HybridCompute/machines/cap01"
LIST = "/network/captures"
ONE = f"{LIST}/{CAPTURE}"
FORM = {
    "act": "start", "machine": MACHINE, "reason": "Beacon", "protocol": "tcp", "seconds": "60", "packets": "50", "bytes": "2048",
    "learn": "3600",
}  # fmt: skip


@pytest.fixture(scope="module", autouse=True)
def agents(instance):
    """A machine whose agent captures, and one whose agent does not."""
    context = ServiceContext(LocalUser.current(), instance.state, instance.data)
    made, _ = create_enrolment(context, instance.guard, "dc3", GROUP, most=2, lasts=timedelta(days=1))
    with instance.state.transaction() as session:
        for name, responses in (("cap01", ("capture",)), ("mute01", ("collect",))):
            agent = EnrolledAgent(
                f"{GROUP}/providers/Microsoft.HybridCompute/machines/{name}", name, "2" * 32, made.principal, "dc3", "default",
                "global", "Debian 12", "x86_64", "1.0", instance.now, instance.now, AgentHealth("1.0", responses=responses),
            )  # fmt: skip
            instance.state.agents.put(session, agent)


def newest(instance) -> ResponseOrder:
    return instance.state.response_orders.list_orders(MACHINE.lower(), may_read=lambda _: True)[0]


def rows(client, query: str = "") -> dict[str, dict[str, str]]:
    text = client.get(f"{LIST}?format=csv{query}").text
    return {one["Id"]: one for one in csv.DictReader(io.StringIO(text))}


def test_a_capture_is_started_by_the_form_and_stopped(owner, instance):
    page = owner.get(LIST).text
    assert f'value="{MACHINE}">cap01<' in page
    assert "mute01" not in page
    started = owner.post(
        LIST, data={**FORM, "times": "3", "port": "443", "address": "192.0.2.7"}, headers=HERE
    )
    assert (started.status_code, "done=start" in started.headers["location"]) == (303, True)
    order = newest(instance)
    assert (order.kind, order.status, order.arguments["above"]) == (
        ResponseKind.CAPTURE,
        OrderStatus.APPROVED,
        "3x",
    )
    row = rows(owner)[order.id]
    assert (row["State"], row["Packets"], row["Begins"]) == (
        "In progress", "TCP port 443 192.0.2.7", "Above 3 × usual traffic",
    )  # fmt: skip
    assert row["Ends"] == "60 seconds, 50 packets or 2,048 bytes"
    path = f"{LIST}/{order.id}"
    assert "Stop capture" in owner.get(path).text
    refused = owner.post(path, data={"act": "stop", "reason": " "}, headers=HERE)
    assert (refused.status_code, "justification" in refused.text) == (400, True)
    assert owner.post(path, data={"act": "stop", "reason": "seen"}, headers=HERE).status_code == 303
    assert (newest(instance).kind, newest(instance).arguments) == (
        ResponseKind.STOP_CAPTURE,
        {"order": order.id},
    )


@pytest.mark.parametrize(
    ("sent", "reason"),
    [
        ({"reason": ""}, "Reason is required"), ({"port": "99999"}, "must be 0 to 65535"), ({"address": "web"}, "not an IP address"),
        ({"times": "2", "above": "9"}, "one threshold"), ({"machine": "nobody"}, "nobody"),
        ({"machine": MACHINE.replace("cap01", "mute01")}, "does not allow"),
    ],
)  # fmt: skip
def test_a_capture_that_cannot_be_meant_is_refused_with_what_was_typed(owner, instance, sent, reason):
    before = len(rows(owner))
    answer = owner.post(LIST, data={**FORM, **sent}, headers=HERE)
    assert answer.status_code in (400, 404)
    assert reason in answer.text
    assert len(rows(owner)) == before


def test_the_analysis_has_no_password_and_each_access_is_audited(owner, instance):
    def count() -> int:
        return len([one for one in instance.state.audit.entries(most=1_000) if one.operation == READ_CONTENT])

    before = count()
    page = owner.get(f"{ONE}/analysis").text
    assert "Clear-text credentials" in page
    assert "Threat intelligence matches" in page
    assert ">ada<" in page
    assert "shop.example" in page
    assert "/&lt;login&gt;" in page
    assert "secret" not in page
    assert "YWRhOnNlY3JldA" not in page
    found = list(
        csv.DictReader(io.StringIO(owner.get(f"{ONE}/analysis?format=csv&table=conversations").text))
    )
    assert [(one["Protocol"], one["Frames"]) for one in found] == [("tcp", "3")]
    told = owner.get(f"{ONE}/analysis?format=csv&table=credentials").text
    assert "ada,192.0.2.7:80" in told
    assert "secret" not in told
    assert count() == before + 3


def test_packets_are_downloaded_by_those_who_may_read_them(owner, visitor, instance):
    whole = owner.post(ONE, data={"act": "download"}, headers=HERE)
    assert whole.content == instance.state.response_orders.read_content(CAPTURE)
    assert whole.headers["content-disposition"] == 'attachment; filename="edge01-0d000000.pcap"'
    reader = visitor(("Reader", "/"))
    page = reader.get(ONE).text
    assert "Your roles do not include the packets" in page
    assert "Analyze packets" not in page
    assert reader.post(ONE, data={"act": "download"}, headers=HERE).status_code == 403
    assert reader.get(f"{ONE}/analysis").status_code == 403
    assert reader.post(LIST, data=FORM, headers=HERE).status_code == 403


def test_who_reaches_another_subscription_sees_no_capture(visitor, sandbox):
    other = visitor(("Reader", f"/subscriptions/{sandbox}"))
    assert other.get(ONE).status_code in (403, 404)
    assert CAPTURE not in rows(other)


def test_a_capture_that_is_none_is_not_found(owner, instance):
    order = newest(instance)
    assert order.kind is ResponseKind.STOP_CAPTURE
    assert owner.get(f"{LIST}/{order.id}").status_code == 404
    assert owner.get(f"{LIST}/none").status_code == 404
