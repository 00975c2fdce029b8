"""The command ingest: of a file that has grown the new rows come, and of an older copy nothing."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest
from sqlalchemy import update
from tests.cli.ingest.logs import (
    HEADER,
    HOSTS,
    NOW,
    counted,
    csv_of,
    document_of,
    event,
    ingest,
    lines_of,
    record,
    run,
    syslog_of,
)

from nephoscope.state import State
from nephoscope.state.ingestion.ingested_files import IngestedFileRow


def _pretty(count: int, closing: str = "\n  ]\n}\n") -> bytes:
    records = ",\n".join(json.dumps(record(number), indent=2) for number in range(count))
    return ('{\n  "records": [\n' + records + closing).encode()


@pytest.mark.sampled(3)
@pytest.mark.parametrize(
    ("before", "after"),
    [
        (lines_of(5), lines_of(8)),
        (lines_of(5)[:-1], lines_of(8)),
        (lines_of(5) + lines_of(1, 5)[:-20], lines_of(8)),
        (document_of(5), document_of(8)),
        (document_of(5), document_of(8, b"")),
        (document_of(5, b"\r\n] }\r\n"), document_of(8)),
        (document_of(5, b""), document_of(8)),
        (document_of(6, b"")[:-30], document_of(8)),
        (_pretty(5), _pretty(8)),
        (b"[" + b",".join(lines_of(5).splitlines()) + b"]", b"[" + b",".join(lines_of(8).splitlines()) + b"]"),
    ],
    ids=[
        *("lines", "lines without the last break", "a line that was cut", "a document", "whose end is missing now"),
        *("other blanks", "whose end was missing", "a record that was cut", "printed", "an array"),
    ],
)  # fmt: skip
def test_a_file_that_has_grown_gives_what_is_new(
    tmp_path: Path, data: Path, before: bytes, after: bytes
) -> None:
    plain = tmp_path / "PT1H.json"
    plain.write_bytes(before)
    ingest(data, plain)
    plain.write_bytes(after)
    code, found = ingest(data, plain)
    assert (code, found["rows"], found["files"]["grown"]) == (0, {"AZFWNetworkRule": 3}, 1)
    assert found["grown"] == []
    code, found = ingest(data, plain)
    assert (code, found["rows"], found["files"]["known"]) == (0, {}, 1)
    assert counted(data) == [{"rows": 8, "distinct": 8}]
    ingest(data, plain, "--again")
    assert counted(data) == [{"rows": 16, "distinct": 8}]


@pytest.mark.parametrize(
    ("before", "rows"),
    [(syslog_of(5), 5), (syslog_of(5)[:-1], 5), (syslog_of(5) + b"[1] {o", 5)],
    ids=["whole lines", "without the last break", "a line that was cut"],
)
def test_lines_of_text_that_were_appended_are_read_alone(
    tmp_path: Path, data: Path, before: bytes, rows: int
) -> None:
    (tmp_path / "auth.log").write_bytes(before)
    assert ingest(data, tmp_path / "auth.log")[1]["rows"] == {"Syslog": rows}
    (tmp_path / "auth.log").write_bytes(syslog_of(5) + b"[1] {odd\n" + syslog_of(3, 5))
    _, found = ingest(data, tmp_path / "auth.log")
    assert (found["rows"], found["records"]) == ({"Syslog": 3}, 4)
    assert counted(data, "Syslog | where SyslogMessage in ('0', '4') | count") == [{"Count": 2}]


def test_a_file_that_grew_and_was_turned_over_and_packed_is_known(tmp_path: Path, data: Path) -> None:
    (tmp_path / "fw.log").write_bytes(lines_of(5))
    ingest(data, tmp_path / "fw.log")
    (tmp_path / "fw.log.1.gz").write_bytes(gzip.compress(lines_of(9)))
    (tmp_path / "fw.log").write_bytes(lines_of(2, 9))
    code, found = ingest(data, tmp_path / "fw.log", tmp_path / "fw.log.1.gz")
    assert (code, found["rows"], found["files"]["grown"]) == (0, {"AZFWNetworkRule": 6}, 1)
    assert counted(data) == [{"rows": 11, "distinct": 11}]


@pytest.mark.full
@pytest.mark.parametrize("whole", [0, 4], ids=["the only line", "behind whole ones"])
def test_a_line_that_was_taken_when_it_was_cut_is_told_once(tmp_path: Path, data: Path, whole: int) -> None:
    log, lines = tmp_path / "auth.log", syslog_of(whole + 2, 1000)
    log.write_bytes(syslog_of(whole, 1000) + syslog_of(1, 1000 + whole)[:-3])
    assert ingest(data, log)[1]["truncated lines"] == {}
    log.write_bytes(lines)
    result = run(data, log, "--output", "json")
    found = json.loads(result.stdout)
    assert (found["rows"], found["grown"], found["files"]["grown"]) == ({"Syslog": 2}, [], 1)
    assert found["truncated lines"] == {str(log): whole + 1}
    assert f"{log}: line {whole + 1} was ingested before it was complete" in result.stderr
    log.write_bytes(lines + syslog_of(1, 2000))
    assert ingest(data, log)[1]["truncated lines"] == {}, "whole lines"
    assert counted(data, "Syslog | count") == [{"Count": whole + 4}]


@pytest.mark.full
@pytest.mark.parametrize("kept", ["m/auth.log.1", "m/auth.log.1.gz", "m/auth.log-20261126"])
def test_a_short_log_that_was_turned_over_gives_what_is_new(tmp_path: Path, data: Path, kept: str) -> None:
    (tmp_path / "m").mkdir()
    (tmp_path / "m/auth.log").write_bytes(syslog_of(2))
    ingest(data, tmp_path / "m")
    (tmp_path / "m/auth.log").write_bytes(syslog_of(1, 30))
    (tmp_path / kept).write_bytes(gzip.compress(syslog_of(30)) if kept.endswith(".gz") else syslog_of(30))
    code, found = ingest(data, tmp_path / "m")
    assert (code, found["rows"], found["files"]["grown"]) == (0, {"Syslog": 29}, 1)
    assert counted(data, "Syslog | summarize rows = count(), distinct = dcount(SyslogMessage)") == [
        {"rows": 31, "distinct": 31}
    ]


@pytest.mark.parametrize(
    ("name", "rows"), [("copy.json", 3), ("PT1H.json.gz", 2)], ids=["another", "the same"]
)
def test_of_a_short_document_only_the_name_tells_that_it_has_grown(
    tmp_path: Path, data: Path, name: str, rows: int
) -> None:
    (tmp_path / "PT1H.json").write_bytes(b'{"records":[' + event().strip() + b"]}")
    ingest(data, tmp_path / "PT1H.json")
    document = b'{"records":[' + b",".join(event(number).strip() for number in range(3)) + b"]}"
    (tmp_path / name).write_bytes(gzip.compress(document) if name.endswith(".gz") else document)
    found = ingest(data, tmp_path / name)[1]
    assert found["rows"] == {"AZKVAuditLogs": rows, "AzureDiagnostics": rows}
    assert found["alike"] == ({} if rows == 2 else {str(tmp_path / name): str(tmp_path / "PT1H.json")})


def _hosts(count: int) -> bytes:
    return (HEADER + csv_of(count)).encode()


@pytest.mark.sampled(4)
@pytest.mark.parametrize("name", ["log", "copy"])
@pytest.mark.parametrize(
    ("longer", "older"),
    [
        (lines_of(40), lines_of(9)),
        (lines_of(40), lines_of(9)[:-1]),
        (document_of(40), document_of(9)),
        (document_of(40), document_of(9, b"")),
        (document_of(40, b"\r\n] }\r\n"), document_of(9)),
        (_pretty(40), _pretty(9)),
        (b"[" + b",".join(lines_of(40).splitlines()) + b"]", b"[" + b",".join(lines_of(9).splitlines()) + b"]"),
        (_hosts(40), _hosts(15)),
        (_hosts(40), _hosts(15)[:-1]),
    ],
    ids=[
        *("lines", "lines without the last break", "a document", "whose end is missing", "other blanks", "printed"),
        *("an array", "a table", "a table without the last break"),
    ],
)  # fmt: skip
def test_an_older_shorter_copy_adds_nothing_and_is_told(
    tmp_path: Path, data: Path, longer: bytes, older: bytes, name: str
) -> None:
    table = ("--table", "Heartbeat") if longer.startswith(b"Time") else ()
    suffix = "csv" if table else "json"
    (tmp_path / f"log.{suffix}").write_bytes(longer)
    ingest(data, tmp_path / f"log.{suffix}", *table)
    path = tmp_path / f"{name}.{suffix}"
    path.write_bytes(older)
    result = run(data, path, *table, "--output", "json")
    found = json.loads(result.stdout)
    assert (result.exit_code, found["rows"], found["files"]["known"]) == (0, {}, 1)
    assert list(found["older"]) == [str(path)]
    assert f"{path}: is the start of a longer version" in result.stderr
    assert ingest(data, path, *table)[1]["older"] == {}, "known by now"


@pytest.mark.full
def test_of_an_older_copy_that_ends_between_two_marks_what_is_not_proved_is_read(
    tmp_path: Path, data: Path
) -> None:
    plain = tmp_path / "a.json"
    plain.write_bytes(lines_of(2000))
    ingest(data, plain)
    plain.write_bytes(lines_of(1001))
    code, found = ingest(data, plain)
    assert (code, len(found["older"])) == (0, 1)
    assert 0 <= sum(found["rows"].values()) < 20


def test_a_log_that_begins_as_another_does_and_goes_on_otherwise_is_read_whole(
    tmp_path: Path, data: Path
) -> None:
    (tmp_path / "a.json").write_bytes(lines_of(40))
    ingest(data, tmp_path / "a.json")
    (tmp_path / "b.json").write_bytes(lines_of(9) + lines_of(20, 100))
    _, found = ingest(data, tmp_path / "b.json")
    assert (found["rows"], found["older"]) == ({"AZFWNetworkRule": 29}, {})


@pytest.mark.full
@pytest.mark.parametrize("first", ["short", "long"])
def test_of_two_short_logs_of_which_one_begins_with_the_other_no_row_is_lost(
    tmp_path: Path, data: Path, first: str
) -> None:
    logs = {"short": syslog_of(1), "long": syslog_of(3)}
    for name in sorted(logs, reverse=first == "short"):
        (tmp_path / name).write_bytes(logs[name])
        result = run(data, tmp_path / name)
    assert ("too short to identify it as the same file" in result.stderr) is (first == "short")
    assert counted(data, "Syslog | count") == [{"Count": 4}]


@pytest.mark.sampled(3)
@pytest.mark.parametrize(
    ("before", "spoilt"),
    [
        (HEADER + csv_of(5), 0),
        (HEADER + csv_of(5)[:-1], 0),
        (HEADER + csv_of(5) + csv_of(1, 5)[:20], 1),
        (HEADER + csv_of(5) + csv_of(1, 5)[:-4], 1),
        (HEADER + csv_of(5) + csv_of(3, 5)[:-1].rpartition("c")[0], 1),
        (HEADER + csv_of(1)[:20], 1),
        ("sep=,\n" + HEADER + csv_of(5), 0),
        ("\ufeff" + HEADER + csv_of(5), 0),
    ],
    ids=[
        *("rows", "without the last break", "a row that was cut", "within quotes", "behind a break in quotes"),
        *("the first row that was cut", "with its separator", "with its mark"),
    ],
)  # fmt: skip
def test_a_table_that_has_grown_gives_its_new_rows(
    tmp_path: Path, data: Path, before: str, spoilt: int
) -> None:
    plain = tmp_path / "a.csv"
    plain.write_text(before)
    taken = ingest(data, plain, "--table", "Heartbeat")[1]
    plain.write_text(before[: before.index(HEADER) + len(HEADER)] + csv_of(8))
    for _ in range(2):
        _, found = ingest(data, plain, "--table", "Heartbeat")
        assert found["grown"] == []
    assert found["files"]["known"] == 1
    assert sum(taken["quarantined"].values()) <= spoilt
    assert counted(data, HOSTS) == [{"rows": 8 + spoilt - sum(taken["quarantined"].values()), "distinct": 8}]


def test_other_content_under_the_same_name_is_read_whole(tmp_path: Path, data: Path) -> None:
    plain = tmp_path / "a.json"
    plain.write_bytes(document_of(5))
    ingest(data, plain)
    plain.write_bytes(b'{"records":[' + b",".join(lines_of(9, 1).splitlines()) + b"]}")
    _, found = ingest(data, plain)
    assert (found["rows"], found["files"]["grown"], found["grown"]) == ({"AZFWNetworkRule": 9}, 0, [])


@pytest.mark.full
@pytest.mark.parametrize("ended", ["\n", ""], ids=["whole lines", "a line that was cut"])
def test_a_table_with_a_quote_that_is_never_closed_grows_without_a_row_twice(
    tmp_path: Path, data: Path, ended: str
) -> None:
    plain = tmp_path / "a.csv"
    rows = [f"{NOW.isoformat()},web-{number},os{ended if number == 3 else chr(10)}" for number in range(4)]
    begin = f'{HEADER}{NOW.isoformat()},web,"os\n'
    plain.write_text(begin + "".join(rows))
    _, found = ingest(data, plain, "--table", "Heartbeat")
    assert found["rows"] == ({"Heartbeat": 4} if ended else {})
    plain.write_text(begin + "".join(rows) + "\n" * (not ended) + f"{NOW.isoformat()},web-4,os\n")
    _, found = ingest(data, plain, "--table", "Heartbeat")
    assert found["grown"] == []
    assert counted(data, HOSTS) == [{"rows": 5, "distinct": 5}]


@pytest.mark.full
def test_a_table_that_an_older_release_took_in_and_that_has_grown_is_told(tmp_path: Path, data: Path) -> None:
    plain, row = tmp_path / "a.csv", f"{NOW.isoformat()},web-1\n"
    plain.write_text("TimeGenerated,Computer\n" + row)
    assert run(data, plain, "--table", "Heartbeat").stderr.count("shorter version") == 0
    with State.open_folder(data) as state, state.database.write() as session:
        session.execute(update(IngestedFileRow).values(sure=-1, lines=False))
    plain.write_text("TimeGenerated,Computer\n" + 2 * row)
    result = run(data, plain, "--table", "Heartbeat")
    assert f"{plain}: a shorter version of this file was ingested before" in result.stderr
    assert "`folder` and `storage`" in result.stderr
    assert "shorter version" not in run(data, plain, "--table", "Heartbeat").stderr, "nothing came in"
