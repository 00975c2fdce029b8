"""Fuzzed neighbors: whatever a damaged record is, a sound one that stands before or behind it is a row, and sums are equal."""

from __future__ import annotations

import gzip
import io
import json
import random
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import fastavro
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from nephoscope.ingest.logs.discovery import load_formats
from nephoscope.ingest.logs.log_format import StreamContext
from nephoscope.ingest.logs.log_reader import read
from nephoscope.ingest.logs.parsed_batch import ParsedBatch
from nephoscope.ingest.logs.windows_event_splitter import EventCutter
from nephoscope.lake.schema.tables import Tables
from nephoscope.state.workspaces.workspace import Workspace

CASES = Path(__file__).parent / "cases"
NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
TABLES, WORKSPACE = Tables.builtin(), Workspace.from_name("default")
QUICK, FULL = 60, 4000


def _rows(data: bytes) -> list[str]:
    """The names of the sound records, in their order; every record of the file is a row or an entry."""
    stream, context = io.BytesIO(data), StreamContext("fuzz", NOW)
    found: list[ParsedBatch] = list(read(stream, load_formats(), context, tables=TABLES, workspace=WORKSPACE))
    for one in found:
        assert min(one.outcome) >= 0
        assert one.outcome.aside + one.outcome.partly <= len(one.bad)
        assert all(entry.reason for entry in one.bad)
    names = [
        name
        for one in found
        for table in ("Event", "Heartbeat")
        if table in one.tables
        for name in one.tables[table]["Computer"].to_pylist()
    ]
    return [name for name in names if name.startswith("sound-")]


def _damaged(data: bytes, source: random.Random) -> bytes:
    for _ in range(source.randrange(1, 4)):
        at = source.randrange(len(data) + 1)
        upto = min(len(data), at + source.randrange(30))
        data = source.choice(
            [
                data[:at],
                data[at:],
                data[:at] + bytes(source.randrange(256) for _ in range(source.randrange(1, 4))) + data[at:],
                data[:at] + data[upto:],
                data[:at] + data[source.randrange(len(data) + 1) :],
                data[:at]
                + source.choice([b"<", b">", b"&", b"&#1;", b"<!--", b"<![CDATA[", b'"', b"\0", b"</Event>"])
                + data[at:],
            ]
        )
    return data


def _events() -> list[bytes]:
    """The events of the samples."""
    pieces = (
        piece
        for sample in sorted(CASES.glob("windows-event-*/*.in"))
        for piece in EventCutter(io.BytesIO(sample.read_bytes())).pieces()
    )
    return [
        piece.data
        for piece in pieces
        if not piece.error and b"<![CDATA[" not in piece.data and b"<!--" not in piece.data
    ]


def _sound_event(name: str) -> bytes:
    return (
        "<Event><System><EventID>1</EventID><TimeCreated SystemTime='2026-06-01T10:00:00Z'/><Channel>System</Channel>"
        f"<Computer>{name}</Computer></System><EventData><Data Name='A'>b</Data></EventData></Event>"
    ).encode()


def _xml(source: random.Random, seeds: list[bytes]) -> tuple[bytes, list[str]]:
    """A document of sound events and one or two damaged ones in each place between."""
    names = [f"sound-{number}" for number in range(5)]
    parts = []
    for name in names:
        parts += [_damaged(source.choice(seeds), source) for _ in range(source.randrange(3))]
        parts.append(_sound_event(name))
    between = source.choice([b"", b"\n"])
    return b"<Events>" + between.join(parts) + b"</Events>", names


def _sound_record(name: str) -> dict[str, Any]:
    return {"Type": "Heartbeat", "TimeGenerated": "2026-06-01T10:00:00Z", "Computer": name}


def _json(source: random.Random, name: str) -> bytes:
    """A record, most with values that nest."""
    bags: list[Any] = [{"a": [1, {"b": "c"}], "d": {}}, [[], [{}]], 'x{["\\', None]
    bag = {"Bag_d": source.choice(bags)} if source.random() < 0.7 else {}
    return json.dumps(_sound_record(name) | bag).encode()


def _damaged_line(source: random.Random) -> bytes:
    """A damaged line of JSON; with what begins as the rest of a list or an object does, the lines before it may be a record."""
    return _damaged(_json(source, "hurt"), source).replace(b"\n", b" ").lstrip(b",]}[ ")


def _lines(source: random.Random, _: list[bytes]) -> tuple[bytes, list[str]]:
    """Lines of JSON, up to two damaged ones in each place between sound ones; the first line tells what the file is."""
    names = [f"sound-{number}" for number in range(5)]
    lines = []
    for name in names:
        lines += [_damaged_line(source) for _ in range(source.randrange(3) if lines else 0)]
        lines.append(_json(source, name))
    return b"\n".join(lines) + source.choice([b"", b"\n"]), names


def _list(source: random.Random, opening: bytes, closing: bytes) -> tuple[bytes, list[str]]:
    """A list of records one of which has a byte that JSON has not, or lacks its own end or begin."""
    names = [f"sound-{number}" for number in range(6)]
    records = [_json(source, name) for name in names]
    hurt = _json(source, "hurt")
    at = source.randrange(1, len(hurt) - 1)
    put = bytes([source.choice(b"\x00\x01<&\xff~#")])
    records.insert(source.randrange(7), source.choice([hurt[:at] + put + hurt[at:], hurt[:-1], hurt[1:]]))
    return opening + source.choice([b",", b",\n", b" , "]).join(records) + closing, names


def _csv(source: random.Random, _: list[bytes]) -> tuple[bytes, list[str]]:
    """Rows of CSV with quotes, and damaged ones between."""
    names = [f"sound-{number}" for number in range(6)]
    rows = []
    for name in names:
        hurt = b'Heartbeat,2026-06-01T10:00:00Z,hurt,"a, ""b"""'
        rows += [_damaged(hurt, source).replace(b"\n", b" ") for _ in range(source.randrange(3))]
        rows.append(f'Heartbeat,2026-06-01T10:00:00Z,{name},"a, ""b"""'.encode())
    return b"Type,TimeGenerated,Computer,OSName\n" + b"\n".join(rows) + b"\n", names


def _parquet(source: random.Random, _: list[bytes]) -> tuple[bytes, list[str]]:
    """A file of Parquet one row group of which is damaged within its pages."""
    names = [f"sound-{number}" for number in range(12)]
    target = io.BytesIO()
    rows = pa.Table.from_pylist([_sound_record(name) for name in names])
    pq.write_table(rows, target, row_group_size=3, write_page_checksum=True)
    data, number = bytearray(target.getvalue()), source.randrange(4)
    column = pq.ParquetFile(io.BytesIO(bytes(data))).metadata.row_group(number).column(source.randrange(3))
    begin = column.dictionary_page_offset or column.data_page_offset
    for _ in range(source.randrange(1, 9)):
        data[begin + source.randrange(column.total_compressed_size)] = source.randrange(256)
    return bytes(data), names[: number * 3] + names[number * 3 + 3 :]


def _avro(source: random.Random, seeds: list[bytes]) -> tuple[bytes, list[str]]:
    """A file of Avro one block of which is damaged."""
    names = [f"sound-{number}" for number in range(12)]
    schema = {
        "type": "record",
        "name": "E",
        "fields": [{"name": "N", "type": "long"}, {"name": "Body", "type": "bytes"}],
    }
    packed = source.random() < 0.5
    bodies = [json.dumps(_sound_record(name)).encode() for name in names]
    records = [{"N": 7, "Body": gzip.compress(body, mtime=0) if packed else body} for body in bodies]
    target = io.BytesIO()
    fastavro.writer(
        target,
        schema,
        records,
        sync_interval=150,
        sync_marker=bytes(source.randrange(256) for _ in range(16)),
    )
    marker = target.getvalue()[-16:]
    header, *blocks = target.getvalue().split(marker)[:-1]
    number = source.randrange(len(blocks))
    whole = [block + marker for block in blocks]
    hurt = whole[number]
    whole[number] = _damaged(hurt, source)
    each = len(names) // len(blocks)
    others = names[: number * each] + names[(number + 1) * each :]
    return header + marker + b"".join(whole), others


MADE: dict[str, Callable[[random.Random, list[bytes]], tuple[bytes, list[str]]]] = {
    "xml": _xml,
    "avro": _avro,
    "lines": _lines,
    "wrap": lambda source, _: _list(source, b'{"records":[', b"]}"),
    "array": lambda source, _: _list(source, b"[", b"]"),
    "csv": _csv,
    "parquet": _parquet,
}


def _fuzz(kind: str, count: int) -> None:
    source, seeds = random.Random(kind), _events()
    assert len(seeds) > 10
    for _ in range(count):
        data, names = MADE[kind](source, seeds)
        found = _rows(data)
        kept = [name for name in found if name in names]
        assert kept == names, data


@pytest.mark.parametrize("kind", MADE)
def test_a_damaged_record_takes_no_sound_one_along(kind: str) -> None:
    _fuzz(kind, QUICK)


@pytest.mark.full
@pytest.mark.parametrize("kind", MADE)
def test_many_damaged_records_take_no_sound_one_along(kind: str) -> None:
    _fuzz(kind, FULL)
