"""The ruleset in a kernel: refused before, accepted during, refused after, and an established connection stays."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from tests.waiting import wait_until

from nephoscope.protect.jit.machine_access import AccessGrant, GuardedPort, MachineAccess
from nephoscope.protect.jit.nftables_ruleset import render_ruleset

pytestmark = pytest.mark.system
NOW = datetime(2026, 11, 29, 12, tzinfo=UTC)
GUARDED = (GuardedPort(22, "TCP"), GuardedPort(5000, "*"))


def grant(
    request: str, seconds: float, *sources: str, number: int = 22, protocol: str = "TCP"
) -> AccessGrant:
    return AccessGrant(request, number, protocol, sources, NOW + timedelta(seconds=seconds))


def render(*grants: AccessGrant) -> str:
    return render_ruleset(MachineAccess("m", GUARDED, grants), NOW)


NETWORK = textwrap.dedent(
    """
    import os, select, socket, subprocess, sys, time

    def run(*words):
        subprocess.run(words, check=True)

    def connect(seconds=2.0):
        one = socket.socket()
        one.settimeout(seconds)
        try:
            one.connect(("10.9.0.1", 22))
            return one
        except OSError:
            one.close()
            return None

    # The client is a network namespace of its own, joined to the guarded one by a pair of interfaces.
    run("ip", "link", "set", "lo", "up")
    reading, writing = os.pipe()
    ready, told = os.pipe()
    child = os.fork()
    if child == 0:
        import ctypes
        assert ctypes.CDLL(None, use_errno=True).unshare(0x40000000) == 0
        os.write(told, b"x")
        os.read(reading, 1)
        run("ip", "addr", "add", "10.9.0.2/24", "dev", "client")
        run("ip", "link", "set", "client", "up")
        for line in sys.stdin:
            word = line.strip()
            if word == "open":
                held = connect()
                print("open" if held else "refused", flush=True)
            elif word == "probe":
                one = connect()
                print("accepted" if one else "refused", flush=True)
                if one:
                    one.close()
            elif word == "talk":
                held.sendall(b"hello")
                print(held.recv(5).decode(), flush=True)
        os._exit(0)
    os.read(ready, 1)
    run("ip", "link", "add", "server", "type", "veth", "peer", "name", "client", "netns", str(child))
    run("ip", "addr", "add", "10.9.0.1/24", "dev", "server")
    run("ip", "link", "set", "server", "up")
    listener = socket.create_server(("10.9.0.1", 22))
    os.write(writing, b"x")
    open_connections = [listener]
    while os.waitpid(child, os.WNOHANG) == (0, 0):
        for one in select.select(open_connections, [], [], 0.2)[0]:
            if one is listener:
                open_connections.append(listener.accept()[0])
            elif data := one.recv(5):
                one.sendall(data)
            else:
                open_connections.remove(one)
    """
)


class Network:
    """A guarded machine in a network namespace and a client in another."""

    def __init__(self, folder: Path) -> None:
        script = folder / "network.py"
        script.write_text(NETWORK)
        self.process = subprocess.Popen(
            ["unshare", "-rn", sys.executable, str(script)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip

    def ask(self, word: str) -> str:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(f"{word}\n")
        self.process.stdin.flush()
        return self.process.stdout.readline().strip()

    def load(self, *grants: AccessGrant) -> None:
        """Load a ruleset into the machine's namespace by a process that ends at once."""
        target = str(self.process.pid)
        subprocess.run(
            ["nsenter", "-t", target, "-U", "-n", "--preserve-credentials", "nft", "-f", "-"],
            input=render(*grants), text=True, check=True,
        )  # fmt: skip

    def close(self) -> None:
        self.process.kill()
        self.process.communicate()


def test_the_kernel_opens_and_closes_by_itself(tmp_path: Path) -> None:
    network = Network(tmp_path)
    try:
        told = [network.ask("probe")]
        network.load()
        told.append(network.ask("probe"))
        network.load(grant("other", 3600, "10.9.0.77"))
        told.append(network.ask("probe"))
        network.load(
            grant("mine", 3, "10.9.0.2"), grant("other", 3600, "10.9.0.0/29", number=5000, protocol="*")
        )
        told += [network.ask("open"), network.ask("probe")]
        # nothing of the product runs now: the kernel alone ends the grant
        wait_until(lambda: network.ask("probe") != "accepted")
        told += [network.ask("probe"), network.ask("talk")]
        assert told == ["accepted", "refused", "refused", "open", "accepted", "refused", "hello"]
    finally:
        network.close()
