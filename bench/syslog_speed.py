"""Syslog over UDP, TCP and TLS into the lake: messages a second that are on disk, beside reading them from the socket alone.

`python bench/syslog_speed.py [--messages N] [--rate N]`: a sender in another process sends N messages at a rate; what arrived is
counted in the lake. Then as fast as it goes, over TCP. Exit 1 where a message is missing, or where a core would not do for the rate.
"""

from __future__ import annotations

import argparse
import contextlib
import multiprocessing
import resource
import socket
import ssl
import sys
import tempfile
import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from nephoscope.ingest.live.kinds.syslog import SyslogSource
from nephoscope.ingest.live.lake_sink import LakeSink
from nephoscope.ingest.live.live_source import IngestCounts, SourceContext
from nephoscope.ingest.live.source_kinds import get_source_kind, parse_settings
from nephoscope.ingest.live.source_meter import SourceMeter
from nephoscope.lake.lake import Lake
from nephoscope.state import State

#: What the listeners have to keep up with.
RATE = 20_000
_TICK = 0.01
#: Seconds without a message after which none is waited for.
_QUIET = 15.0


def lines(count: int, protocol: str) -> list[bytes]:
    """Messages as firewalls and hosts send them, one in four in CEF."""
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"
    made = []
    for number in range(count):
        host = f"host{number % 200}"
        if number % 4:
            text = f"<38>1 {now} {host} sshd {number} - - Failed password for invalid user u{number} from 10.1.0.7 port 51222"
        else:
            fields = f"src=10.2.{number % 250}.9 dst=198.51.100.7 dpt=443 act=deny"
            text = f"<134>1 {now} {host} CEF - - - CEF:0|Vendor|Wall|9.1|{number}|blocked|5|{fields}"
        made.append(text.encode() + (b"" if protocol == "udp" else b"\n"))
    return made


def send(protocol: str, port: int, count: int, rate: int, authority: str) -> None:
    """Send the messages at a rate (0 = as fast as they are taken)."""
    made = lines(count, protocol)
    with sender(protocol, port, authority) as put:
        step = max(1, int(rate * _TICK)) if rate else 500
        began = time.perf_counter()
        for at in range(0, count, step):
            put(made[at : at + step])
            ahead = (at + step) / rate - (time.perf_counter() - began) if rate else 0
            if ahead > 0:
                time.sleep(ahead)


@contextmanager
def sender(protocol: str, port: int, authority: str) -> Iterator:
    """What sends some messages over a protocol."""
    if protocol == "udp":
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagrams:
            datagrams.connect(("127.0.0.1", port))
            yield lambda some: [datagrams.send(one) for one in some]
        return
    with socket.create_connection(("127.0.0.1", port)) as plain, contextlib.ExitStack() as stack:
        stream = plain
        if protocol == "tls":
            context = ssl.create_default_context(cafile=authority)
            stream = stack.enter_context(context.wrap_socket(plain, server_hostname="localhost"))
        yield lambda some: stream.sendall(b"".join(some))
        if isinstance(stream, ssl.SSLSocket):
            # Closed without a goodbye, what is still on its way is lost.
            stream.unwrap()


#: Rows of each batch that came on disk and were not counted yet.
_ON_DISK: deque[int] = deque()


class CountingSink(LakeSink):
    """Counts what is on disk since it was asked last."""

    def write_batch(self, *args: Any, **named: Any) -> IngestCounts:
        """LakeSink.write_batch."""
        found = super().write_batch(*args, **named)
        _ON_DISK.append(found.rows + found.bad)
        return found

    def counted(self) -> int:
        """How many, and none from now on."""
        some = 0
        while _ON_DISK:
            some += _ON_DISK.popleft()
        return some


def measured(protocol: str, count: int, rate: int) -> tuple[int, int, float, float]:
    """(messages in the lake, those that the system dropped, seconds from the first to the last on disk, CPU seconds)."""
    with (
        tempfile.TemporaryDirectory() as folder,
        State.open_folder(Path(folder)) as state,
        Lake.open(Path(folder), state) as lake,
    ):
        settings = parse_settings(get_source_kind("syslog"), {protocol: "127.0.0.1:0"})
        source, meter, stop = (
            SyslogSource(settings, SourceContext("bench", Path(folder))),
            SourceMeter(),
            threading.Event(),
        )
        _ON_DISK.clear()
        sink = CountingSink("bench", "default", lake, lake.writer(), state.checkpoints, meter, stop)
        thread = threading.Thread(target=source.run, args=(sink, stop))
        thread.start()
        source.ready.wait()
        authority = str(Path(folder) / "tls" / "ca.crt")
        process = multiprocessing.get_context("spawn").Process(
            target=send, args=(protocol, source.ports[protocol], count, rate, authority)
        )
        cpu, taken, began = _cpu(), 0, 0.0
        process.start()
        last = time.perf_counter()
        dropped = 0
        quiet = last
        while taken + dropped < count and time.perf_counter() - quiet < _QUIET:
            time.sleep(0.05)
            some = sink.counted()
            dropped += meter.drain()[1].dropped
            if some and not began:
                began = time.perf_counter() - 0.2
            if some:
                taken, last = taken + some, time.perf_counter()
            if some or process.is_alive():
                quiet = time.perf_counter()
        seconds, cpu = last - began, _cpu() - cpu
        process.join()
        stop.set()
        thread.join()
        lake.flush(300)
        rows = lake.query("union Syslog, CommonSecurityLog | count")[-1].table.to_pylist()[0]["Count"]
        return rows, dropped, seconds, cpu


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def read_only(count: int) -> float:
    """The limit: messages a second that a loop reads from a TCP connection and cuts at line feeds."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        process = multiprocessing.get_context("spawn").Process(
            target=send, args=("tcp", server.getsockname()[1], count, 0, "")
        )
        process.start()
        stream, _ = server.accept()
        seen, began, rest = 0, 0.0, b""
        with stream:
            while data := stream.recv(262_144):
                began = began or time.perf_counter()
                parts = (rest + data).split(b"\n")
                rest = parts.pop()
                seen += len(parts)
        seconds = time.perf_counter() - began
        process.join()
        assert seen == count
        return count / seconds


def main() -> int:
    """Measure and print; 1 where a message is missing or the rate is not kept."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--messages", type=int, default=200_000)
    options.add_argument("--rate", type=int, default=RATE)
    given = options.parse_args()
    failed = False
    print(f"{'':12}{'sent':>10}{'in lake':>10}{'seconds':>9}{'msg/s':>9}{'CPU s':>8}{'msg/CPU s':>11}")
    for protocol, rate in (("udp", given.rate), ("tcp", given.rate), ("tls", given.rate), ("tcp", 0)):
        rows, dropped, seconds, cpu = measured(protocol, given.messages, rate)
        # On a busy machine the clock says little: what counts is whether one core would do.
        short = rows / cpu < given.rate
        behind = rate and seconds > 1.25 * given.messages / rate + 1
        failed = failed or rows != given.messages or short
        name = protocol if rate else f"{protocol}, all"
        print(
            f"{name:12}{given.messages:10,}{rows:10,}{seconds:9.1f}{rows / seconds:9,.0f}{cpu:8.1f}{rows / cpu:11,.0f}"
            + (
                f"   MISSED: {given.messages - rows} missing, {dropped} of them counted as dropped"
                if rows != given.messages
                else ""
            )
            + (f"   behind {rate:,}/s by the clock" if behind else "")
            + (f"   MISSED: a core does not do for {given.rate:,}/s" if short else "")
        )
    print(f"limit: reading and cutting alone {read_only(given.messages):,.0f} messages/s")
    print("FAILED" if failed else f"every message is in the lake; one core does for {given.rate:,} a second")
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
