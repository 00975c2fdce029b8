"""The command ingest: what it tells of formats, tables, reasons and counts, and what it refuses."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from tests.cli.ingest.logs import NOW, counted, ingest, lines_of, record, run

from nephoscope.cli.main import cli
from nephoscope.files.snapshot_files import SourceFile
from nephoscope.ingest.logs.ingestion import FileIngestion
from nephoscope.state.database.database import Database


def test_rows_for_a_named_table(tmp_path: Path, data: Path) -> None:
    plain = tmp_path / "rows.json"
    plain.write_text(json.dumps([{"TimeGenerated": NOW.isoformat(), "Computer": "web-1", "New": {"a": 1}}]))
    code, found = ingest(data, plain, "--table", "Heartbeat")
    assert (code, found["rows"]) == (0, {"Heartbeat": 1})


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["nowhere.json"], "no such file"),
        (["-", "--format", "none"], "unknown log format 'none'"),
        (["-", "--table", "Nothing"], "table 'Nothing' not found"),
        (["-", "--zone", "Mars/Base"], "unknown time zone"),
        (["-", "--encoding", "utf-16"], "unknown encoding"),
        (["-", "--encoding", "klingon"], "unknown encoding"),
        (["-", "--workspace", "nobody"], "nobody"),
    ],
)
def test_what_cannot_be_done_ends_with_2_and_says_why(data: Path, arguments: list[str], told: str) -> None:
    result = run(data, *arguments, stdin=b"")
    assert result.exit_code == 2
    assert told in result.output


@pytest.mark.full
def test_the_rows_of_a_known_file_are_those_of_all_its_loads(tmp_path: Path, data: Path) -> None:
    plain = tmp_path / "a.json"
    for lines in (20, 50, 60):
        plain.write_bytes(lines_of(lines))
        ingest(data, plain)
    (tmp_path / "copy.json").write_bytes(plain.read_bytes())
    code, found = ingest(data, plain, tmp_path / "copy.json")
    assert (code, found["files"]["known"], found["known rows"]) == (0, 2, 60)


def test_a_small_file_is_one_transaction_and_a_known_one_none(
    tmp_path: Path, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, counts = tmp_path / "logs", [0]
    folder.mkdir()
    write, run = Database.write, FileIngestion.run

    @contextmanager
    def told(self: Database, **how: bool) -> Iterator[Any]:
        counts[-1] += threading.current_thread() is threading.main_thread()
        with write(self, **how) as session:
            yield session

    def within(self: FileIngestion, sources: Sequence[SourceFile]) -> None:
        counts[-1] = 0
        run(self, sources)
        counts.append(0)

    monkeypatch.setattr(Database, "write", told)
    monkeypatch.setattr(FileIngestion, "run", within)
    for first, files in ((0, 5), (100, 25), (200, 0)):
        for number in range(files):
            (folder / f"{first + number}.json").write_bytes(lines_of(1, first + number))
        assert ingest(data, folder)[0] == 0
    assert counts[:3] == [6, 26, 0], "and one for the last file"


def test_formats_are_listed(data: Path) -> None:
    result = run(data, "--format", "list")
    assert result.exit_code == 0
    assert "vnet-flow" in result.output


def test_the_summary_names_tables_and_reasons(tmp_path: Path, data: Path) -> None:
    plain = tmp_path / "a.json"
    plain.write_bytes(lines_of(2) + b'{"a":1}\n')
    result = run(data, plain)
    assert "2 AZFWNetworkRule" in result.stdout
    assert "1 quarantined: no format recognizes the record" in result.stdout
    assert f"at {plain}, line 3: no format recognizes the record" in result.stdout
    assert "3 records: 2 gave 2 rows, 1 quarantined; 1 entry in _Quarantine; files: 1 read" in result.stdout


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("twice.csv", b"TimeGenerated,A,A\n2026-06-01T10:00:00Z,1,2\n2026-06-01T10:00:01Z,1,2\n"),
        ("cut.parquet", b"PAR1 and no footer"),
        ("events.json", b"ElfFile\0" + bytes(100)),
    ],
)
def test_a_file_of_which_nothing_can_be_read_is_told_as_one_file(
    tmp_path: Path, data: Path, name: str, content: bytes
) -> None:
    (tmp_path / name).write_bytes(content)
    refused = "1 file quarantined completely; 1 entry in _Quarantine; files: 1 read"
    result = run(data, tmp_path / name)
    assert (result.exit_code, result.stdout.splitlines()[-1]) == (3, refused)
    (tmp_path / "a.json").write_bytes(lines_of(2))
    result = run(data, tmp_path / "a.json", tmp_path / name, "--again")
    assert (
        result.stdout.splitlines()[-1] == f"2 records: 2 gave 2 rows; {refused.replace('1 read', '2 read')}"
    )


def test_rows_that_have_the_time_of_ingestion_are_told(tmp_path: Path, data: Path) -> None:
    timed = b"CEF:0|V|P|1|2|n|5|rt=%d\n" % (datetime.now(UTC).timestamp() * 1000)
    (tmp_path / "cef.log").write_bytes(b"CEF:0|V|P|1|2|n|5|src=1.1.1.1\nCEF:0|V|P|1|2|n|5|rt=soon\n" + timed)
    assert "2 rows have the ingestion time as TimeGenerated" in run(data, tmp_path / "cef.log").stdout
    assert ingest(data, tmp_path / "cef.log", "--again")[1]["rows with the time of ingestion"] == 2
    (tmp_path / "timed.log").write_bytes(timed)
    assert "time of ingestion" not in run(data, tmp_path / "timed.log").stdout


def test_the_summary_gives_the_words_and_the_place_of_the_first_entry_of_a_reason(
    tmp_path: Path, data: Path
) -> None:
    plain = tmp_path / "a.csv"
    plain.write_text("TimeGenerated,Type\n" + "2026-11-25T10:00:00Z,Unheard_CL\n" * 2, encoding="utf-8")
    result = run(data, plain)
    assert "2 quarantined: table not found: import its definition first" in result.stdout
    assert (
        f"the first {plain}, line 2: table 'Unheard_CL' not found: import its definition first"
        in result.stdout
    )


@pytest.mark.full
def test_flow_logs_are_joined_with_the_collected_estate(tmp_path: Path, data: Path) -> None:
    network = "/subscriptions/11111111-2222-4333-8444-555555555555/resourceGroups/rg/providers/Microsoft.Network/virtualNetworks/v"
    body = {
        "id": network,
        "name": "v",
        "type": "Microsoft.Network/virtualNetworks",
        "location": "westeurope",
        "properties": {
            "addressSpace": {"addressPrefixes": ["10.0.0.0/16"]},
            "subnets": [
                {"id": f"{network}/subnets/s", "name": "s", "properties": {"addressPrefix": "10.0.0.0/24"}}
            ],
        },
    }
    (tmp_path / "estate.json").write_text(json.dumps([body]))
    assert CliRunner().invoke(
        cli, ["--data", str(data), "scan", str(tmp_path / "estate.json")]
    ).exit_code in (0, 3)
    flow = {
        "category": "FlowLogFlowEvent",
        "time": NOW.isoformat(),
        "targetResourceID": network,
        "flowRecords": {
            "flows": [
                {
                    "aclID": "a",
                    "flowGroups": [
                        {
                            "rule": "r",
                            "flowTuples": [
                                f"{int(NOW.timestamp() * 1000)},10.0.0.4,10.0.0.5,1,2,6,O,B,NX,,,,"
                            ],
                        }
                    ],
                }
            ]
        },
    }
    (tmp_path / "flow.json").write_text(json.dumps(flow))
    code, found = ingest(data, tmp_path / "flow.json")
    assert (code, found["rows"]) == (
        0,
        {"AzureFlowLogs": 1, "AzureNetworkAnalytics_CL": 1, "NTANetAnalytics": 1},
    )
    assert counted(data, "NTANetAnalytics | project FlowType, SrcSubnet") == [
        {"FlowType": "IntraVNet", "SrcSubnet": "rg/v/s"}
    ]
    code, found = ingest(
        data, tmp_path / "flow.json", "--again", "--no-analytics", "--destination", "dedicated"
    )
    assert found["rows"] == {"AzureFlowLogs": 1}


def test_counts_add_up_and_the_tables_agree(tmp_path: Path, data: Path) -> None:
    plain = tmp_path / "a.json"
    plain.write_bytes(lines_of(7) + b'{"a":1}\n' + json.dumps(record(7) | {"time": "never"}).encode())
    code, found = ingest(data, plain)
    assert code == 3
    counts = [found[name] for name in ("whole", "partly", "aside", "empty")]
    assert (counts, found["records"]) == ([7, 0, 2, 0], 9)
    assert counted(data, "AZFWNetworkRule | count") == [{"Count": sum(found["rows"].values())}]
    assert counted(data, "_Quarantine | count") == [{"Count": sum(found["quarantined"].values())}]


def test_text_that_is_no_utf8_is_told_and_its_code_page_may_be_said(tmp_path: Path, data: Path) -> None:
    plain = tmp_path / "messages"
    plain.write_bytes(f"<34>{NOW:%b %e %H:%M:%S} web-1 app: M\u00fcller\n".encode("latin-1"))
    result = run(data, plain)
    assert result.exit_code == 0
    assert "1 record is not UTF-8" in result.stdout
    assert counted(data, "Syslog | project SyslogMessage") == [{"SyslogMessage": "M\u00fcller"}]
    code, found = ingest(data, plain, "--encoding", "utf-8")
    assert (code, found["rows"]) == (3, {}), "other options are another load"
    assert "not UTF-8" in next(iter(found["quarantined"]))


def test_a_table_that_the_rows_are_not_of_is_told(tmp_path: Path, data: Path) -> None:
    plain = tmp_path / "rows.json"
    plain.write_text(
        json.dumps(
            [
                {"TimeGenerated": NOW.isoformat(), "Drink": "tea"},
                {"TimeGenerated": NOW.isoformat(), "Computer": "a"},
            ]
        )
    )
    result = run(data, plain, "--table", "Heartbeat")
    assert result.exit_code == 0
    assert "1 row(s) have none of the columns of the table" in result.stderr
