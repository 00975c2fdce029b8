"""The real zipapp as a process: what a test does on the machine is what the server has, once, whatever happens in between.

Nothing but /proc and dpkg is needed: what needs more rights than the process has is told as a limit, and tested by itself.
"""

from __future__ import annotations

import subprocess
import sys
from collections import Counter

import pytest
from tests.agent.served import Host, Server
from tests.waiting import wait_until

pytestmark = pytest.mark.system
PROGRAM = "import sys; sys.stdin.read()"


class Children:
    """Processes that live until they were seen."""

    def __init__(self) -> None:
        self.running: list[subprocess.Popen[bytes]] = []

    def begin(self, mark: str, count: int) -> None:
        for number in range(count):
            command = [sys.executable, "-I", "-S", "-c", PROGRAM, f"{mark}-{number}"]
            self.running.append(subprocess.Popen(command, stdin=subprocess.PIPE))

    def end(self) -> None:
        for one in self.running:
            one.communicate()
        self.running = []


@pytest.fixture
def children():
    found = Children()
    yield found
    found.end()


def executions(server: Server, mark: str) -> Counter[str]:
    """How often the server has each execution of a mark, by its last argument."""
    return count_marks(server.rows("DeviceProcessEvents"), mark)


def count_marks(rows, mark: str) -> Counter[str]:
    last = [one["ProcessCommandLine"].split()[-1] for one in rows]
    return Counter(one for one in last if one.startswith(f"{mark}-"))


def once(mark: str, count: int) -> Counter[str]:
    return Counter({f"{mark}-{number}": 1 for number in range(count)})


def seen(host: Host, name: str) -> int:
    """How many rows a sensor has read."""
    return next((one["rows"] for one in host.status()["sensors"] if one["name"] == name), 0)


def test_executions_are_counted_once_over_kills_and_an_absent_server(server, host, children) -> None:
    host.enrol(server, sensors=["processes"])
    host.start()
    children.begin("first", 5)
    wait_until(lambda: executions(server, "first") == once("first", 5), lambda: executions(server, "first"))
    server.stop()
    children.begin("away", 7)
    wait_until(lambda: count_marks(host.buffered("DeviceProcessEvents"), "away") == once("away", 7), host.log)
    wait_until(lambda: host.status()["serverError"], host.log)
    host.kill()
    host.start()
    server.start()
    wait_until(lambda: executions(server, "away") == once("away", 7), lambda: executions(server, "away"))
    assert executions(server, "first") == once("first", 5)
    (row,) = [
        one for one in server.rows("DeviceProcessEvents") if one["ProcessCommandLine"].endswith("first-0")
    ]
    assert row["DeviceName"] == "web01"
    assert row["InitiatingProcessCommandLine"]
    assert row["FileName"].startswith("python")
    assert len(row["SHA256"]) == 64
    assert row["_ResourceId"].endswith("/microsoft.hybridcompute/machines/web01")
    host.stop()


@pytest.mark.full
def test_a_full_buffer_drops_the_oldest_and_tells_how_many(server, host, children) -> None:
    host.enrol(server, sensors=["processes"], buffer_bytes=2_000)
    host.start()
    server.stop()
    number = 0
    while not host.status()["lost"]:
        number += 1
        children.begin(f"full{number}", 3)
        wait_until(lambda number=number: seen(host, "processes") >= 3 * number, host.log)
    wait_until(lambda: host.status()["lost"].get("full/DeviceProcessEvents"), host.log)
    children.end()
    server.start()
    wait_until(lambda: not host.waiting and not host.status()["serverError"], host.log)

    def told() -> int:
        (agent,) = server.instance.state.agents.all()
        return agent.health.lost.get("full/DeviceProcessEvents", 0)

    wait_until(lambda: told() == host.status()["lost"]["full/DeviceProcessEvents"], told)
    host.stop()
    # every row that was read is with the server, still waits, or was told to be lost
    waiting, stored = len(host.buffered("DeviceProcessEvents")), len(server.rows("DeviceProcessEvents"))
    assert seen(host, "processes") == host.status()["lost"]["full/DeviceProcessEvents"] + stored + waiting


@pytest.mark.full
def test_a_package_is_a_change(server, host, tmp_path) -> None:
    root = tmp_path / "root"
    (root / "var/lib/dpkg").mkdir(parents=True)
    (root / "var/lib/dpkg/status").write_text("")
    for name in ("info", "updates"):
        (root / f"var/lib/dpkg/{name}").mkdir()
    host.enrol(server, sensors=["packages"], root=str(root))
    host.start()
    wait_until(
        lambda: (host.folder / "buffer/cursors.json").exists() or seen(host, "packages") == 0, host.log
    )
    install(tmp_path, root, "1.0")
    wait_until(lambda: changes(server) == [("Added", "probe", "1.0", "")], lambda: changes(server))
    host.kill()
    install(tmp_path, root, "1.1")
    host.start()
    wanted = [("Added", "probe", "1.0", ""), ("Modified", "probe", "1.1", "1.0")]
    wait_until(lambda: changes(server) == wanted, lambda: changes(server))
    host.stop()


def changes(server: Server) -> list[tuple[str, str, str, str]]:
    rows = sorted(server.rows("ConfigurationChange"), key=lambda one: one["TimeGenerated"])
    return [(one["ChangeCategory"], one["SoftwareName"], one["Current"], one["Previous"]) for one in rows]


def install(folder, root, version: str) -> None:
    """Build a package and install it below a root."""
    package = folder / f"probe-{version}"
    (package / "DEBIAN").mkdir(parents=True)
    (package / "DEBIAN/control").write_text(
        f"Package: probe\nVersion: {version}\nArchitecture: all\nMaintainer: Contoso <it@contoso.com>\nDescription: a probe\n"
    )
    subprocess.run(
        ["dpkg-deb", "--root-owner-group", "-b", package, folder / "probe.deb"],
        check=True,
        capture_output=True,
    )
    options = ["--force-not-root", "--force-script-chrootless", "--force-bad-path", f"--root={root}"]
    subprocess.run(["dpkg", *options, "-i", folder / "probe.deb"], check=True, capture_output=True)


@pytest.mark.full
def test_a_stopped_agent_stops_nobody(server, host) -> None:
    """1,000 programs end while the agent is stopped: an observer that waits for it would hang here."""
    import signal

    host.enrol(server, sensors=["processes"])
    host.start()
    host.process.send_signal(signal.SIGSTOP)
    for _ in range(1_000):
        assert subprocess.run(["/bin/true"], check=False).returncode == 0
    host.process.send_signal(signal.SIGCONT)
    host.stop()


def test_the_machine_is_judged_by_what_its_agent_reports(server, host) -> None:
    """The real zipapp reports the files of this machine, and the server keeps the verdicts as facts of the machine."""
    host.enrol(server, sensors=["system"])
    host.start()

    def judged() -> list[str]:
        facts = server.instance.state.external_facts.all()
        return [str(document["id"]).rpartition("/")[2] for one in facts for document in one.documents]

    wait_until(lambda: "AzureLinuxBaseline" in judged(), lambda: f"{judged()} {host.log()}")
    assert {"PasswordPolicy_msid121", "PasswordPolicy_msid232"} <= set(judged())
    assert {
        one.subject.split("/machines/")[1].split("/")[0] for one in server.instance.state.external_facts.all()
    } == {"web01"}
