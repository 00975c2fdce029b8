"""The entrance of listeners: what counts as one address, and a system that gives no more files."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from tests.running import forked_commands

from nephoscope.ingest.live.connection_budget import compute_address_key
from nephoscope.ingest.live.file_descriptors import (
    compute_connection_limit,
    explain_descriptor_shortage,
    raise_limit,
)
from nephoscope.ingest.live.log_rate_limit import LogRateLimiter

pytestmark = pytest.mark.system


@pytest.mark.parametrize(
    ("address", "share"),
    [
        ("10.1.2.3", "10.1.2.3"),
        ("::ffff:10.1.2.3", "10.1.2.3"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::9", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("", ""),
    ],
)
def test_what_counts_as_one_address(address: str, share: str) -> None:
    assert compute_address_key(address) == share


def test_what_is_told_seldom() -> None:
    told, now = [], [0.0]
    seldom = LogRateLimiter(lambda text, _: told.append(text), 60.0, lambda: now[0])
    for second in range(0, 130, 10):
        now[0] = float(second)
        seldom("refused", f"at {second}")
    seldom("other", "else")
    left = "(and 5 more like this since the last message)"
    assert told == ["at 0", f"at 60 {left}", f"at 120 {left}", "else"]


def test_the_limit_of_files_is_raised_and_told_where_it_is_low() -> None:
    assert raise_limit() == raise_limit()
    assert explain_descriptor_shortage(1) == ""
    assert (compute_connection_limit(1000), compute_connection_limit(100_000)) == (750, 98_976)
    program = (
        "import resource\n"
        "from nephoscope.ingest.live.file_descriptors import explain_descriptor_shortage\n"
        "resource.setrlimit(resource.RLIMIT_NOFILE, (64, 200))\n"
        "print(explain_descriptor_shortage(150)); print(explain_descriptor_shortage(151))\n"
        "print(resource.getrlimit(resource.RLIMIT_NOFILE))"
    )
    said = forked_commands.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    first, second, limits = said.stdout.splitlines()
    assert first == ""
    assert second.startswith(
        "151 connections are allowed, but this process may open 200 files only, of which 150"
    )
    assert limits == "(200, 200)"


#: A listener in a process that may open few files; what it prints is what it was told, and what came.
_LISTENER = """
import resource, sys, threading
from pathlib import Path
from tests.ingest.live.memory import MemorySink
from nephoscope.ingest.live.kinds.syslog import SyslogSettings, SyslogSource
from nephoscope.ingest.live.live_source import SourceContext
limit = int(sys.argv[1])
sink, stop = MemorySink(), threading.Event()
source = SyslogSource(SyslogSettings(tcp="127.0.0.1:0", udp="127.0.0.1:0", max_per_address=1000),
    SourceContext("devices", Path(sys.argv[2])))
resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
if sys.argv[3] == "none":
    from nephoscope.ingest.live import listener
    listener.file_descriptors.compute_connection_limit = lambda limit: limit
thread = threading.Thread(target=source.run, args=(sink, stop))
thread.start()
assert source.ready.wait(60)
print(source.ports["tcp"], source.ports["udp"], flush=True)
sys.stdin.readline()
while not sink.texts():
    stop.wait(0.01)
stop.set()
thread.join()
print(sink.texts(), *sink.errors, sep="\\n")
"""


@pytest.mark.parametrize("kept", ["some", "none"])
def test_connections_do_not_take_the_last_files(tmp_path: Path, kept: str) -> None:
    import contextlib
    import socket

    arguments = [sys.executable, "-c", _LISTENER, "120", str(tmp_path), kept]
    with (
        forked_commands.Popen(
            arguments,
            cwd=Path(__file__).parents[3],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as listener,
        contextlib.ExitStack() as stack,
    ):
        tcp, udp = map(int, listener.stdout.readline().split())
        for _ in range(200):
            stack.enter_context(socket.create_connection(("127.0.0.1", tcp), 30))
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            sender.sendto(b"<34>datagram", ("127.0.0.1", udp))
        out, log = listener.communicate("\n", timeout=120)
    texts, *errors = out.splitlines()
    assert texts == "['<34>datagram']"
    assert errors[0].startswith("1000 connections are allowed, but this process may open 120 files only")
    wanted = (
        "files are open, and the rest are kept for writing"
        if kept == "some"
        else "no connection can be accepted"
    )
    assert [wanted in error for error in errors[1:]] == [True]
    assert log.count("\n") == len(errors)
