"""A machine in a network namespace of its own, with a neighbor in another, and a server that only its loopback reaches."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

NETWORK = textwrap.dedent(
    """
    import os, socket, subprocess, sys, threading

    def run(*words):
        subprocess.run(words, check=True)

    def answer(listener):
        while True:
            one, _ = listener.accept()
            one.settimeout(1.0)
            try:
                one.recv(4096)
            except OSError:
                pass
            one.close()

    def reaches(address, port):
        one = socket.socket()
        one.settimeout(1.0)
        try:
            one.connect((address, port))
            return "open"
        except OSError:
            return "closed"
        finally:
            one.close()

    run("ip", "link", "set", "lo", "up")
    own = socket.socket(socket.AF_UNIX)
    own.connect(sys.argv[1])
    server = socket.create_server(("127.0.0.1", 0))
    socket.send_fds(own, [b"x"], [server.fileno()])
    server.close()
    reading, writing = os.pipe()
    ready, told = os.pipe()
    child = os.fork()
    if child == 0:
        import ctypes
        assert ctypes.CDLL(None, use_errno=True).unshare(0x40000000) == 0
        os.write(told, b"x")
        os.read(reading, 1)
        run("ip", "addr", "add", "10.9.0.2/24", "dev", "neighbor")
        run("ip", "link", "set", "neighbor", "up")
        listeners = [socket.create_server(("10.9.0.2", port)) for port in (22, 8443)]
        for one in listeners:
            threading.Thread(target=answer, args=(one,), daemon=True).start()
        os.write(told, b"x")
        for line in sys.stdin:
            print(reaches("10.9.0.1", 22), flush=True)
        os._exit(0)
    os.read(ready, 1)
    run("ip", "link", "add", "machine", "type", "veth", "peer", "name", "neighbor", "netns", str(child))
    run("ip", "addr", "add", "10.9.0.1/24", "dev", "machine")
    run("ip", "link", "set", "machine", "up")
    listener = socket.create_server(("10.9.0.1", 22))
    os.write(writing, b"x")
    os.read(ready, 1)
    print("ready", flush=True)
    os.waitpid(child, 0)
    """
)
_REACH = "import socket,sys; socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=1.0)"


class IsolatedMachine:
    """The namespace of a machine: `listener` is at its loopback, and answers in this process."""

    def __init__(self, folder: Path) -> None:
        script, meeting = folder / "network.py", folder / "meeting"
        script.write_text(NETWORK)
        with socket.socket(socket.AF_UNIX) as door:
            door.bind(str(meeting))
            door.listen()
            self.process = subprocess.Popen(
                ["unshare", "-rn", sys.executable, str(script), str(meeting)],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            )  # fmt: skip
            met, _ = door.accept()
            with met:
                _, (descriptor,), _, _ = socket.recv_fds(met, 1, 1)
        self.listener = socket.socket(fileno=descriptor)
        assert self.process.stdout is not None
        assert self.process.stdout.readline().strip() == "ready"

    @property
    def prefix(self) -> list[str]:
        """The words before a command that runs on the machine."""
        return ["nsenter", "-t", str(self.process.pid), "-U", "-n", "--preserve-credentials"]

    def is_reached(self) -> bool:
        """Whether the neighbor reaches the machine."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write("probe\n")
        self.process.stdin.flush()
        return self.process.stdout.readline().strip() == "open"

    def reaches(self, port: int) -> bool:
        """Whether the machine reaches a port of the neighbor."""
        command = [*self.prefix, sys.executable, "-I", "-c", _REACH, "10.9.0.2", str(port)]
        return subprocess.run(command, check=False, capture_output=True).returncode == 0

    def load(self, ruleset: str) -> None:
        """Load a ruleset on the machine."""
        subprocess.run([*self.prefix, "nft", "-f", "-"], input=ruleset, text=True, check=True)


@contextlib.contextmanager
def isolated_machine(folder: Path) -> Iterator[IsolatedMachine]:
    """A machine until the end of the block."""
    made = IsolatedMachine(folder)
    try:
        yield made
    finally:
        made.process.kill()
        made.process.communicate()
        made.listener.close()
