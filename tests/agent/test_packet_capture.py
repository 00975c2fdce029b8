"""Packet capture with the real agent in a network namespace: limits, ring, filter, threshold, and the analysis of the file."""

from __future__ import annotations

import io
import socket
import struct
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator

import pytest
from tests.agent.isolated_machine import IsolatedMachine, isolated_machine
from tests.agent.served import make_host, serving_at
from tests.agent.test_response import APPROVER, RESPONDER, Scene
from tests.waiting import wait_until

from nephoscope.access.authenticator import DeniedError
from nephoscope.protect.capture.analysis import analyze_capture
from nephoscope.protect.capture.capture_request import CaptureRequest
from nephoscope.service.packet_captures import find_capture, start_capture, stop_capture
from nephoscope.service.response_orders import READ_CONTENT, read_content
from nephoscope.state.hosts.response_orders import OrderStatus, ResponseOrder, ResponseOrderError
from nephoscope_agent.packet_capture import CaptureLimits, PacketCaptureError, PacketFilter

pytestmark = pytest.mark.system
#: Connections to the neighbor, each of some ten segments, `rate` of them a second until standard input ends.
TALKING = textwrap.dedent(
    """
    import select, socket, sys, time
    pause = 1 / float(sys.argv[1])
    print("talking", flush=True)
    while not select.select([sys.stdin], [], [], pause)[0]:
        with socket.create_connection(("10.9.0.2", int(sys.argv[2])), timeout=5) as one:
            one.sendall(b"GET /usual HTTP/1.1\\r\\nHost: neighbor.example\\r\\n\\r\\n")
    """
)


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    folder = tmp_path_factory.mktemp("capture")
    with isolated_machine(folder) as machine, serving_at(folder / "data", machine.listener) as server:
        host = make_host(folder / "machine")
        host.prefix = machine.prefix
        host.enrol(server, sensors=["heartbeat"], responses=["capture"])
        host.start()
        agents = server.instance.state.agents
        wait_until(lambda: bool(agents.all()[0].health.responses), host.log)
        yield Scene(server, host, machine)
        assert host.process is not None
        host.process.kill()
        host.process.wait()


def start(scene: Scene, **asked: object) -> ResponseOrder:
    request = CaptureRequest(interface="machine", **asked)  # type: ignore[arg-type]
    return start_capture(scene.acts(APPROVER), "web01", request, "INC-7: traffic")


class Traffic:
    """A process on the machine that connects to its neighbor at a rate."""

    def __init__(self, machine: IsolatedMachine, rate: float, port: int = 8443) -> None:
        command = [*machine.prefix, sys.executable, "-I", "-c", TALKING, str(rate), str(port)]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        assert self.process.stdout.readline() == "talking\n"

    def __enter__(self) -> Traffic:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.communicate()


def frames(content: bytes) -> list[tuple[float, bytes]]:
    """The packets of a pcap file, read as the format says."""
    magic, _, _, _, _, _, link = struct.unpack_from("<IHHiIII", content)
    assert (magic, link) == (0xA1B23C4D, 113)
    found, at = [], 24
    while at < len(content):
        seconds, nanoseconds, size, _ = struct.unpack_from("<IIII", content, at)
        found.append((seconds + nanoseconds / 1e9, content[at + 16 : at + 16 + size]))
        at += 16 + size
    return found


def test_more_segments_than_usual_start_a_capture_that_stops_at_its_limit(scene: Scene) -> None:
    """Usual traffic of some 50 segments a second starts nothing; at twenty times that it begins."""
    order = start(scene, above=1000, packets=200, protocol="tcp", port=8443)
    with Traffic(scene.machine, 5):
        time.sleep(2.5)
        assert scene.server.instance.state.response_orders.get(order.id).finished is None
    begun = time.time()
    with Traffic(scene.machine, 400):
        done = scene.wait(order)
    assert done.status is OrderStatus.SUCCEEDED, done.message
    assert "200 packets" in done.message
    assert done.message.endswith("the limit of 200 packets")
    content = scene.content(order)
    packets = frames(content)
    assert len(packets) == 200
    assert begun <= packets[0][0]
    summary = analyze_capture(io.BytesIO(content))
    assert (summary.frames, summary.protocol_frames["tcp"], summary.defect) == (200, 200, "")
    assert summary.bytes == sum(len(data) for _, data in packets)
    assert sum(one.frames for one in summary.list_conversations()) == 200
    assert set(summary.names["http_hosts"]) == {"neighbor.example"}


@pytest.mark.full
def test_a_capture_is_stopped_and_keeps_what_it_took(scene: Scene) -> None:
    order = start(scene, seconds=600, protocol="tcp")
    with Traffic(scene.machine, 50):
        time.sleep(1.5)
        stop_capture(scene.acts(APPROVER), find_capture(scene.acts(APPROVER), order.id), "seen enough")
        done = scene.wait(order)
    assert done.message.endswith("s: stopped")
    assert len(frames(scene.content(order))) > 10


@pytest.mark.full
def test_a_ring_keeps_the_newest_packets(scene: Scene) -> None:
    order = start(scene, seconds=3, packets=30, ring=True, protocol="tcp")
    with Traffic(scene.machine, 100):
        done = scene.wait(order)
        ended = time.time()
    packets = frames(scene.content(order))
    assert done.message.startswith("30 packets")
    assert done.message.endswith("the limit of 3 seconds")
    assert len(packets) == 30
    assert packets[0][0] > ended - 3


def test_reading_the_packets_needs_a_right_of_its_own_and_is_audited(scene: Scene) -> None:
    order = scene.wait(start(scene, seconds=1))
    with pytest.raises(DeniedError):
        read_content(scene.acts(RESPONDER), order.id)
    assert frames(read_content(scene.acts(APPROVER), order.id)) is not None
    entries = scene.server.instance.state.audit.entries(most=1_000)
    assert [
        one.author for one in entries if one.detail.get("order") == order.id and one.operation == READ_CONTENT
    ] == ["approver"]


def test_an_interface_that_is_none_is_told(scene: Scene) -> None:
    request = CaptureRequest(interface="wlan7")
    order = scene.wait(start_capture(scene.acts(APPROVER), "web01", request, "why"))
    assert order.status is OrderStatus.FAILED
    assert "No such device" in order.message


@pytest.mark.parametrize(
    ("asked", "reason"),
    [
        ({"seconds": 0}, "1 to 3,600 seconds"), ({"bytes": 5 << 20}, "1,024 to 4,194,304 bytes"),
        ({"address": "web"}, "not an IP address"), ({"port": 70_000}, "from 0 to 65535"), ({"above": -1.0}, "not below 0"),
    ],
)  # fmt: skip
def test_a_capture_that_cannot_be_meant_is_refused(asked: dict[str, object], reason: str) -> None:
    with pytest.raises(ResponseOrderError, match=reason):
        CaptureRequest(**asked).arguments()  # type: ignore[arg-type]


def ip4(source: str, target: str, protocol: int, payload: bytes, fragment: int = 0) -> bytes:
    ends = socket.inet_aton(source) + socket.inet_aton(target)
    return struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(payload), 1, fragment, 64, protocol, 0) + ends + payload


def ip6(source: str, target: str, protocol: int, payload: bytes) -> bytes:
    ends = socket.inet_pton(socket.AF_INET6, source) + socket.inet_pton(socket.AF_INET6, target)
    return struct.pack("!IHBB", 6 << 28, len(payload), protocol, 64) + ends + payload


PORTS = struct.pack("!HH", 50_000, 443) + bytes(16)


@pytest.mark.parametrize(
    ("asked", "kind", "packet", "expected"),
    [
        ({}, 0x0806, b"arp", True),
        ({"protocol": "tcp"}, 0x0806, b"arp", False),
        ({"protocol": "tcp"}, 0x0800, ip4("10.0.0.1", "10.0.0.2", 6, PORTS), True),
        ({"protocol": "udp"}, 0x0800, ip4("10.0.0.1", "10.0.0.2", 6, PORTS), False),
        ({"port": "443"}, 0x0800, ip4("10.0.0.1", "10.0.0.2", 6, PORTS), True),
        ({"port": "444"}, 0x0800, ip4("10.0.0.1", "10.0.0.2", 6, PORTS), False),
        ({"port": "443"}, 0x0800, ip4("10.0.0.1", "10.0.0.2", 6, PORTS, fragment=9), False),
        ({"address": "10.0.0.2"}, 0x0800, ip4("10.0.0.1", "10.0.0.2", 1, b"ping"), True),
        ({"address": "10.0.0.3"}, 0x0800, ip4("10.0.0.1", "10.0.0.2", 1, b"ping"), False),
        ({"address": "2001:db8::2", "port": "443"}, 0x86DD, ip6("2001:db8::1", "2001:db8::2", 17, PORTS), True),
        ({"protocol": "icmpv6"}, 0x86DD, ip6("2001:db8::1", "2001:db8::2", 58, b"ping"), True),
        ({"protocol": "tcp"}, 0x0800, b"\x45", False),
    ],
)  # fmt: skip
def test_the_filter_keeps_what_it_names(
    asked: dict[str, str], kind: int, packet: bytes, expected: bool
) -> None:
    whole = {"protocol": "any", "address": "any", "port": "any"} | asked
    assert PacketFilter.parse(whole).passes(kind, packet) is expected


def test_the_agent_checks_the_limits_too() -> None:
    with pytest.raises(PacketCaptureError, match="at least 1 packet"):
        CaptureLimits.parse({"seconds": "1", "packets": "0", "bytes": "2048", "ring": "no", "above": "0"})
