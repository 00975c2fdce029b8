"""The generator of load, a process of its own: `python -m serving.load FILE`.

Orders come as JSON on its standard input, its figures go into the file. Readers ask for an address, read what they got for a moment
and ask for the next. Senders post requests of rows at a rate that does not wait for answers: what is late is sent as soon as a
connection is free, and is late in the figures too; the rest is unsent.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import random
import ssl
import sys
import time
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from serving.client import Connection

MARK, WHEN = b"4242424242", b"1970-01-01T00:00:00"


@dataclass(frozen=True, slots=True)
class Ask:
    """Something a reader asks for; `kind` is what its times are counted under."""

    kind: str
    path: str
    method: str = "GET"
    body: str = ""


@dataclass(frozen=True, slots=True)
class Orders:
    """What is to be done; `pause` is the longest time a reader reads, `rate` the requests a second of all senders (0 = none)."""

    host: str
    port: int
    authority: str
    headers: dict[str, str]
    seconds: float
    asks: list[Ask]
    readers: int
    pause: float
    paths: list[str] = field(default_factory=list)
    rate: float = 0.0
    senders: int = 32
    rows: int = 100
    first: int = 0


@dataclass(slots=True)
class Figures:
    """Times by kind in seconds, statuses, and of the senders the numbers of the requests that were acknowledged."""

    times: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    bad: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    sent: list[float] = field(default_factory=list)
    acknowledged: list[int] = field(default_factory=list)
    unsent: int = 0
    refused: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    cpu: float = 0.0
    wall: float = 0.0


def record(rows: int) -> bytes:
    """The body of a request: rows of a firewall, all of which carry the number of the request."""
    draw = random.Random(7)
    made = [
        {
            "TimeGenerated": f"{WHEN.decode()}.{draw.randrange(1000):03}Z",
            "DeviceVendor": "Contoso",
            "DeviceAction": draw.choice(["allow", "deny"]),
            "Protocol": "TCP",
            "SourceIP": f"10.{draw.randrange(256)}.{draw.randrange(256)}.{draw.randrange(256)}",
            "DestinationIP": f"10.9.{draw.randrange(256)}.{draw.randrange(256)}",
            "SourcePort": draw.randrange(1024, 65536),
            "DestinationPort": draw.choice([443, 80, 53]),
            "SentBytes": draw.randrange(2_000_000),
            "ReceivedBytes": draw.randrange(2_000_000),
            "DeviceCustomNumber1": int(MARK),
            "DeviceCustomNumber2": number,
        }
        for number in range(rows)
    ]
    return json.dumps(made, separators=(",", ":")).encode()


async def read(orders: Orders, figures: Figures, until: float, seed: int) -> None:
    """One reader."""
    draw = random.Random(seed)
    connection = _connection(orders)
    await asyncio.sleep(draw.uniform(0, orders.pause))
    while time.perf_counter() < until:
        one = draw.choice(orders.asks)
        began = time.perf_counter()
        try:
            status, _ = await connection.ask(one.method, one.path, one.body.encode())
        except ConnectionError:
            status = 0
        figures.times[one.kind].append(time.perf_counter() - began)
        if status != 200:
            figures.bad[f"{one.kind} {status}"] += 1
        await asyncio.sleep(draw.uniform(0, orders.pause))


async def send(
    orders: Orders, figures: Figures, began: float, numbers: itertools.count[int], body: bytes
) -> None:
    """One sender: takes the next request, waits until it is due, sends it until it is taken."""
    connection = _connection(orders)
    while (number := next(numbers)) < orders.rate * orders.seconds:
        due = began + number / orders.rate
        if time.perf_counter() > began + orders.seconds:
            figures.unsent += 1
            continue
        await asyncio.sleep(max(0.0, due - time.perf_counter()))
        mark = b"%10d" % (orders.first + number)
        now = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime()).encode()
        made = body.replace(MARK, mark).replace(WHEN, now)
        if await _taken(connection, orders.paths[number % len(orders.paths)], made, figures):
            figures.acknowledged.append(orders.first + number)
            figures.sent.append(time.perf_counter() - due)


async def _taken(connection: Connection, path: str, body: bytes, figures: Figures) -> bool:
    for attempt in range(5):
        try:
            status, _ = await connection.ask("POST", path, body)
        except ConnectionError:
            status = 0
        if status == 204:
            return True
        figures.refused[str(status)] += 1
        await asyncio.sleep(0.2 * 2**attempt)
    return False


def _connection(orders: Orders) -> Connection:
    trust = ssl.create_default_context(cafile=orders.authority)
    return Connection(orders.host, orders.port, trust, orders.headers)


async def main(orders: Orders) -> Figures:
    """Load for as long as is ordered."""
    figures, began, cpu = Figures(), time.perf_counter(), time.process_time()
    until = began + orders.seconds
    numbers, body = itertools.count(), record(orders.rows)
    await asyncio.gather(
        *(read(orders, figures, until, seed) for seed in range(orders.readers)),
        *(send(orders, figures, began, numbers, body) for _ in range(orders.senders if orders.rate else 0)),
    )
    figures.cpu, figures.wall = time.process_time() - cpu, time.perf_counter() - began
    return figures


if __name__ == "__main__":
    try:
        import uvloop as loops
    except ImportError:
        loops = asyncio  # type: ignore[assignment]
    given = json.load(sys.stdin)
    given["asks"] = [Ask(**one) for one in given["asks"]]
    Path(sys.argv[1]).write_bytes(msgspec.json.encode(loops.run(main(Orders(**given)))))
