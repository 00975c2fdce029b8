"""Packet captures by Network Watcher's API: ordered from the agent of a machine, read back, stopped, refused."""

from __future__ import annotations

from datetime import timedelta

import msgspec
import pytest

from nephoscope.service.agents import create_enrolment
from nephoscope.service.local_user import LocalUser
from nephoscope.service.service_context import ServiceContext
from nephoscope.state.hosts.agents import AgentHealth, EnrolledAgent
from nephoscope.state.hosts.response_orders import OrderStatus, ResponseKind

VERSION = "api-version=2024-05-01"


@pytest.fixture(scope="module")
def target(instance, machine):
    """A machine of the sample with an agent that allows captures."""
    context = ServiceContext(LocalUser.current(), instance.state, instance.data)
    group = machine[0].split("/providers/")[0]
    made, _ = create_enrolment(context, instance.guard, "dc1", group, most=1, lasts=timedelta(days=1))
    health = AgentHealth("1.0", responses=("capture",))
    agent = EnrolledAgent(
        machine[0].lower(), "web01", "0" * 32, made.principal, "dc1", "default", "global", "Debian 12", "x86_64", "1.0", instance.now,
        instance.now, health,
    )  # fmt: skip
    with instance.state.transaction() as session:
        instance.state.agents.put(session, agent)
    return machine[0]


@pytest.fixture
def send(server, owner, target):
    watcher = f"{target.split('/providers/')[0]}/providers/Microsoft.Network/networkWatchers/w/packetCaptures"

    def sent(method, place="", headers=owner, **properties):
        body = {"json": {"properties": {"target": target, **properties}}} if method == "PUT" else {}
        return server.request(method, f"{watcher}{place}?{VERSION}", headers=headers, **body)

    return sent


def test_a_capture_is_ordered_read_and_stopped(send, instance, target):
    asked = [{"protocol": "TCP", "remoteIPAddress": "10.1.0.4", "remotePort": "443"}]
    made = send("PUT", "/cap1", timeLimitInSeconds=30, totalBytesPerSession=2048, filters=asked)
    assert made.status_code == 201, made.text
    (order,) = [
        one for one in instance.state.response_orders.list_orders("") if one.arguments.get("name") == "cap1"
    ]
    assert (order.kind, order.status, order.machine) == (
        ResponseKind.CAPTURE,
        OrderStatus.APPROVED,
        target.lower(),
    )
    wanted = {"seconds": "30", "bytes": "2048", "protocol": "tcp", "address": "10.1.0.4", "port": "443"}
    assert wanted.items() <= order.arguments.items()
    assert send("GET", "/cap1").json() == made.json()
    assert [one["name"] for one in send("GET").json()["value"]] == ["cap1"]
    assert send("POST", "/cap1/queryStatus").json()["packetCaptureStatus"] == "Running"
    assert send("PUT", "/cap1").json()["error"]["code"] == "PacketCaptureAlreadyExists"
    assert send("POST", "/cap1/stop").status_code == 202
    stops = [
        one for one in instance.state.response_orders.list_orders("") if one.kind is ResponseKind.STOP_CAPTURE
    ]
    assert [one.arguments for one in stops] == [{"order": order.id}]
    done = msgspec.structs.replace(
        order,
        status=OrderStatus.SUCCEEDED,
        finished=instance.now,
        message="9 packets in 30.0 s: the limit of 30 seconds",
    )
    with instance.state.transaction() as session:
        instance.state.response_orders.put(session, done, b"")
    status = send("POST", "/cap1/queryStatus").json()
    assert (status["packetCaptureStatus"], status["stopReason"]) == ("Stopped", "TimeExceeded")


@pytest.mark.parametrize(
    ("change", "code", "reason"),
    [
        ({"target": "/subscriptions/x"}, 409, "NoAgent"),
        ({"target": None}, 400, "InvalidRequestContent"),
        ({"filters": [{}, {}]}, 400, "InvalidRequestContent"),
        ({"filters": [{"protocol": "GRE"}]}, 400, "InvalidRequestContent"),
        ({"filters": [{"remotePort": "1-9"}]}, 400, "InvalidRequestContent"),
        ({"filters": [{"remoteIPAddress": "web"}]}, 409, "PacketCaptureNotPossible"),
        ({"totalBytesPerSession": 5}, 409, "PacketCaptureNotPossible"),
    ],
)
def test_what_an_agent_cannot_do_is_refused(send, change, code, reason):
    answer = send("PUT", "/cap2", **change)
    assert (answer.status_code, answer.json()["error"]["code"]) == (code, reason), answer.text


def test_who_may_not_respond_starts_no_capture(send, token):
    reader = {"Authorization": f"Bearer {token(('Reader', '/'))}"}
    assert send("PUT", "/cap3", headers=reader).status_code == 403
    assert send("GET", "/cap3").status_code == 404
