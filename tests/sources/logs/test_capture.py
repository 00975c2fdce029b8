"""Files of Event Hubs Capture are read as their messages; hostile ones are an entry and cost no more than their size."""

from __future__ import annotations

import io
import json
from datetime import UTC, datetime
from typing import Any

import fastavro
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nephoscope.lake.tables import Tables
from nephoscope.lake.workspace import Workspace
from nephoscope.sources.logs import capture
from nephoscope.sources.logs.discovery import formats
from nephoscope.sources.logs.format import Context
from nephoscope.sources.logs.parsed import Parsed
from nephoscope.sources.logs.reading import read

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


def _file(bodies: list[bytes | None], codec: str = "null") -> bytes:
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
    return _avro(FIELDS, messages, codec)


def _avro(fields: list[dict[str, Any]], records: list[dict[str, Any]], codec: str = "null") -> bytes:
    target = io.BytesIO()
    schema = {
        "type": "record",
        "name": "EventData",
        "namespace": "Microsoft.ServiceBus.Messaging",
        "fields": fields,
    }
    fastavro.writer(target, schema, records, codec=codec)
    return target.getvalue()


def _read(data: bytes) -> list[Parsed]:
    context = Context("05.avro", NOW)
    return list(
        read(
            io.BytesIO(data),
            formats(),
            context,
            tables=Tables.builtin(),
            workspace=Workspace.named("default"),
        )
    )


def _computers(found: list[Parsed]) -> list[str]:
    return [
        name
        for one in found
        if "Heartbeat" in one.tables
        for name in one.tables["Heartbeat"]["Computer"].to_pylist()
    ]


def _bad(found: list[Parsed]) -> list[tuple[str, str]]:
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
        ("message 7, records[1]", "no format recognises the record: name its table with --table")
    ]
    assert found.outcome == (8, 0, 1, 2)


def test_many_messages_are_several_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(capture, "BLOCK", 1000)
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
        (_file([b"x" * 5000], "deflate"), "packed by 'deflate'"),
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
        (GOOD[:40], "the Avro file is broken"),
        (GOOD[:-40], "the Avro file is broken"),
        (HEADER + HUGE + HUGE, "a value of"),
        (HEADER + HUGE + b"\x04ab" + GOOD[-16:], "the Avro file is broken"),
        (HEADER + b"\x02\x01", "a value of -1 bytes"),
    ],
    ids=range(10),
)
def test_a_hostile_file_is_one_entry(data: bytes, told: str) -> None:
    found = _read(data)
    ((_, reason),) = _bad(found)
    assert told in reason


@given(st.data())
@settings(max_examples=150)
def test_damaged_files_end_in_rows_and_entries(draw: st.DataObject) -> None:
    at = draw.draw(st.integers(4, len(GOOD)))
    data = GOOD[:at] + draw.draw(st.binary(max_size=6)) + GOOD[at + draw.draw(st.integers(0, 6)) :]
    found = _read(data)
    for one in found:
        assert min(one.outcome) >= 0
    assert len(_computers(found)) + len(_bad(found)) >= (1 if data != GOOD else 2)
