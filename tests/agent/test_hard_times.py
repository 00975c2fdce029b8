"""The agent where little is permitted and disks are full, and a virtual machine that the metadata service names."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from tests.agent.served import GROUP
from tests.waiting import wait_until

from nephoscope_agent import azure_metadata

pytestmark = pytest.mark.system
PROGRAM = "import sys; sys.stdin.read()"
VIRTUAL = f"{GROUP}/providers/Microsoft.Compute/virtualMachines/vm7"
OUTSIDE = f"{GROUP}/providers/Microsoft.HybridCompute/machines/web7"


def test_without_rights_the_agent_runs_and_says_what_it_does_not_see(server, host, tmp_path) -> None:
    watched = tmp_path / "watched"
    watched.mkdir()
    host.enrol(server, sensors=["audit", "processes", "files", "heartbeat"], watched=[str(watched)])
    host.start(has_rights=False)
    sensors = {one["name"]: one for one in host.status()["sensors"]}
    assert not sensors["audit"]["running"]
    assert "not available" in sensors["audit"]["reason"]
    assert any("not seen" in one for one in sensors["processes"]["limits"])
    assert any("no actor" in one for one in sensors["files"]["limits"])
    (watched / "new").write_text("x")
    wait_until(lambda: server.rows("MDCFileIntegrityMonitoringEvents"), host.log)
    # made and written: one row or two, by when the agent looks
    for row in server.rows("MDCFileIntegrityMonitoringEvents"):
        assert row["ChangeType"] in ("Created", "Modified")
        assert (row["FilePath"], row["InitiatingProcessId"]) == (str(watched / "new"), None)
    agent = server.instance.state.agents.all()[0]
    assert any(one.name == "audit" and not one.running for one in agent.health.sensors)
    host.stop()


@pytest.mark.full
def test_a_full_disk_loses_no_row(server, host) -> None:
    """Files cannot grow for a while: rows wait in memory, the server is told, and all of them come afterwards."""
    host.enrol(server, sensors=["processes"])
    host.start()
    pid, unlimited = host.process.pid, resource.prlimit(host.process.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (0, unlimited[1]))
    running = [
        subprocess.Popen([sys.executable, "-I", "-S", "-c", PROGRAM, f"disk-{number}"], stdin=subprocess.PIPE)
        for number in range(6)
    ]
    try:

        def disk_error() -> str:
            return server.instance.state.agents.all()[0].health.disk_error

        wait_until(disk_error, lambda: server.instance.state.agents.all())
        resource.prlimit(pid, resource.RLIMIT_FSIZE, unlimited)

        def executed() -> list[str]:
            last = [one["ProcessCommandLine"].split()[-1] for one in server.rows("DeviceProcessEvents")]
            return sorted(one for one in last if one.startswith("disk-"))

        wanted = [f"disk-{number}" for number in range(6)]
        wait_until(lambda: executed() == wanted, lambda: (executed(), host.log()))
        wait_until(lambda: not disk_error(), disk_error)
    finally:
        for one in running:
            one.communicate()
    assert not host.status()["lost"]
    host.stop()


class Metadata(BaseHTTPRequestHandler):
    """Azure's instance metadata service, as far as it is asked; it answers nobody without its header."""

    def do_GET(self) -> None:
        found = self.headers.get("Metadata") == "true" and self.path.startswith("/metadata/instance/compute")
        told = {"resourceId": VIRTUAL, "name": "vm7", "securityProfile": {"encryptionAtHost": "true"}}
        body = json.dumps(told if found else {}).encode()
        self.send_response(200 if found else 400)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def metadata_address() -> Iterator[str]:
    with HTTPServer(("127.0.0.1", 0), Metadata) as service:
        thread = threading.Thread(target=service.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{service.server_port}"
        finally:
            service.shutdown()
            thread.join()


@pytest.mark.parametrize(
    ("machine", "answered", "expected"),
    [(VIRTUAL, True, True), (VIRTUAL, False, None), (OUTSIDE, True, False), (OUTSIDE, False, False)],
)
def test_whether_the_host_encrypts_is_known_outside_of_azure_and_where_the_service_says_so(
    monkeypatch, metadata_address, machine, answered, expected
) -> None:
    monkeypatch.setattr(azure_metadata, "METADATA", metadata_address if answered else "http://127.0.0.1:1")
    assert azure_metadata.read_host_encryption(machine) is expected


def test_a_virtual_machine_is_what_the_metadata_service_says(server, host) -> None:
    metadata = HTTPServer(("127.0.0.1", 0), Metadata)
    thread = threading.Thread(target=metadata.serve_forever, args=(0.02,))
    thread.start()
    try:
        environment = {"NEPHOSCOPE_AGENT_METADATA": f"http://127.0.0.1:{metadata.server_port}"}
        said = host.call(
            "enrol", server.address, "--computer", "vm7", code=server.code(), environment=environment
        )
    finally:
        metadata.shutdown()
        thread.join()
        metadata.server_close()
    assert VIRTUAL in said
    assert server.instance.state.agents.find(VIRTUAL).computer == "vm7"
    key = host.folder / "key"
    assert Path(key).stat().st_mode & 0o077 == 0
