"""Fuzzed lines of every format that is found: no crash, and every line is a row, a quarantine entry, or told nothing; sums are equal.

Seeds are the formats' own samples; a seed is damaged as JSON (values replaced, members renamed, dropped, nested) and as bytes.
"""

from __future__ import annotations

import io
import json
import random
import re
from collections.abc import Iterator
from copy import deepcopy
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from nephoscope.ingest.logs import json_resync
from nephoscope.ingest.logs.discovery import load_formats
from nephoscope.ingest.logs.format_dispatch import RecordReader
from nephoscope.ingest.logs.log_format import StreamContext
from nephoscope.ingest.logs.log_reader import read_batches
from nephoscope.ingest.logs.parsed_batch import parse_batch
from nephoscope.ingest.logs.record_framing import blocks
from nephoscope.ingest.logs.row_batch import LogBatch
from nephoscope.ingest.logs.secret_masking import is_suspect
from nephoscope.lake.schema.tables import Tables
from nephoscope.state.workspaces.workspace import Workspace

CASES = Path(__file__).parent / "cases"
CONTEXT = StreamContext(source="fuzz", now=datetime(2026, 6, 1, 12, tzinfo=UTC))
TABLES, WORKSPACE = Tables.builtin(), Workspace.from_name("default")
QUICK, FULL = 2_000, 120_000
NAMES = load_formats().names()
ODD: tuple[Any, ...] = (
    *(
        None,
        True,
        False,
        0,
        -1,
        2**31,
        2**63 - 1,
        2**64,
        -(2**70),
        1.5,
        1e308,
        "",
        " ",
        "null",
        "{}",
        "[]",
        '{"a":',
        "x" * 300,
    ),
    *(
        [],
        {},
        [None],
        [[[]]],
        {"": ""},
        {"a": {"b": {"c": []}}},
        "2026-06-01T10:00:00Z",
        "9999-12-31T23:59:59.9999999Z",
        "0001-01-01",
    ),
    *(
        "\u0000",
        "\u00e9\U0001f600",
        "\ud83d",
        "-",
        "NaN",
        "1e999",
        "0x10",
        "10.0.0.1",
        "::1",
        "2026-13-45",
        1780308000,
        1780308000123,
        "S-1-5-18",
    ),
)
#: What holds no record at all: brackets, commas, blanks and the openings of envelopes.
NO_RECORD = re.compile(rb"(?:[\s\[\]\},]|%b\[)*" % json_resync.WRAPPER.pattern.partition(rb"\[(?=")[0])


def _seeds(name: str) -> list[bytes]:
    """Records, or lines, of a format's samples."""
    found = []
    for sample in sorted(CASES.glob(f"{name}/*.in")):
        data = sample.read_bytes()
        if data.startswith(b"PAR1"):
            found.append(data)
            continue
        for block in blocks(io.BytesIO(data)):
            found += [block.data[piece.start : piece.end].strip() for piece in block.pieces]
    return found


def _places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        yield (*path, key)
        yield from _places(item, (*path, key))


def _as_json(value: Any, source: random.Random) -> None:
    """Damage a JSON value in place."""
    places = list(_places(value))
    if not places:
        return
    *path, last = source.choice(places)
    for key in path:
        value = value[key]
    kind = source.randrange(5)
    if kind == 0 and isinstance(value, dict):
        value[str(last).swapcase()] = value.pop(last)
    elif kind == 1:
        del value[last]
    elif kind == 2:
        value[last] = {"x": value[last]} if source.random() < 0.5 else [value[last]]
    elif kind == 3:
        value[last] = json.dumps(value[last])
    else:
        value[last] = deepcopy(source.choice(ODD))


def _as_bytes(data: bytes, source: random.Random) -> bytes:
    at = source.randrange(len(data) + 1)
    kind = source.randrange(5)
    if kind == 0:
        return data[:at]
    if kind == 1:
        return data[:at] + bytes(source.randrange(256) for _ in range(source.randrange(1, 4))) + data[at:]
    if kind == 2:
        return data[:at] + data[at + source.randrange(1, 20) :]
    if kind == 3:
        return (
            data[:at]
            + source.choice([b'"', b"{", b"}", b"[", b"]", b",", b"\\", b"\0", b"\xff", b" "])
            + data[at + 1 :]
        )
    return data[:at] + data[source.randrange(len(data)) :]


def _fuzzed(seed: bytes, source: random.Random) -> bytes:
    data = seed
    if seed.startswith(b"{") and source.random() < 0.7:
        try:
            value = json.loads(seed)
        except ValueError:
            pass
        else:
            for _ in range(source.randrange(1, 4)):
                _as_json(value, source)
            data = json.dumps(value).encode("utf-8", "surrogatepass")
    if data is seed or source.random() < 0.2:
        data = _as_bytes(data, source)
    return data.replace(b"\n", b" ").replace(b"\r", b" ")


def _made(batch: LogBatch) -> int:
    ready = sum(table.num_rows for one in batch.ready for table in one.tables.values())
    return ready + sum(map(len, batch.rows.values()))


def _kept(batch: LogBatch) -> None:
    """What the tables do not take of a batch's rows is in the quarantine."""
    found = parse_batch(batch, CONTEXT, TABLES, WORKSPACE)
    rows = sum(table.num_rows for table in found.tables.values())
    left_out = found.bad[len(batch.bad) :]
    assert rows + sum(1 + len(entry.others) for entry in left_out) == _made(batch)
    assert found.bad[: len(batch.bad)] == batch.bad
    assert all(len({entry.table, *entry.others}) == 1 + len(entry.others) for entry in left_out)
    assert found.outcome.records == batch.records
    assert min(found.outcome) >= 0
    assert all(len(entry.raw) <= 65_536 and entry.reason for entry in found.bad)


def _accounted(data: bytes) -> None:
    """Every byte of a stream is in a piece or holds no record, and every piece is told of."""
    reader, at = RecordReader(load_formats(), CONTEXT), 0
    for block in blocks(io.BytesIO(data)):
        batch = LogBatch(block.end)
        for piece in block.pieces:
            assert NO_RECORD.fullmatch(data, at, block.start + piece.start), data[
                at : block.start + piece.start
            ]
            before = _made(batch) + len(batch.bad) + batch.empty
            record = block.data[piece.start : piece.end]
            reader._piece(block, piece, record, is_suspect(record), batch)
            assert _made(batch) + len(batch.bad) + batch.empty > before
            at = block.start + piece.end
        _kept(batch)
    assert NO_RECORD.fullmatch(data, at), data[at:]


def _fuzz(name: str, count: int) -> int:
    source = random.Random(name)
    if any(form.name == name for form in load_formats().files):
        return _fuzz_files(name, count, source)
    seeds = _seeds(name)
    assert seeds, f"{name} has no samples"
    lines = [_fuzzed(source.choice(seeds), source) for _ in range(count)]
    for line in lines[::2]:
        _accounted(line)
    for start in range(1, count, 200):
        together = lines[start : start + 200 : 2]
        _accounted(b"\n".join(together))
        _accounted(b'{"records":[' + b",".join(together) + b"]}")
        _accounted(json.dumps({"body": b"\n".join(together).decode("utf-8", "replace")}).encode())
        _accounted(
            json.dumps(
                {"records": [{"Body": {"bytes": line.decode("latin-1")}} for line in together]}
            ).encode()
        )
        for batch in read_batches(io.BytesIO(b"\n".join(together)), load_formats(), CONTEXT):
            _kept(batch)
    return len(lines)


def _fuzz_files(name: str, count: int, source: random.Random) -> int:
    """Damaged files of a format that reads files as a whole: a row or an entry for every item."""
    seeds = [sample.read_bytes() for sample in sorted(CASES.glob(f"{name}/*.in"))]
    lines = 0
    while lines < count:
        data = source.choice(seeds)
        for _ in range(source.randrange(1, 4)):
            data = _as_bytes(data, source) or b"x"
        lines += data.count(b"\n") + 1
        for batch in read_batches(io.BytesIO(data), load_formats(), CONTEXT):
            assert _made(batch) + len(batch.bad) + batch.empty >= batch.records
            _kept(batch)
    return lines


@pytest.mark.parametrize("name", NAMES)
def test_fuzzed_lines_are_accounted_for(name: str) -> None:
    assert _fuzz(name, QUICK // len(NAMES)) > 0


@pytest.mark.full
@pytest.mark.parametrize("name", NAMES)
def test_many_fuzzed_lines_are_accounted_for(name: str) -> None:
    assert _fuzz(name, FULL // len(NAMES) + 1) * len(NAMES) >= 100_000
