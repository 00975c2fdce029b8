"""Records are found in whatever an event hub, Kafka or an export puts around them, and rows that only look so stay rows."""

from __future__ import annotations

import io
import json
from base64 import b64encode
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nephoscope.ingest.logs.discovery import load_formats
from nephoscope.ingest.logs.log_format import StreamContext
from nephoscope.ingest.logs.log_reader import read
from nephoscope.ingest.logs.parsed_batch import ParsedBatch
from nephoscope.lake.schema.tables import Tables
from nephoscope.state.workspaces.workspace import Workspace

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
VAULT = "/SUBSCRIPTIONS/11111111-2222-4333-8444-555555555555/RESOURCEGROUPS/RG/PROVIDERS/MICROSOFT.KEYVAULT/VAULTS/V"
LINE = "<34>May 30 10:00:00 web-1 sshd[7]: hello"


def _record(number: int) -> dict[str, Any]:
    return {
        "time": f"2026-06-01T10:00:{number:02}Z",
        "resourceId": VAULT,
        "category": "AuditEvent",
        "operationName": f"Secret{number}",
    }


def _read(data: bytes, table: str = "") -> ParsedBatch:
    context = StreamContext("a.json", NOW, table=table)
    (found,) = read(
        io.BytesIO(data),
        load_formats(),
        context,
        tables=Tables.builtin(),
        workspace=Workspace.from_name("default"),
    )
    return found


def _operations(found: ParsedBatch) -> list[str]:
    table = found.tables.get("AZKVAuditLogs")
    return [] if table is None else table.column("OperationName").to_pylist()


Wrap = Callable[[Any], Any]
WRAPS: dict[str, Wrap] = {
    "object": lambda value: {"body": value},
    "capital": lambda value: {"Body": value, "SequenceNumber": 7, "EnqueuedTimeUtc": "6/1/2026 10:00:00 AM"},
    "text": lambda value: {"body": json.dumps(value)},
    "base64": lambda value: {"Body": b64encode(json.dumps(value).encode()).decode()},
    "avro": lambda value: {
        "Body": {"bytes": json.dumps(value, ensure_ascii=False).encode().decode("latin-1")}
    },
    "kafka": lambda value: {"topic": "t", "partition": 0, "offset": 5, "payload": json.dumps(value)},
    "shipper": lambda value: {"@metadata": {"beat": "b"}, "message": json.dumps(value)},
    "records": lambda value: {"records": value if isinstance(value, list) else [value]},
    "records as text": lambda value: {"records": json.dumps(value if isinstance(value, list) else [value])},
    "records as an object": lambda value: {
        "records": value if isinstance(value, dict) else {"records": value}
    },
    "lines": lambda value: {
        "body": "\n".join(map(json.dumps, value if isinstance(value, list) else [value]))
    },
}


@pytest.mark.parametrize("name", WRAPS)
def test_records_are_found_in_every_wrap(name: str) -> None:
    records = [_record(number) for number in range(3)]
    for value in (records, {"records": records}):
        found = _read(json.dumps(WRAPS[name](value)).encode())
        assert _operations(found) == ["Secret0", "Secret1", "Secret2"]
        assert found.outcome == (3, 0, 0, 0)
        assert not found.bad
    assert _operations(_read(json.dumps(WRAPS[name](_record(5))).encode())) == ["Secret5"]


@given(st.lists(st.sampled_from(sorted(WRAPS)), max_size=3), st.integers(1, 4))
@settings(max_examples=60)
def test_wraps_within_wraps_are_taken_off(names: list[str], count: int) -> None:
    value: Any = [_record(number) for number in range(count)]
    for name in names:
        value = WRAPS[name](value)
    found = _read(json.dumps(value).encode())
    assert _operations(found) == [f"Secret{number}" for number in range(count)]
    assert found.outcome == (count, 0, 0, 0)


def test_lines_of_text_in_a_message_are_read() -> None:
    for body in (LINE, f"{LINE}\n{LINE}\n", b64encode(LINE.encode()).decode()):
        found = _read(json.dumps({"body": body}).encode())
        assert set(found.tables["Syslog"].column("SyslogMessage").to_pylist()) == {"hello"}
        assert not found.bad


def test_what_is_bad_in_a_message_is_set_aside_alone() -> None:
    old = {**_record(1), "time": "1999-06-01T10:00:00Z"}
    broken = (
        '{"records":['
        + ",".join([json.dumps(_record(0)), '{"time":}', json.dumps(old), json.dumps({"x": 1})])
        + "]}"
    )
    data = json.dumps({"body": broken}) + "\n" + json.dumps({"body": {"records": [_record(2), 5]}})
    found = _read(data.encode())
    assert _operations(found) == ["Secret0", "Secret2"]
    assert [(entry.place, entry.reason[:24]) for entry in found.bad] == [
        ("line 1.body.records[1]", "not JSON: invalid charac"),
        ("line 1.body.records[3]", "no format recognizes the"),
        ("line 2.body.records[1]", "expected a JSON object"),
        ("line 1.body.records[2]", "TimeGenerated is older t"),
    ]
    assert found.outcome == (2, 0, 4, 0)


@pytest.mark.parametrize(
    "body",
    ["hello", "", {"a": 1}, [1, 2], '{"a":1}', "{", "aGVsbG8gd29ybGQ=", [], {"records": [{"a": 1}]}, None, 5],
)
def test_an_object_whose_body_is_nothing_known_is_one_entry(body: Any) -> None:
    found = _read(json.dumps({"body": body, "x": 1}).encode())
    assert not found.tables
    assert [(entry.place, entry.reason) for entry in found.bad] == [
        ("line 1", "no format recognizes the record: name its table with --table")
    ]
    assert found.outcome == (0, 0, 1, 0)


BODIES = st.sampled_from(["body", "Body", "message", "payload", "records"])
INNER = st.sampled_from([_record(0), {"records": [_record(0)]}, json.dumps([_record(0)]), LINE])


@given(BODIES, INNER)
def test_a_row_of_a_table_that_has_such_a_column_stays_a_row(name: str, inner: Any) -> None:
    row = {"TimeGenerated": "2026-06-01T10:00:00Z", "Computer": "c", name: inner}
    for data, table in (({**row, "Type": "Heartbeat"}, ""), (row, "Heartbeat")):
        found = _read(json.dumps(data).encode(), table)
        assert set(found.tables) == {"Heartbeat"}
        (kept,) = found.tables["Heartbeat"].to_pylist()
        assert json.loads(kept["_AdditionalFields"]) == {name: inner}


def test_rows_of_the_table_that_is_asked_for_are_found_in_messages() -> None:
    rows = [{"TimeGenerated": "2026-06-01T10:00:00Z", "Computer": name} for name in ("a", "b")]
    for body in (rows, {"records": rows}, json.dumps(rows)):
        found = _read(
            json.dumps({"body": body, "enqueuedTimeUtc": "2026-06-01T10:00:00Z"}).encode(), "Heartbeat"
        )
        assert found.tables["Heartbeat"].column("Computer").to_pylist() == ["a", "b"]
    found = _read(json.dumps({"body": {"Computer": "no time"}}).encode(), "Heartbeat")
    assert [entry.reason for entry in found.bad] == ["the row has no TimeGenerated"]


def test_secrets_in_what_was_packed_are_masked() -> None:
    record = {
        **_record(0),
        "properties": {"requestUri": "https://v/?sig=abcdefghijkl", "password": "hunter2"},
    }
    for name in ("text", "base64", "avro"):
        found = _read(json.dumps(WRAPS[name](record)).encode())
        text = str([table.to_pylist() for table in found.tables.values()])
        assert "abcdefghijkl" not in text
        assert "hunter2" not in text
    bad = {
        "body": b64encode(json.dumps([_record(0), record | {"time": "sig=abcdefghijkl"}]).encode()).decode()
    }
    (entry,) = _read(json.dumps(bad).encode()).bad
    assert "abcdefghijkl" not in entry.raw + entry.reason


def test_wraps_are_bounded() -> None:
    value: Any = _record(0)
    for _ in range(40):
        value = {"body": value}
    found = _read(json.dumps(value).encode())
    assert not found.tables
    assert found.outcome == (0, 0, 1, 0)
    value = [_record(0), value]
    found = _read(json.dumps({"body": value}).encode())
    assert _operations(found) == ["Secret0"]
    assert [entry.reason for entry in found.bad] == ["its records are wrapped more than 8 times"]
