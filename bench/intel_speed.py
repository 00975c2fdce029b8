"""Looks for traffic to what threat intelligence lists, over a million indicators, beside comparing everything with everything.

Usage: python bench/intel_speed.py [--indicators N] [--events N] [--peer N] [--folder DIR]

The indicators (half addresses, a tenth ranges of IPv4 and IPv6, the rest domains, URLs and hashes) and an hour of flows lie in a lake;
each look is a process of its own: seconds, CPU and peak memory, of the first (with compiling) and of the next. The peer joins by a
condition, every distinct address with every indicator of an address (ipv6_is_in_range); it gets a part of the indicators (--peer) and
the same events, and its time is given a pair, since the whole would take hours. Both must name the same addresses on that part.
Exit 1 where they differ, or where a look takes over 60 s or 2 GB.
"""

from __future__ import annotations

import argparse
import datetime as dt
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np
import pyarrow as pa

BENCH = Path(__file__).resolve().parent
sys.path.insert(0, str(BENCH))

from nephoscope.lake.lake import Lake  # noqa: E402
from nephoscope.lake.queries.time_span import RowSpan  # noqa: E402
from nephoscope.lake.schema.row_conversion import complete_rows  # noqa: E402
from nephoscope.state import State  # noqa: E402
from speed.clock import peak_mib, span  # noqa: E402

SECONDS, MEMORY = 60.0, 2048.0
NOW = dt.datetime.now(dt.UTC).replace(minute=0, second=0, microsecond=0)
FLOWS = (
    "let seen = AzureFlowLogs | where TimeGenerated >= ago(1h) | project TimeGenerated, Address = DestIp; "
)
ASKED = {
    "addresses": FLOWS + "seen | join kind=inner (_ListedAddresses(seen)) on TimeGenerated, Address | distinct Address",
    "domains": "let seen = AZFWDnsQuery | where TimeGenerated >= ago(1h) | project TimeGenerated, Domain = QueryName; "
    "seen | join kind=inner (_ListedDomains(seen)) on TimeGenerated, Domain | distinct Domain",
    "peer": FLOWS + "seen | distinct Address | extend One = 1 | join kind=inner (ThreatIntelIndicators "
    "| where ObservableKey in ('ipv4-addr:value', 'ipv6-addr:value') | project ObservableValue, One = 1) on One "
    "| where ipv6_is_in_range(Address, ObservableValue) | distinct Address",
}  # fmt: skip


def value(number: int) -> tuple[str, str]:
    """Key and value of an indicator; no two alike below a hundred million."""
    a, b, c = 11 + number % 180, number // 180 % 256, number // 46_080 % 256
    match number % 10:
        case 0 | 1 | 2 | 3 | 4:
            return "ipv4-addr:value", f"{a}.{b}.{c}.{1 + number % 250}"
        case 5 if number % 20 < 10:
            return "ipv4-addr:value", f"{a}.{b}.{c}.0/24"
        case 5:
            return "ipv6-addr:value", f"2001:db8:{number % 65536:x}:{number // 65536:x}::/64"
        case 6 | 7:
            return "domain-name:value", f"h{number}.example"
        case 8:
            return "url:value", f"http://h{number}.example/a"
        case _:
            return "file:hashes.'SHA-256'", f"{number:064x}"


def inside(text: str) -> str:
    """An address that an indicator lists."""
    return text.replace(".0/24", ".77").replace("/64", "1")


@dataclass(frozen=True, slots=True)
class Look:
    """What a look took in seconds and MiB, and what it found."""

    wall: float
    cpu: float
    peak: float
    found: list[str]


def fill(folder: Path, indicators: int, events: int) -> None:
    """A lake with its rows."""
    with State.open_folder(folder) as state, Lake.open(folder, state) as lake:
        workspace = lake.workspace("default")
        for first in range(0, indicators, 250_000):
            numbers = range(first, min(first + 250_000, indicators))
            pairs = [value(one) for one in numbers]
            count = len(pairs)
            rows = pa.table({
                "TimeGenerated": pa.repeat(pa.scalar(NOW - dt.timedelta(days=3), pa.timestamp("us", "UTC")), count),
                "Id": [f"indicator--{one:012}" for one in numbers],
                "ObservableKey": [key for key, _ in pairs],
                "ObservableValue": [text for _, text in pairs],
                "IsActive": pa.repeat(True, count),
                "Confidence": pa.array([80] * count, pa.int32()),
            })  # fmt: skip
            _put(lake, workspace, "ThreatIntelIndicators", rows, first)
        luck = np.random.default_rng(1)
        # one of two hundred goes to what is listed
        chosen = [
            inside(value(int(one) // 5 * 5)[1])
            if place % 200 == 0
            else f"9.{one % 200}.{one % 251}.{one % 13}"
            for place, one in enumerate(luck.integers(0, indicators, events))
        ]
        moments = [NOW - dt.timedelta(seconds=1 + one * 3599 / events) for one in range(events)]
        times = pa.array(moments, pa.timestamp("us", "UTC"))
        names = [f"www.h{one % 4000 + 6}.{'example' if one % 100 == 0 else 'test'}" for one in range(events)]
        flows = pa.table({"TimeGenerated": times, "DestIp": chosen})
        _put(lake, workspace, "AzureFlowLogs", flows, 0)
        _put(lake, workspace, "AZFWDnsQuery", pa.table({"TimeGenerated": times, "QueryName": names}), 0)


def _put(lake: Lake, workspace: object, table: str, rows: pa.Table, sequence: int) -> None:
    types = lake.tables[table].schema
    cast = rows.cast(pa.schema([types.field(name) for name in rows.column_names]))
    whole = complete_rows(lake.tables[table], cast, workspace=workspace, now=NOW).table  # type: ignore[arg-type]
    lake.writer().append("default", {table: whole}, producer=f"bench-{table}", sequence=sequence)
    lake.flush(600)


def look(folder: Path, name: str, now: dt.datetime) -> None:
    """Two looks, told as JSON."""
    looks = []
    with State.open_folder(folder) as state, Lake.open(folder, state) as lake:
        for _ in range(1 if name == "peer" else 2):
            with lake.reading("default") as reading, span() as took:
                compiled = reading.compile(ASKED[name], now)
                found = reading.rows(compiled, ASKED[name], RowSpan(now - dt.timedelta(days=14), now), 3600)
            values = sorted(found.column(0).to_pylist())
            looks.append(Look(took.wall, took.cpu, peak_mib(), values))
    print(msgspec.json.encode(looks).decode())


def show(title: str, folder: Path, name: str) -> list[Look]:
    """The looks of a process of its own, printed."""
    command = [sys.executable, __file__, "--look", name, "--folder", str(folder), "--at", NOW.isoformat()]
    several = msgspec.json.decode(
        subprocess.run(command, check=True, capture_output=True).stdout, type=list[Look]
    )
    for one in several:
        summary = f"{one.wall:.2f} s, {one.cpu:.2f} s CPU, {one.peak:,.0f} MiB, {len(one.found):,} found"
        print(f"  {title}: {summary}", flush=True)
    return several


def main() -> int:
    """Print everything; 1 where a target is missed or the two differ."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--indicators", type=int, default=1_000_000)
    parser.add_argument("--events", type=int, default=100_000)
    parser.add_argument("--peer", type=int, default=200, help="indicators that the peer gets")
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--at", type=dt.datetime.fromisoformat, help=argparse.SUPPRESS)
    parser.add_argument("--look", choices=list(ASKED), help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.look:
        look(given.folder, given.look, given.at)
        return 0
    print(f"load average {os.getloadavg()[0]:.1f}, {os.cpu_count()} cores", flush=True)
    with tempfile.TemporaryDirectory(prefix="nephoscope-bench-") as own:
        whole, part = Path(own) / "whole", Path(own) / "part"
        fill(whole, given.indicators, given.events)
        fill(part, given.peer, given.events)
        print(f"{given.indicators:,} indicators, {given.events:,} events of an hour", flush=True)
        several = show("addresses and ranges", whole, "addresses") + show(
            "names below domains", whole, "domains"
        )
        print(f"{given.peer:,} indicators", flush=True)
        ours, peer = show("addresses and ranges", part, "addresses"), show("every pair", part, "peer")
    same = bool(peer[0].found) and ours[-1].found == peer[0].found
    grown = peer[0].wall * given.indicators / given.peer
    ratio = f"about {grown:,.0f} s over all: {grown / several[1].wall:,.0f} times as long"
    print(f"  every pair would take {ratio}; {'the same' if same else 'NOT THE SAME'} found")
    met = all(one.wall <= SECONDS and one.peak <= MEMORY for one in several)
    print(f"  at most {SECONDS:g} s and {MEMORY:,.0f} MiB a look{'' if met else '   MISSED'}")
    return 0 if met and same else 1


if __name__ == "__main__":
    sys.exit(main())
