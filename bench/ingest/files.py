"""Files to ingest: made up where a busy source writes the format, else from its own samples, repeated; one record a line, of today."""

from __future__ import annotations

import io
import json
import random
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import cycle, islice
from pathlib import Path

from ingest.records import MAKERS
from nephoscope.ingest.logs.discovery import load_formats
from nephoscope.ingest.logs.log_format import StreamContext
from nephoscope.ingest.logs.log_reader import read
from nephoscope.ingest.logs.record_framing import blocks
from nephoscope.lake.schema.tables import Tables
from nephoscope.state.workspaces.workspace import Workspace

CASES = Path(__file__).resolve().parents[2] / "tests" / "ingest" / "logs" / "cases"
_GROUP = (
    "/subscriptions/11111111-2222-4333-8444-555555555555/resourceGroups/rg-net/providers/Microsoft.Network"
)
_DATES = re.compile(rb"2026-0[56]-\d\d")
FLOWS = ("vnet-flow", "nsg-flow")
MIXED = "mixed"


def vnet_record(source: random.Random, at: int) -> bytes:
    """A record of a minute of one interface: 4 groups, 3 rules, 12 tuples each."""
    flows = [
        {
            "aclID": f"{_GROUP}/networkSecurityGroups/nsg-{group}",
            "flowGroups": [
                {
                    "rule": f"UserRule_{rule}",
                    "flowTuples": [_vnet_tuple(source, at + place * 997) for place in range(12)],
                }
                for rule in range(3)
            ],
        }
        for group in range(4)
    ]
    record = {
        "time": datetime.fromtimestamp(at / 1000, UTC).isoformat(),
        "flowLogVersion": 4,
        "macAddress": f"0022487{source.randrange(16**5):05X}",
        "category": "FlowLogFlowEvent",
        "flowLogResourceID": f"{_GROUP}/networkWatchers/nw/flowLogs/fl".upper(),
        "targetResourceID": f"{_GROUP}/virtualNetworks/hub",
        "operationName": "FlowLogFlowEvent",
        "flowRecords": {"flows": flows},
    }
    return json.dumps(record, separators=(",", ":")).encode()


def _ends(source: random.Random) -> str:
    inside = f"10.{source.randrange(4)}.{source.randrange(256)}.{source.randrange(256)}"
    outside = (
        f"{source.randrange(1, 224)}.{source.randrange(256)}.{source.randrange(256)}.{source.randrange(256)}"
    )
    return (
        f"{inside},{outside},{source.randrange(1024, 65536)},{source.choice((443, 80, 22, 1433, 53, 3389))}"
    )


def _counts(source: random.Random) -> str:
    return f"{source.randrange(1000)},{source.randrange(10**5)},{source.randrange(1000)},{source.randrange(10**6)}"


def _vnet_tuple(source: random.Random, at: int) -> str:
    return f"{at},{_ends(source)},{source.choice((6, 17))},{source.choice('IO')},{source.choice('BCED')},NX,{_counts(source)}"


def nsg_record(source: random.Random, at: int) -> bytes:
    """A record of a minute of one interface: 6 rules, 24 tuples each."""
    flows = [
        {
            "rule": f"UserRule_{rule}",
            "flows": [
                {
                    "mac": "0022487A0001",
                    "flowTuples": [_nsg_tuple(source, at // 1000 + place) for place in range(24)],
                }
            ],
        }
        for rule in range(6)
    ]
    record = {
        "time": datetime.fromtimestamp(at / 1000, UTC).isoformat(),
        "category": "NetworkSecurityGroupFlowEvent",
        "resourceId": f"{_GROUP}/networkSecurityGroups/nsg-web".upper(),
        "operationName": "NetworkSecurityGroupFlowEvents",
        "properties": {"Version": 2, "flows": flows},
    }
    return json.dumps(record, separators=(",", ":")).encode()


def _nsg_tuple(source: random.Random, at: int) -> str:
    words = ",".join(source.choice(letters) for letters in ("TU", "IO", "AD", "BCE"))
    return f"{at},{_ends(source)},{words},{_counts(source)}"


def flow_lines(name: str, size: int) -> Iterator[bytes]:
    """Flow records of about `size` bytes in all; beyond 64 MiB they repeat, so that making them takes no time."""
    source = random.Random(1)
    make = vnet_record if name == "vnet-flow" else nsg_record
    start = int((datetime.now(UTC) - timedelta(hours=2)).timestamp() * 1000)
    made: list[bytes] = []
    done = 0
    while done < size:
        if done < 64 << 20:
            made.append(make(source, start + len(made)) + b"\n")
            line = made[-1]
        else:
            line = made[source.randrange(len(made))]
        done += len(line)
        yield line


def made_lines(name: str) -> list[bytes]:
    """A thousand records as a busy source writes them."""
    source, start = random.Random(1), (datetime.now(UTC) - timedelta(hours=2)).timestamp()
    return [MAKERS[name](source, start + number / 50) + b"\n" for number in range(1000)]


def sample_lines(name: str) -> list[bytes]:
    """The records of a format's samples that give rows and nothing bad, with times of today."""
    today = datetime.now(UTC).date().isoformat().encode()
    found = []
    for sample in sorted(CASES.glob(f"{name}/*.in")):
        for block in blocks(io.BytesIO(sample.read_bytes())):
            for piece in block.pieces:
                line = _DATES.sub(today, block.data[piece.start : piece.end])
                line = (
                    line if block.text else json.dumps(json.loads(line)).encode() if not piece.error else b""
                )
                if line and _is_clean(line):
                    found.append(line + b"\n")
    return found


def _is_clean(line: bytes) -> bool:
    context = StreamContext(now=datetime.now(UTC))
    made = list(
        read(
            io.BytesIO(line),
            load_formats(),
            context,
            tables=Tables.builtin(),
            workspace=Workspace.from_name("default"),
        )
    )
    return not any(parsed.bad for parsed in made) and any(parsed.tables for parsed in made)


def mixed_lines(size: int) -> Iterator[bytes]:
    """Lines of every made-up kind, about `size` bytes in all, as many of each; a text is first, so that texts may follow."""
    kinds = [cycle(made_lines(name)) for name in sorted(MAKERS, key=lambda name: name != "syslog")]
    kinds += [cycle(list(flow_lines(name, 2 << 20))) for name in FLOWS]
    done = [0] * len(kinds)
    while sum(done) < size:
        kind = done.index(min(done))
        for line in islice(kinds[kind], 20):
            done[kind] += len(line)
            yield line


def write(path: Path, name: str, size: int) -> None:
    """A file of a format of about `size` bytes, or of all that are made up (MIXED)."""
    with path.open("wb") as file:
        if name == MIXED:
            file.writelines(mixed_lines(size))
            return
        if name in FLOWS:
            file.writelines(flow_lines(name, size))
            return
        lines = made_lines(name) if name in MAKERS else sample_lines(name)
        block = b"".join(lines)
        for _ in range(max(size // max(len(block), 1), 1)):
            file.write(block)
