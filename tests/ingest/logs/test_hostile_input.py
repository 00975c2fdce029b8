"""Input that is not what it should be: nothing of it is lost or trusted in silence, and the reason names what is wrong."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import tarfile
import zipfile
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from nephoscope.files.snapshot_files import ArchiveLimits
from nephoscope.ingest.logs.discovery import load_formats
from nephoscope.ingest.logs.load_files import find_files, open_source
from nephoscope.ingest.logs.log_format import StreamContext
from nephoscope.ingest.logs.log_reader import read, read_batches
from nephoscope.ingest.logs.parsed_batch import ParsedBatch
from nephoscope.ingest.logs.timestamps import parse_moment
from nephoscope.lake.schema.tables import Tables
from nephoscope.state.workspaces.workspace import Workspace

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
T = "2026-06-01T10:00:00Z"
SUBSCRIPTION = "11111111-2222-4333-8444-555555555555"
FIREWALL = f"/SUBSCRIPTIONS/{SUBSCRIPTION}/RESOURCEGROUPS/RG/PROVIDERS/MICROSOFT.NETWORK/AZUREFIREWALLS/FW"
VAULT = FIREWALL.replace("NETWORK/AZUREFIREWALLS/FW", "KEYVAULT/VAULTS/V")
HEADER = "TimeGenerated,Computer,OSType\n"


def _parsed(
    data: bytes, name: str = "a.log", table: str = "", form: str = "", **context: Any
) -> list[ParsedBatch]:
    known = load_formats().select_format(form) if form else load_formats()
    return list(
        read(
            io.BytesIO(data), known, StreamContext(name, NOW, table=table, **context),
            tables=Tables.builtin(), workspace=Workspace.from_name("default"),
        )
    )  # fmt: skip


def _rows(found: list[ParsedBatch], table: str) -> list[dict[str, Any]]:
    return [row for one in found if table in one.tables for row in one.tables[table].to_pylist()]


def _bad(found: list[ParsedBatch]) -> list[tuple[str, str]]:
    return [(entry.place, entry.reason) for one in found for entry in one.bad]


def _syslog(message: bytes) -> bytes:
    return b"<34>Jun  1 10:00:00 web-1 app: " + message


@pytest.mark.parametrize(
    ("message", "text"),
    [
        (b"M\xfcller", "M\u00fcller"),
        (b"\x80 100 \x93ok\x94", "\u20ac 100 \u201cok\u201d"),
        ("M\u00fcller".encode() + b" \xe2\x82", "M\u00fcller \u00e2\u201a"),
    ],
    ids=["latin-1", "windows-1252", "UTF-8 that is cut within a character"],
)
def test_a_line_that_is_no_utf8_is_read_in_the_code_page_and_counted(message: bytes, text: str) -> None:
    found = _parsed(_syslog(b"one") + b"\n" + _syslog(message) + b"\n")
    assert [row["SyslogMessage"] for row in _rows(found, "Syslog")] == ["one", text]
    assert [one.recoded for one in found] == [1]


def test_a_byte_that_is_no_character_is_told_with_its_place(subtests: Any) -> None:
    before = _syslog(b"one") + b"\n"
    for message, page, reason in (
        (b"x\x81y", "cp1252", "neither UTF-8 nor cp1252"),
        (b"x\xfcy", "utf-8", "not UTF-8"),
    ):
        with subtests.test(page):
            found = _parsed(before + _syslog(message) + b"\n", encoding=page)
            at = len(before) + len(_syslog(b"x"))
            told = f"the text is {reason}: say what it is with --encoding (byte {at})"
            assert _bad(found) == [("line 2", told)]
            assert "\\x" in found[0].bad[0].raw, "its bytes are kept"


def test_json_that_is_no_utf8_is_read_by_the_same_rule() -> None:
    record = {
        "time": T,
        "resourceId": FIREWALL,
        "category": "AZFWNetworkRule",
        "properties": {"Rule": "R\u00fcck"},
    }
    found = _parsed(json.dumps(record, ensure_ascii=False).encode("latin-1"))
    assert [row["Rule"] for row in _rows(found, "AZFWNetworkRule")] == ["R\u00fcck"]
    assert found[0].recoded == 1


@pytest.mark.parametrize("behind", [b"", b"\n", b'\n{"b":1}\n'])
def test_half_of_a_surrogate_pair_takes_no_record_along(behind: bytes) -> None:
    found = _parsed(
        b'{"TimeGenerated":"2026-06-01T10:00:00Z","Computer":"x\\ud83d"}' + behind, table="Heartbeat"
    )
    assert [row["Computer"] for row in _rows(found, "Heartbeat")] == [r"x\ud83d"]
    assert sum(one.halves for one in found) == 1


def test_half_of_a_surrogate_pair_in_json_within_json_takes_no_record_along() -> None:
    inner = r"{\"operation\":\"a\\udc00b\"}"
    record = f'{{"time":"2026-06-01T10:00:00Z","resourceId":"{VAULT}","category":"AuditEvent","properties":"{inner}"}}'
    (row,) = _rows(_parsed(record.encode()), "AZKVAuditLogs")
    assert json.loads(row["_AdditionalFields"]) == {"operation": r"a\udc00b"}


def test_a_record_that_is_cut_within_a_pair_is_cut() -> None:
    assert _bad(_parsed(b'{"a":"x\\ud83d\\ud')) == [("line 1", "the stream ends inside a record")]


def test_of_two_members_of_one_name_the_last_counts_for_every_reader() -> None:
    """As for most readers of JSON, which leaves it open (RFC 8259, section 4)."""
    time = '"time":"2026-06-01T10:00:00Z"'
    inner = r"{\"a\":1,\"a\":2}"
    vault = f'{{{time},"resourceId":"{VAULT}","category":"AuditEvent","operationName":"x","operationName":"y","properties":"{inner}"}}'
    (row,) = _rows(_parsed(vault.encode()), "AZKVAuditLogs")
    assert (row["OperationName"], json.loads(row["_AdditionalFields"])) == ("y", {"a": 2})
    (row,) = _rows(
        _parsed(b'{"TimeGenerated":"2026-06-01T10:00:00Z","Computer":"x","Computer":"y"}', table="Heartbeat"),
        "Heartbeat",
    )
    assert row["Computer"] == "y"
    wrapped = f'{{"body":{{"records":[]}},"body":{{"records":[{vault}]}}}}'
    assert [row["OperationName"] for row in _rows(_parsed(wrapped.encode()), "AZKVAuditLogs")] == ["y"]


def _vault(time: str) -> bytes:
    record = {"time": time, "resourceId": VAULT, "category": "AuditEvent", "operationName": "SecretGet"}
    return json.dumps(record).encode()


def test_a_bad_record_of_two_tables_is_one_entry() -> None:
    lines = [_vault("2026-06-01T10:00:00Z"), _vault("1999-06-01T10:00:00Z"), _vault("2027-06-01T10:00:00Z")]
    (found,) = _parsed(b"\n".join(lines))
    assert {name: rows.num_rows for name, rows in found.tables.items()} == {
        "AZKVAuditLogs": 1,
        "AzureDiagnostics": 1,
    }
    assert [(entry.place, entry.reason, entry.table, entry.others) for entry in found.bad] == [
        (
            "line 2",
            "TimeGenerated is older than the 90 days that the table is kept",
            "AZKVAuditLogs",
            ("AzureDiagnostics",),
        ),
        ("line 3", "TimeGenerated lies more than a day ahead", "AZKVAuditLogs", ("AzureDiagnostics",)),
    ]
    assert found.outcome == (1, 0, 2, 0)


def test_a_record_that_one_of_its_tables_keeps_is_an_entry_for_the_other() -> None:
    workspace = replace(Workspace.from_name("default"), table_days={"AzureDiagnostics": 2})
    (found,) = read(
        io.BytesIO(_vault("2026-05-20T10:00:00Z")), load_formats(), StreamContext("a.log", NOW),
        tables=Tables.builtin(), workspace=workspace,
    )  # fmt: skip
    assert found.tables["AZKVAuditLogs"].num_rows == 1
    assert [entry.table for entry in found.bad] == ["AzureDiagnostics"]
    assert found.outcome == (0, 1, 0, 0)


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
def test_csv_of_every_separator_is_read(separator: str) -> None:
    text = (HEADER + f'{T},web-1,"a{separator}b"\n').replace(",", separator)
    for said in ("", f"sep={separator}\r\n"):
        (row,) = _rows(_parsed((said + text).encode(), "a.txt", "Heartbeat"), "Heartbeat")
        assert (row["Computer"], row["OSType"]) == ("web-1", f"a{separator}b")


@pytest.mark.parametrize(
    ("text", "place", "reason"),
    [
        (f"TimeGenerated,Computer,Computer\n{T},a,b\n", "line 1", "the header has a duplicate column: 'Computer'"),
        (HEADER + f"{T},a,b\n{T},a", "line 3", "the header has 3 columns, the row 2"),
        (HEADER + f"{T},a,b,c\n", "line 2", "the row 4; a field that contains the separator must be quoted"),
        (HEADER + f'{T},"a,b\n{T},a,b\n', "line 2", "it takes 2 lines: a quote is not closed"),
        (f"Computer,OSType\n{T},a\n", "line 1", "the header has no time column"),
        ("Computer\na\n", "line 1", "the header has no time column"),
        (HEADER + "never,a,b\n", "line 2.TimeGenerated", "not a time: 'never'"),
    ],
)  # fmt: skip
def test_csv_that_would_lose_something_is_told_with_its_row(text: str, place: str, reason: str) -> None:
    (found,) = _bad(_parsed(text.encode(), "a.csv", "Heartbeat"))
    assert found[0] == place
    assert reason in found[1]


@pytest.mark.parametrize("broken", ['"a,b', 'a,"b', '"a"x,"b'])
@pytest.mark.parametrize("behind", [1, 3])
def test_a_quote_of_csv_that_is_not_closed_takes_no_row_along(broken: str, behind: int) -> None:
    good = [f'{T},c{number},"x\n""{number}"""\n' for number in range(5)]
    rows = [*good[: 5 - behind], f"{T},{broken}\n", *good[5 - behind :]]
    found = _parsed((HEADER + "".join(rows)).encode(), "a.csv", "Heartbeat")
    assert [row["Computer"] for row in _rows(found, "Heartbeat")] == [f"c{number}" for number in range(5)]
    ((place, _),) = _bad(found)
    assert place == f"line {2 + 2 * (5 - behind)}"


def test_text_in_a_quote_that_csv_breaks_off_in_is_no_row() -> None:
    text = HEADER + f'{T},a,b\n{T},c,"text\n{T},forged,x\n{T},forged,"'
    for size in range(len(text) - 12, len(text)):
        found = _parsed(text[:size].encode(), "a.csv", "Heartbeat")
        assert [row["Computer"] for row in _rows(found, "Heartbeat")] == ["a"]
        ((place, reason),) = _bad(found)
        assert place.startswith("line 5")
        assert "a quote is not closed; the file breaks off inside it" in reason


def test_csv_is_read_in_the_code_page_too() -> None:
    found = _parsed((HEADER + f"{T},M\u00fcller,b\n{T},a,b\n").encode("cp1252"), "a.csv", "Heartbeat")
    assert [row["Computer"] for row in _rows(found, "Heartbeat")] == ["M\u00fcller", "a"]
    assert found[0].recoded == 1
    at = len((HEADER + f"{T},M").encode())
    found = _parsed((HEADER + f"{T},M").encode() + b"\x8f,b\n", "a.csv", "Heartbeat")
    assert _bad(found) == [
        ("line 2", f"the text is neither UTF-8 nor cp1252: say what it is with --encoding (byte {at})")
    ]


def test_a_named_format_that_a_file_is_not_is_told_once() -> None:
    found = _parsed(b"\x00\x01\x02\n" * 50, form="csv")
    assert [place for place, _ in _bad(found)] == ["line 1"]


def test_columns_that_say_whose_a_row_is_are_kept_and_not_trusted() -> None:
    record = {
        "time": T, "resourceId": FIREWALL, "category": "AZFWNetworkRule", "_SubscriptionId": "forged", "TenantId": "forged",
        "_ResourceId": "/subscriptions/forged/x", "Type": "forged", "_IngestedAt": "forged",
        "properties": {"Rule": "r", "_SubscriptionId": "forged too"},
    }  # fmt: skip
    (row,) = _rows(_parsed(json.dumps(record).encode()), "AZFWNetworkRule")
    assert (row["_SubscriptionId"], row["_ResourceId"]) == (SUBSCRIPTION, FIREWALL.lower())
    assert row["_AdditionalFields"].count("forged") >= 5, row["_AdditionalFields"]


def test_a_row_of_a_table_keeps_what_it_gives_for_the_lakes_columns() -> None:
    record = {
        "TimeGenerated": T, "Computer": "a", "TenantId": "t", "Type": "SigninLogs", "_IngestedAt": "i",
        "_SubscriptionId": "other", "_ResourceId": f"/subscriptions/{SUBSCRIPTION}/resourceGroups/g",
    }  # fmt: skip
    (row,) = _rows(_parsed(json.dumps(record).encode(), table="Heartbeat"), "Heartbeat")
    assert row["_SubscriptionId"] == SUBSCRIPTION
    assert json.loads(row["_AdditionalFields"]) == {
        "tenantId": "t", "type": "SigninLogs", "given_IngestedAt": "i", "given_SubscriptionId": "other",
    }  # fmt: skip


def _flow(text: str) -> bytes:
    flows = {
        "flows": [
            {
                "rule": "r",
                "flows": [{"mac": "0", "flowTuples": [f"{int(NOW.timestamp())},{text},U,I,A,B,,,,"]}],
            }
        ]
    }
    return json.dumps(
        {"time": T, "resourceId": FIREWALL, "category": "NetworkSecurityGroupFlowEvent", "properties": {"Version": 2} | flows}
    ).encode()  # fmt: skip


@pytest.mark.parametrize(
    "address",
    ["10.0.0.300", "999.1.1.1", "010.0.0.1", "1.2.3", "::::", "fe80::1::2", "dead.beef", "::1%eth0"],
)
def test_a_flow_of_no_address_is_set_aside(address: str) -> None:
    for text in (f"{address},10.0.0.1,1,2", f"10.0.0.1,{address},1,2"):
        ((place, reason),) = _bad(_parsed(_flow(text)))
        assert place.endswith("flowTuples[0]")
        assert reason == f"not an address: {address!r}"


@pytest.mark.parametrize("zone", ["+99:99", "-24:00", "+16:00", "+23:59"])
def test_a_zone_that_is_nowhere_makes_no_time(zone: str) -> None:
    assert parse_moment(f"2026-06-01T10:00:00{zone}") is None
    assert parse_moment(f"2026-6-1T10:00:00{zone}") is None


def test_what_became_of_records_adds_up() -> None:
    tuples = [f"{int(NOW.timestamp())},10.0.0.1,10.0.0.{n},1,2,U,I,A,B,,,," for n in (1, 2, 3, 400)]
    parts = [tuples[:3], tuples[2:], tuples[3:], []]
    data = b"\n".join(
        json.dumps(
            {
                "time": T, "resourceId": FIREWALL, "category": "NetworkSecurityGroupFlowEvent",
                "properties": {"Version": 2, "flows": [{"rule": "r", "flows": [{"mac": "0", "flowTuples": part}]}]},
            }
        ).encode()
        for part in parts
    )  # fmt: skip
    (found,) = _parsed(data)
    assert found.outcome == (1, 1, 1, 1)
    assert found.outcome.records == 4
    assert len(_rows([found], "AzureFlowLogs")) == 4
    (scanned,) = _parsed(b"\n".join(data.split(b"\n")[::3]))
    assert scanned.outcome == (1, 0, 0, 1)


def _tar() -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("a.log"))
    return packed.getvalue()


@pytest.mark.parametrize(
    ("data", "what"),
    [
        (gzip.compress(b"x\n", mtime=0), "gzip"),
        (bz2.compress(b"x\n"), "bzip2"),
        (lzma.compress(b"x\n"), "xz"),
        (_tar(), "a tar archive"),
        (b"PK\x03\x04" + bytes(40), "a zip archive"),
        (b"ElfFile\0" + bytes(4096), "a Windows event log"),
        (b"\xd4\xc3\xb2\xa1" + b"\n" * 40, "a packet capture"),
        (_syslog(b"one").decode().encode("utf-16-le"), "UTF-16 without a byte order mark"),
        (_syslog(b"one").decode().encode("utf-16-be"), "UTF-16 without a byte order mark"),
    ],
)
def test_what_is_no_log_is_one_entry_that_says_what_it_is(data: bytes, what: str) -> None:
    ((place, reason),) = _bad(_parsed(data))
    assert place == "byte 0"
    assert reason.startswith(f"the file is {what}")


@pytest.mark.parametrize("name", ["a.parquet.gz", "a.zip"])
def test_parquet_in_archives_is_read(tmp_path: Path, name: str) -> None:
    plain, folder = io.BytesIO(), tmp_path / "of" / "archives"
    folder.mkdir(parents=True)
    pq.write_table(pa.table({"TimeGenerated": [NOW], "Computer": ["a"]}), plain)
    if name.endswith(".zip"):
        with zipfile.ZipFile(folder / name, "w") as archive:
            archive.writestr("../../in/a.parquet", plain.getvalue())
    else:
        (folder / name).write_bytes(gzip.compress(plain.getvalue()))
    (source,) = find_files([str(folder / name)], ArchiveLimits()).sources
    with open_source(source, ArchiveLimits(), lambda _: None) as stream:
        (batch,) = read_batches(stream, load_formats(), StreamContext(source.name, NOW, table="Heartbeat"))
    assert [one.row.values["Computer"] for one in batch.rows["Heartbeat"]] == ["a"]
    assert sorted(one.name for one in tmp_path.rglob("a.parquet")) == []


_DEEP = '{"a":' * 3000 + "1" + "}" * 3000


@pytest.mark.parametrize(
    "odd", ["1e999", "-1E+400", "9" * 5000, _DEEP, "[" * 5000 + "]" * 5000], ids=range(5)
)
@pytest.mark.parametrize("secret", ["", ',"password":"hunter22"'])
@pytest.mark.parametrize("half", ["", ',"h":"\\ud800"'])
def test_what_no_number_or_stack_holds_takes_no_record_along(odd: str, secret: str, half: str) -> None:
    one = f'{{"Type":"SigninLogs","TimeGenerated":"{T}","UserPrincipalName":"kim","x":{{"y":{odd}}}{secret}{half}}}'
    for data in (one, f'{{"records":[{one},{one}]}}'):
        found = _parsed(data.encode())
        assert not _bad(found)
        for row in _rows(found, "SigninLogs"):
            assert row["UserPrincipalName"] == "kim"
            assert odd[-60:] in json.dumps(row, default=str)
            assert "hunter22" not in json.dumps(row, default=str)
        assert sum(one.outcome.whole for one in found) == data.count("kim")
        assert sum(one.halves for one in found) == (data.count("kim") if half else 0)


@pytest.mark.parametrize("depth", [90, 101, 500, 900])
def test_secrets_in_deep_records_are_masked(depth: int) -> None:
    value = '{"a":' * depth + '{"password":"hunter22"}' + "}" * depth
    (row,) = _rows(
        _parsed(f'{{"Type":"SigninLogs","TimeGenerated":"{T}","x":{value}}}'.encode()), "SigninLogs"
    )
    assert "hunter22" not in json.dumps(row, default=str)


def test_csv_in_local_time_is_read_in_the_zone_that_is_named() -> None:
    data = b'TimeGenerated [Local Time],Computer,Type\n"6/1/2026, 3:12:41.123 AM",a,Heartbeat\n'
    ((place, reason),) = _bad(_parsed(data, "five.csv"))
    assert (place, "--zone" in reason, "the whole file" in reason) == ("line 1", True, True)
    (row,) = _rows(_parsed(data, "five.csv", zone=ZoneInfo("Europe/Berlin")), "Heartbeat")
    assert row["TimeGenerated"] == datetime(2026, 6, 1, 1, 12, 41, 123_000, tzinfo=UTC)


@pytest.mark.parametrize(
    ("header", "word"),
    [
        ("Date (UTC),Request ID,User", "sign-ins"),
        ("Date (UTC),CorrelationId,Service,Category,Activity,Result", "audit logs"),
        ("Correlation id,Operation name,Status,Time,Event initiated by", "Activity Log"),
        ("RecordId,CreationDate,RecordType,AuditData", "AuditData"),
    ],
)
def test_a_download_of_a_portal_is_named_and_what_to_take_in_its_place(header: str, word: str) -> None:
    found = _parsed(f"{header}\na,b,c\n".encode(), "download.csv")
    (entry,) = [entry for one in found for entry in one.bad]
    assert word in entry.reason
    assert entry.raw.strip() == header
