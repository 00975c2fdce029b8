"""Files of Event Hubs Capture are read as their messages; hostile ones are an entry and cost no more than their size."""

from __future__ import annotations

import gzip
import io
import json
from base64 import b64encode
from datetime import UTC, datetime
from typing import Any

import fastavro
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nephoscope.ingest.logs import avro_capture
from nephoscope.ingest.logs.discovery import load_formats
from nephoscope.ingest.logs.log_format import StreamContext
from nephoscope.ingest.logs.log_reader import read
from nephoscope.ingest.logs.parsed_batch import ParsedBatch
from nephoscope.lake.schema.tables import Tables
from nephoscope.state.workspaces.workspace import Workspace

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
VALUES = ["long", "double", "string", "bytes"]
FIELDS: list[dict[str, Any]] = [
    {"name": "SequenceNumber", "type": "long"},
    {"name": "Offset", "type": "string"},
    {"name": "EnqueuedTimeUtc", "type": "string"},
    {"name": "SystemProperties", "type": {"type": "map", "values": VALUES}},
    {"name": "Properties", "type": {"type": "map", "values": [*VALUES, "null"]}},
    {"name": "Body", "type": ["null", "bytes"]},
]
LINE = b"<34>May 30 10:00:00 web-1 sshd[7]: hello"


def _record(name: str) -> dict[str, Any]:
    return {"Type": "Heartbeat", "TimeGenerated": "2026-06-01T10:00:00Z", "Computer": name}


def _file(bodies: list[bytes | None], codec: str = "null", sync_interval: int = 16_000) -> bytes:
    messages = [
        {
            "SequenceNumber": number,
            "Offset": str(number * 100),
            "EnqueuedTimeUtc": "6/1/2026 10:00:00 AM",
            "SystemProperties": {"x-opt-enqueued-time": 1780308000000},
            "Properties": {"k": None},
            "Body": body,
        }
        for number, body in enumerate(bodies)
    ]
    return _avro(FIELDS, messages, codec, sync_interval)


def _avro(
    fields: list[dict[str, Any]],
    records: list[dict[str, Any]],
    codec: str = "null",
    sync_interval: int = 16_000,
) -> bytes:
    target = io.BytesIO()
    schema = {
        "type": "record",
        "name": "EventData",
        "namespace": "Microsoft.ServiceBus.Messaging",
        "fields": fields,
    }
    fastavro.writer(target, schema, records, codec=codec, sync_interval=sync_interval)
    return target.getvalue()


def _read(data: bytes) -> list[ParsedBatch]:
    context = StreamContext("05.avro", NOW)
    return list(
        read(
            io.BytesIO(data),
            load_formats(),
            context,
            tables=Tables.builtin(),
            workspace=Workspace.from_name("default"),
        )
    )


def _computers(found: list[ParsedBatch]) -> list[str]:
    return [
        name
        for one in found
        if "Heartbeat" in one.tables
        for name in one.tables["Heartbeat"]["Computer"].to_pylist()
    ]


def _bad(found: list[ParsedBatch]) -> list[tuple[str, str]]:
    return [(entry.place, entry.reason) for one in found for entry in one.bad]


def test_messages_hold_whatever_streams_hold() -> None:
    records = [_record("a"), _record("b")]
    bodies = [
        json.dumps({"records": records}).encode(),
        "\n".join(map(json.dumps, records)).encode(),
        json.dumps({"body": json.dumps(records)}).encode(),
        LINE,
        None,
        b"",
        b'{"records":[' + json.dumps(records[0]).encode() + b',{"x":1}]}',
    ]
    (found,) = _read(_file(bodies))
    assert _computers([found]) == ["a", "b"] * 3 + ["a"]
    assert found.tables["Syslog"]["SyslogMessage"].to_pylist() == ["hello"]
    assert _bad([found]) == [
        ("message 7, records[1]", "no format recognizes the record: name its table with --table")
    ]
    assert found.outcome == (8, 0, 1, 2)


XML = (
    "<Events>\n<Event><System><EventID>1</EventID><TimeCreated SystemTime='2026-06-01T10:00:00Z'/><Channel>System</Channel>"
    "</System></Event>\n</Events>"
)
PACKED = gzip.compress(json.dumps({"records": [_record("a"), _record("b")]}).encode(), mtime=0)
LINES = gzip.compress(b"\n".join(json.dumps(_record(f"c{one}")).encode() for one in range(3)), mtime=0)


def test_messages_that_are_packed_by_gzip_are_opened() -> None:
    bodies = [
        PACKED,
        LINES + LINES,
        gzip.compress(LINE, mtime=0),
        gzip.compress(XML.encode(), mtime=0),
        XML.encode(),
    ]
    found = _read(_file(list(bodies)))
    assert _computers(found) == ["a", "b", *["c0", "c1", "c2"] * 2]
    assert [one.tables[name].num_rows for one in found for name in ("Syslog", "Event")] == [1, 2]
    assert not _bad(found)


def test_a_message_whose_gzip_is_broken_gives_what_is_before() -> None:
    many = b"\n".join(
        json.dumps(_record(f"c{one}" + "%08x" % (one * 2654435761 % 2**32))).encode() for one in range(3000)
    )
    cut = gzip.compress(many, mtime=0)[:-4000]
    bodies = [
        PACKED,
        cut,
        LINES[:-8] + b"\0" * 8,
        LINES + b"junk",
        gzip.compress(PACKED),
        gzip.compress(bytes(2**21)),
        PACKED,
    ]
    found = _read(_file(list(bodies)))
    names = _computers(found)
    assert names[:2] == names[-2:] == ["a", "b"]
    assert len(names) > 1000
    reasons = dict(_bad(found))
    assert reasons["message 2, its end"] == "the gzip of the message is cut"
    assert reasons["message 3, its end"].startswith("the gzip of the message is broken")
    assert reasons["message 4, its end"] == "4 bytes behind the gzip of the message are none"
    assert "gzip within another packing" in reasons["message 5, byte 0"]
    assert "unpacks to more than 1048576 bytes" in reasons["message 6, its end"]
    assert all(min(one.outcome) >= 0 for one in found)


@pytest.mark.parametrize("cut", [0, 9])
def test_gzip_in_messages_as_json_is_opened(cut: int) -> None:
    packed = PACKED[: len(PACKED) - cut]
    for body in (b64encode(packed).decode(), {"bytes": packed.decode("latin-1")}):
        found = _read(_file([json.dumps({"body": body}).encode()]))
        assert _computers(found) == (["a", "b"] if not cut else ["a", "b"][: len(_computers(found))])
        assert [reason for _, reason in _bad(found)][-1:] == (
            ["the gzip of the message is cut"] if cut else []
        )


def test_many_messages_are_several_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(avro_capture, "BLOCK", 1000)
    names = [f"c{number}" for number in range(60)]
    found = _read(_file([json.dumps(_record(name)).encode() for name in names]))
    assert len(found) > 3
    assert _computers(found) == names


@given(
    st.lists(
        st.lists(st.text(st.characters(codec="utf-8"), min_size=1, max_size=8), min_size=1, max_size=5),
        max_size=8,
    )
)
@settings(max_examples=40)
def test_what_was_captured_is_read(messages: list[list[str]]) -> None:
    bodies = [json.dumps({"records": [_record(name) for name in names]}).encode() for names in messages]
    found = _read(_file(list(bodies)))
    assert _computers(found) == [name for names in messages for name in names]
    assert not _bad(found)


GOOD = _file([json.dumps(_record("a")).encode(), json.dumps(_record("b")).encode()])
#: A block says that it has so many messages and bytes; Avro writes numbers zigzag, seven bits a byte.
HUGE = b"\xfe\xff\xff\xff\xff\xff\xff\xff\xff\x01"
HEADER = GOOD[: GOOD.index(GOOD[-16:]) + 16]


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (_file([b"x" * 5000], "deflate"), "compressed with 'deflate'"),
        (
            _avro([{"name": "Body", "type": {"type": "array", "items": "null"}}], [{"Body": [None] * 9}]),
            "not one of",
        ),
        (_avro([{"name": "x", "type": "long"}], [{"x": 1}]), "not one of Event Hubs Capture"),
        (_avro([{"name": "Body", "type": "long"}], [{"Body": 1}]), "not one of Event Hubs Capture"),
        (
            _avro([{"name": "Body", "type": ["bytes", "long"]}], [{"Body": 1}]),
            "not one of Event Hubs Capture",
        ),
        (GOOD[:40], "the Avro file is damaged"),
        (GOOD[:-40], "the file ends inside a block; 1 of its messages are read, then message 2 is cut"),
        (HEADER + HUGE + HUGE, "the file ends inside a block"),
        (
            HEADER + HUGE + b"\x04ab" + GOOD[-16:],
            "message 1 is cut; it says that it has 9223372036854775807 messages, 0 are read",
        ),
        (HEADER + b"\x02\x01", "the file ends inside a block"),
    ],
    ids=range(10),
)
def test_a_hostile_file_is_one_entry(data: bytes, told: str) -> None:
    found = _read(data)
    ((_, reason),) = _bad(found)
    assert told in reason


def _blocks(data: bytes) -> list[bytes]:
    """The blocks of a file, each with its marker."""
    marker = data[-16:]
    return [one + marker for one in data.split(marker)[1:-1]]


NAMES = [f"c{number}" for number in range(8)]
BLOCKS = _blocks(_file([json.dumps(_record(name)).encode() for name in NAMES], sync_interval=200))
MARKER = GOOD[-16:]


def test_the_file_has_several_blocks_of_several_messages() -> None:
    assert len(BLOCKS) == 4
    assert _computers(_read(HEADER + b"".join(_with_marker(one) for one in BLOCKS))) == NAMES


def _with_marker(block: bytes) -> bytes:
    return block[:-16] + MARKER


def _cut(block: bytes) -> bytes:
    return block[:20] + block[30:]


@pytest.mark.parametrize(
    ("broken", "lost", "told"),
    [
        (
            lambda block: b"\x7e" + block[1:],
            0,
            "the block is broken: it says that it has 63 messages, 2 are read",
        ),
        (
            lambda block: b"\x02" + block[1:],
            0,
            "it says that it has 1 messages, 2 are read",
        ),
        (lambda block: block[:1] + b"\xff" + block[2:], 0, "its size is not that of what it holds"),
        (
            lambda block: block[:-1] + bytes([block[-1] ^ 1]),
            0,
            "the marker behind the block is broken or missing",
        ),
        (lambda block: block[:-16], 0, "the marker behind the block is broken or missing"),
        (lambda block: b"junk" + block, 0, "its size is not that of what it holds"),
        (lambda block: b"\xff" * 20 + block, 0, "its size is not that of what it holds"),
        (_cut, 2, "its size is not that of what it holds"),
        (lambda block: block[:4] + b"\xff" * 9 + block[13:], 2, "message 1 cannot be read"),
        (lambda block: block[:-30], 1, "the block is broken"),
    ],
    ids=range(10),
)
@pytest.mark.parametrize("at", range(4))
def test_a_broken_block_takes_no_other_along(broken: Any, lost: int, told: str, at: int) -> None:
    blocks = [_with_marker(one) for one in BLOCKS]
    blocks[at] = broken(blocks[at])
    found = _read(HEADER + b"".join(blocks))
    others = [name for number, name in enumerate(NAMES) if number // 2 != at]
    names = _computers(found)
    assert [name for name in names if name in others] == others
    assert len(names) >= len(NAMES) - lost
    told = "" if at == 3 and not blocks[at].endswith(MARKER) else told
    assert any(told in reason for _, reason in _bad(found)), _bad(found)
    assert all(reason.rstrip(". ")[-1] != ":" for _, reason in _bad(found))


@given(st.data())
@settings(max_examples=150)
def test_damage_within_a_block_leaves_the_others_whole(draw: st.DataObject) -> None:
    blocks = [_with_marker(one) for one in BLOCKS]
    number = draw.draw(st.integers(0, 3))
    block = blocks[number]
    at = draw.draw(st.integers(0, len(block)))
    blocks[number] = (
        block[:at] + draw.draw(st.binary(max_size=6)) + block[at + draw.draw(st.integers(0, 9)) :]
    )
    found = _read(HEADER + b"".join(blocks))
    others = [name for place, name in enumerate(NAMES) if place // 2 != number]
    assert [name for name in _computers(found) if name in others] == others
    assert len(_computers(found)) + len(_bad(found)) >= (
        len(NAMES) if blocks[number] == block else len(others) + 1
    )


@given(st.data())
@settings(max_examples=150)
def test_damaged_files_end_in_rows_and_entries(draw: st.DataObject) -> None:
    at = draw.draw(st.integers(4, len(GOOD)))
    data = GOOD[:at] + draw.draw(st.binary(max_size=6)) + GOOD[at + draw.draw(st.integers(0, 6)) :]
    found = _read(data)
    for one in found:
        assert min(one.outcome) >= 0
    assert len(_computers(found)) + len(_bad(found)) >= (1 if data != GOOD else 2)
