"""The memory of the agent over a day's events, fed as fast as it takes them.

`python bench/agent_day.py [--rate 40] [--hours 24]`: the zipapp follows a log of authentication that gets RATE events a second for
so many hours, compressed; the log is rotated each simulated hour, files of a watched folder change and programs are executed.
Batches go to a receiver that acknowledges them. Prints resident memory on the way, and the processor time.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.agent.served import Host, make_host, serving
from tests.waiting import wait_until

from agent_load import memory_bytes, processor_seconds

#: Events in one write, fewer than half of what the agent keeps in memory: each becomes two rows.
_CHUNK = 9_500
_SENSORS = ("logins", "files", "processes", "heartbeat", "accounts", "schedules")
_LINE = "2026-12-01T00:00:00+00:00 web01 sshd[{pid}]: {result} password for {user} from 198.51.{third}.{last} port {port} ssh2\n"


class Receiver(BaseHTTPRequestHandler):
    """Acknowledges reports and counts their rows; it has no orders."""

    protocol_version = "HTTP/1.1"
    counted: ClassVar[Counter[str]] = Counter()

    def do_POST(self) -> None:
        body = json.loads(gzip.decompress(self.rfile.read(int(self.headers["Content-Length"]))))
        for table, rows in body.get("rows", {}).items():
            Receiver.counted[table] += len(rows)
        self._answer({"program": "", "refused": []})

    def do_GET(self) -> None:
        self._answer({"value": []})

    def _answer(self, answer: dict[str, object]) -> None:
        content = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Print nothing."""


@contextmanager
def receiving() -> Iterator[str]:
    """The address of a receiver, until the end of the block."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Receiver) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def make_root(folder: Path) -> Path:
    """A root with accounts, a log and a watched folder."""
    for name in ("etc/cron.d", "var/log", "watched"):
        (folder / name).mkdir(parents=True)
    (folder / "etc/passwd").write_text("root:x:0:0::/root:/bin/sh\n")
    (folder / "etc/shadow").write_text("root:*:1::::::\n")
    (folder / "etc/group").write_text("root:x:0:\n")
    (folder / "var/log/auth.log").write_text("")
    return folder


def write_events(root: Path, first: int, count: int) -> None:
    """Append events of many users and addresses, change a file, and execute a program."""
    lines = (
        _LINE.format(
            pid=number % 30_000, result="Accepted" if number % 50 == 0 else "Failed", user=f"user{number % 9_973}",
            third=number // 250 % 250, last=number % 250, port=1024 + number % 60_000,
        )
        for number in range(first, first + count)
    )  # fmt: skip
    with (root / "var/log/auth.log").open("a") as log:
        log.writelines(lines)
    (root / "watched" / f"page{first % 97}.html").write_text(str(first))
    subprocess.run(["/bin/true"], check=True)


def rotate(root: Path) -> None:
    """Rotate the log as logrotate does."""
    (root / "var/log/auth.log").rename(root / "var/log/auth.log.1")
    (root / "var/log/auth.log").touch()


def wait_for_events(host: Host, count: int) -> None:
    """Wait until the receiver has so many events."""
    wait_until(lambda: Receiver.counted["Syslog"] >= count, lambda: (Receiver.counted, host.log()))


def feed(host: Host, root: Path, events: int, hours: int) -> None:
    """Feed events, each chunk once the agent has sent the one before, and print what memory it takes."""
    assert host.process is not None
    pid, sent, hour = host.process.pid, 0, 0
    marks, before = [0.1, 0.25, 0.5, 0.75, 1.0], processor_seconds(pid)
    samples: list[float] = []
    while sent < events:
        count = min(_CHUNK, events - sent)
        write_events(root, sent, count)
        sent += count
        wait_for_events(host, sent)
        samples.append(memory_bytes(pid) / 2**20)
        if sent * hours // events > hour:
            hour = sent * hours // events
            rotate(root)
        while marks and sent >= marks[0] * events:
            seconds, middle = processor_seconds(pid) - before, statistics.median(samples)
            print(
                f"{marks.pop(0):4.0%}: {sent:,} events, {seconds:.1f} s of processor time; MiB since the line before: "
                f"{min(samples):.1f} least, {middle:.1f} median, {max(samples):.1f} most",
                flush=True,
            )
            samples.clear()


def main() -> int:
    """Run the day."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rate", type=float, default=40, help="events a second of the simulated day")
    parser.add_argument("--hours", type=int, default=24)
    given = parser.parse_args()
    events = int(given.rate * given.hours * 3600)
    with tempfile.TemporaryDirectory() as name, receiving() as receiver:
        folder = Path(name)
        root, host = make_root(folder / "root"), make_host(folder / "machine")
        with serving(folder / "data") as server:
            settings = {"root": str(root), "watched": ["/watched"]}
            host.enrol(
                server, sensors=list(_SENSORS), intervals={}, flush_seconds=0.05, send_seconds=5.0, **settings
            )
        path = host.folder / "agent.json"
        known = json.loads(path.read_text()) | {"server": receiver, "intervals": {"logins": 0.05}}
        path.write_text(json.dumps(known))
        host.start()
        begun = time.monotonic()
        try:
            feed(host, root, events, given.hours)
            status = host.status()
        finally:
            host.stop()
        lost = {one["name"]: one["lost"] for one in status["sensors"] if one.get("lost")}
        passed, load = time.monotonic() - begun, os.getloadavg()[0]
        print(f"{given.hours} h at {given.rate:g} events/s in {passed:.0f} s; load {load:.1f}")
        print(f"rows {dict(Receiver.counted)}; lost {lost or status['lost'] or 'none'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
