"""Packets a second of the analysis of captures, beside tshark and Suricata where they are installed: `python bench/pcap.py`.

The capture is generated: HTTP requests with answers, DNS questions with answers, and TCP without contents, between a thousand hosts.
Each side runs in a process of its own; figures are processor seconds. tshark gives protocols and conversations, Suricata writes
EVE records with its default configuration. Exit 1 where conversations differ from those that were generated, or where Suricata
is installed and the analysis has less than 1.5 times its packets a second.
"""

from __future__ import annotations

import argparse
import json
import random
import resource
import shutil
import struct
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

MOST_PACKETS_OF_CONVERSATION = 10
LEAST_RATIO = 1.5
_REQUEST = b"GET /index.html?id=%d HTTP/1.1\r\nHost: www%d.example\r\nUser-Agent: bench\r\n\r\n"
_ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 400\r\n\r\n" + b"x" * 400


def _ip(source: int, target: int, protocol: int, content: bytes) -> bytes:
    head = struct.pack("!BBHHHBBHII", 0x45, 0, 20 + len(content), 1, 0, 64, protocol, 0, source, target)
    return b"\x02" * 6 + b"\x04" * 6 + b"\x08\x00" + head + content


def _tcp(
    ends: tuple[int, int, int, int], numbers: tuple[int, int], flags: int, content: bytes = b""
) -> bytes:
    source, target, from_port, to_port = ends
    head = struct.pack("!HHIIBBHHH", from_port, to_port, *numbers, 5 << 4, flags, 64240, 0, 0)
    return _ip(source, target, 6, head + content)


def _http(ends: tuple[int, int, int, int], number: int) -> Iterator[bytes]:
    """A connection: handshake, a request, an answer, and the end."""
    back = (ends[1], ends[0], ends[3], ends[2])
    request = _REQUEST % (number, number % 500)
    yield _tcp(ends, (0, 0), 0x02)
    yield _tcp(back, (0, 1), 0x12)
    yield _tcp(ends, (1, 1), 0x10)
    yield _tcp(ends, (1, 1), 0x18, request)
    yield _tcp(back, (1, 1 + len(request)), 0x18, _ANSWER)
    yield _tcp(ends, (1 + len(request), 1 + len(_ANSWER)), 0x11)
    yield _tcp(back, (1 + len(_ANSWER), 2 + len(request)), 0x11)
    yield _tcp(ends, (2 + len(request), 2 + len(_ANSWER)), 0x10)


def _dns(ends: tuple[int, int, int, int], number: int) -> Iterator[bytes]:
    """A question and its answer."""
    name = b"".join(bytes([len(one)]) + one for one in (b"host%d" % number, b"example")) + b"\0\0\1\0\1"
    for (source, target, from_port, to_port), flags, count, more in (
        (ends, 0x0100, 0, b""),
        ((ends[1], ends[0], ends[3], ends[2]), 0x8180, 1, b"\xc0\x0c\0\1\0\1\0\0\0\x3c\0\4\x0a\0\0\1"),
    ):
        content = struct.pack("!HHHHHH", number & 0xFFFF, flags, 1, count, 0, 0) + name + more
        yield _ip(source, target, 17, struct.pack("!HHHH", from_port, to_port, 8 + len(content), 0) + content)


def generate(path: Path, packets: int) -> tuple[int, int]:
    """Write a capture; return its packets and conversations."""
    chance, written, conversations = random.Random(1), 0, 0
    with path.open("wb") as file:
        file.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 1 << 18, 1))
        while written + MOST_PACKETS_OF_CONVERSATION <= packets:
            conversations += 1
            client = 0x0A000000 + conversations // 60_000 * 1000 + chance.randrange(1000)
            port = 1024 + conversations % 60_000
            is_web = chance.random() < 0.6
            ends = (client, 0x0AFF0000 + chance.randrange(20), port, 80 if is_web else 53)
            for one in (_http if is_web else _dns)(ends, conversations):
                seconds, micros = divmod(written * 50, 1_000_000)
                file.write(struct.pack("<IIII", 1_780_000_000 + seconds, micros, len(one), len(one)) + one)
                written += 1
    return written, conversations


def analyze(path: Path) -> tuple[int, int]:
    """Answer by the product."""
    from nephoscope.protect.capture.analysis import analyze_capture

    with path.open("rb") as file:
        found = analyze_capture(file)
    transport = [one for one in found.list_conversations() if one.protocol in ("tcp", "udp")]
    return found.frames, len(transport)


def run_tshark(path: Path) -> tuple[int, int]:
    """Answer by tshark: its lists of conversations."""
    done = subprocess.run(
        ["tshark", "-n", "-r", str(path), "-q", "-z", "conv,tcp", "-z", "conv,udp", "-z", "io,phs"],
        check=True, capture_output=True, text=True,
    )  # fmt: skip
    lines = done.stdout.splitlines()
    frames = next(int(one.split("frames:")[1].split()[0]) for one in lines if one.startswith("eth"))
    return frames, sum("<->" in one for one in lines)


def run_suricata(path: Path) -> tuple[int, int]:
    """Answer by Suricata: its records of flows."""
    with tempfile.TemporaryDirectory() as place:
        subprocess.run(
            ["suricata", "-r", str(path), "-l", place, "-S", "/dev/null"], check=True, capture_output=True
        )
        with (Path(place) / "eve.json").open(encoding="utf-8") as file:
            events = [json.loads(line) for line in file]
    flows = sum(one["event_type"] == "flow" for one in events)
    decoded = max(
        (one["stats"]["decoder"]["pkts"] for one in events if one["event_type"] == "stats"), default=0
    )
    return decoded, flows


SIDES = {"nephoscope": analyze, "tshark": run_tshark, "suricata": run_suricata}


def measure(side: str, path: Path) -> tuple[float, int, int]:
    """Run one side in a process of its own: processor seconds, packets, conversations."""
    command = [sys.executable, __file__, "--side", side, "--file", str(path)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    seconds, packets, conversations = json.loads(done.stdout.splitlines()[-1])
    return seconds, packets, conversations


def main() -> int:
    """Generate a capture, measure the sides that are installed, and compare."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--packets", type=int, default=300_000)
    parser.add_argument("--side", choices=SIDES)
    parser.add_argument("--file", type=Path)
    options = parser.parse_args()
    if options.side:
        answer = SIDES[options.side](options.file)
        used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
        print(json.dumps([sum(one.ru_utime + one.ru_stime for one in used), *answer]))
        return 0
    with tempfile.TemporaryDirectory(prefix="pcap-") as place:
        path = Path(place) / "bench.pcap"
        packets, conversations = generate(path, options.packets)
        print(
            f"pcap: {packets:,} packets, {conversations:,} conversations, {path.stat().st_size / 2**20:.0f} MB"
        )
        rates = {}
        for side in SIDES:
            if side != "nephoscope" and shutil.which(side) is None:
                print(f"{side}: not installed")
                continue
            seconds, seen, found = measure(side, path)
            rates[side] = packets / seconds
            print(
                f"{side}: {seconds:.1f} CPU s, {rates[side]:,.0f} packets/s, {seen:,} packets, {found:,} conversations"
            )
            if side == "nephoscope" and (seen, found) != (packets, conversations):
                return 1
    return 1 if "suricata" in rates and rates["nephoscope"] < LEAST_RATIO * rates["suricata"] else 0


if __name__ == "__main__":
    sys.exit(main())
