"""What sensors of the real zipapp see of what a test does: a login, a user, a file that another user writes, a socket, an execution.

Nothing is left out on a machine that permits less: then the agent must say so, and the rows must be as it says.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest
from tests.agent.served import Host, Server
from tests.waiting import wait_until

from nephoscope_agent.netlink import AUDIT, NetlinkSocket
from nephoscope_agent.sensors.logins import utmp_struct

pytestmark = pytest.mark.system
#: Another user than that of the test, where the test may become one.
OTHER = 1234
#: AUDIT_LIST_RULES
LIST_RULES = 1013
WRITES = """
import os, sys
if {uid}: os.setgid({uid}); os.setuid({uid})
open({path!r}, "a").write("more")
os.chmod({path!r}, 0o606) if not {uid} else None
sys.stdin.read()
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A root of a machine with two users and nothing else."""
    found = tmp_path / "root"
    for name in ("etc/cron.d", "var/log", "watched"):
        (found / name).mkdir(parents=True)
    (found / "etc/passwd").write_text("root:x:0:0::/root:/bin/sh\nada:x:1234:1234::/home/ada:/bin/sh\n")
    (found / "etc/shadow").write_text("root:*:1::::::\nada:!:1::::::\n")
    (found / "etc/group").write_text("root:x:0:\nsudo:x:27:\nada:x:1234:\n")
    (found / "var/log/wtmp").write_bytes(b"")
    (found / "var/log/btmp").write_bytes(b"")
    (found / "var/log/auth.log").write_text("")
    (found / "watched/page.html").write_text("hello")
    (found / "watched/page.html").chmod(0o666)
    (found / "watched").chmod(0o777)
    return found


def login(user: str, host: str, address: str) -> bytes:
    packed = socket.inet_aton(address) + bytes(12)
    return utmp_struct().pack(
        7, 4711, b"pts/7", b"ts/7", user.encode(), host.encode(), 0, 0, 0, int(time.time()), 0, packed
    )


def wait_for_rows(server: Server, host: Host, table: str, wanted: int, **values: object) -> list[dict]:
    """Wait until so many rows have some values, and return them."""

    def found() -> list[dict]:
        return [row for row in server.rows(table) if values.items() <= row.items()]

    wait_until(lambda: len(found()) >= wanted, lambda: (server.rows(table)[-3:], host.log()))
    return found()


def test_logins_accounts_schedules_and_files(server, host, root) -> None:
    host.enrol(
        server, sensors=["logins", "accounts", "schedules", "files"], root=str(root), watched=["/watched"]
    )
    host.start()
    running = {one["name"]: one for one in host.status()["sensors"]}
    assert all(running[name]["running"] for name in ("logins", "accounts", "schedules", "files")), running
    wait_until(lambda: server.rows("ConfigurationData"), host.log)

    with (root / "var/log/wtmp").open("ab") as file:
        file.write(login("ada", "bastion", "192.0.2.7"))
    with (root / "var/log/btmp").open("ab") as file:
        file.write(login("mallory", "", "198.51.100.9") * 3)
    line = "2026-12-01T08:00:00+00:00 web01 sshd[9]: Failed password for invalid user eve from 203.0.113.5 port 4022 ssh2"
    with (root / "var/log/auth.log").open("a") as file:
        file.write(f"{line}\n")
    (success,) = wait_for_rows(server, host, "DeviceLogonEvents", 1, ActionType="LogonSuccess")
    assert (success["AccountName"], success["RemoteIP"], success["RemoteDeviceName"]) == (
        "ada",
        "192.0.2.7",
        "bastion",
    )
    failed = wait_for_rows(server, host, "DeviceLogonEvents", 4, ActionType="LogonFailed")
    assert Counter((one["AccountName"], one["RemoteIP"]) for one in failed) == {
        ("mallory", "198.51.100.9"): 3, ("eve", "203.0.113.5"): 1,
    }  # fmt: skip
    assert wait_for_rows(server, host, "Syslog", 1, ProcessName="sshd")[0]["ProcessID"] == 9

    (root / "etc/group").write_text("root:x:0:\nsudo:x:27:ada\nada:x:1234:\n")
    (added,) = wait_for_rows(server, host, "DeviceEvents", 1, ActionType="UserAccountAddedToLocalGroup")
    assert added["AccountName"] == "ada"
    (root / "etc/cron.d/job").write_text("*/5 * * * * root /tmp/x.sh\n")
    (task,) = wait_for_rows(server, host, "DeviceEvents", 1, ActionType="ScheduledTaskCreated")
    assert (task["ProcessCommandLine"], task["AccountName"]) == ("/tmp/x.sh", "root")
    check_file(server, host, root, next(iter(running["files"]["limits"]), ""))
    host.stop()


def check_file(server: Server, host: Host, root: Path, limit: str) -> None:
    """Another user writes a file: the row has its actor, or the agent says why it has none."""
    path = root / "watched/page.html"
    for folder in root.parents:  # the other user has to come to it
        if folder.stat().st_uid == os.getuid() and os.getuid() == 0:
            folder.chmod(folder.stat().st_mode | 0o005)
    root.chmod(0o755)
    uid = OTHER if os.getuid() == 0 else 0
    program = WRITES.format(uid=uid, path=str(path))
    writer = subprocess.Popen([sys.executable, "-I", "-S", "-c", program], stdin=subprocess.PIPE)
    try:
        rows = wait_for_rows(
            server,
            host,
            "MDCFileIntegrityMonitoringEvents",
            1,
            ChangeType="Modified",
            FilePath="/watched/page.html",
        )
    finally:
        writer.communicate()
    assert writer.returncode == 0
    if limit:
        assert "no actor" in limit
        assert not rows[0]["InitiatingProcessId"]
    else:
        assert (rows[0]["InitiatingProcessId"], rows[0]["InitiatingProcessAccountName"]) == (
            writer.pid,
            "ada" if uid else "root",
        )
    assert "sha256=" in rows[0]["OldValueData"]


def test_a_listening_socket_has_its_process(server, host) -> None:
    host.enrol(server, sensors=["sockets"])
    host.start()
    wait_until(
        lambda: any(one["rows"] for one in host.status()["sensors"] if one["name"] == "sockets"), host.log
    )
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        (row,) = wait_for_rows(server, host, "DeviceNetworkEvents", 1, LocalPort=port)
    assert (row["ActionType"], row["LocalIP"], row["InitiatingProcessId"]) == (
        "ListeningConnectionCreated", "127.0.0.1", os.getpid(),
    )  # fmt: skip
    (bound,) = wait_for_rows(server, host, "VMBoundPort", 1, Port=port)
    assert bound["Process"] == str(os.getpid())
    host.stop()


@pytest.mark.full
def test_short_executions_are_all_seen_or_the_agent_says_that_they_are_not(server, host) -> None:
    """The audit netlink sees every execution; where it is not permitted, /proc is polled, and the agent says what that misses."""
    host.enrol(server, sensors=["audit", "processes"])
    host.start()
    states = {one["name"]: one for one in host.status()["sensors"]}
    for number in range(100):
        subprocess.run(["/bin/true", f"short-{number}"], check=True)
    if states["audit"]["running"]:
        assert not states["processes"]["running"]
        wanted = Counter(f"short-{number}" for number in range(100))
        wait_until(lambda: marks(server) == wanted, lambda: (marks(server), host.log()))
        (row,) = [
            one for one in server.rows("DeviceProcessEvents") if one["ProcessCommandLine"].endswith("short-7")
        ]
        assert row["InitiatingProcessId"] == os.getpid()
        assert row["FolderPath"].endswith("/true")
    else:
        assert states["audit"]["reason"]
        assert any("not seen" in one for one in states["processes"]["limits"])
    host.stop()
    assert not leftover_rules() or not states["audit"]["running"]


def marks(server: Server) -> Counter[str]:
    last = [one["ProcessCommandLine"].split()[-1] for one in server.rows("DeviceProcessEvents")]
    return Counter(one for one in last if one.startswith("short-"))


def leftover_rules() -> list[bytes]:
    """The rules that the kernel still has, where it tells them."""
    try:
        control = NetlinkSocket(AUDIT)
    except OSError:
        return []
    try:
        return [body for body in control.dump(LIST_RULES, b"") if b"nephoscope" in body]
    except OSError:
        return []
    finally:
        control.close()
