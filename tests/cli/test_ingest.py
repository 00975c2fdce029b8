"""The command ingest: every content once, taken up where it stopped, what is bad in the quarantine, archives bounded."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import os
import signal
import subprocess
import sys
import tarfile
import threading
import time
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from click.testing import CliRunner, Result
from sqlalchemy import update

from nephoscope.cli.main import cli
from nephoscope.cli.session.inputs import remove_left
from nephoscope.lake.lake import Lake
from nephoscope.lake.state import State
from nephoscope.lake.state.database import Database
from nephoscope.lake.state.ingested_files import IngestedFileRow, IngestedFiles
from nephoscope.lake.writer import Writer
from nephoscope.sources.logs import envelope, whole_file
from nephoscope.sources.logs.files import identity, is_log
from nephoscope.sources.logs.ingestion import Ingestion
from nephoscope.sources.resources.files import Limits, Source

pytestmark = pytest.mark.long

NOW = datetime.now(UTC) - timedelta(minutes=5)
FIREWALL = "/SUBSCRIPTIONS/11111111-2222-4333-8444-555555555555/RESOURCEGROUPS/RG/PROVIDERS/MICROSOFT.NETWORK/AZUREFIREWALLS/FW"


def _record(number: int) -> dict[str, Any]:
    return {
        "time": (NOW + timedelta(microseconds=number)).isoformat(),
        "resourceId": FIREWALL,
        "category": "AZFWNetworkRule",
        "properties": {
            "Protocol": "TCP",
            "SourceIp": "10.0.0.1",
            "SourcePort": number % 65536,
            "Action": "Deny",
            "Rule": f"r{number}",
        },
    }


def _lines(count: int, first: int = 0) -> bytes:
    return "".join(json.dumps(_record(first + number)) + "\n" for number in range(count)).encode()


def _ingest(data: Path, *arguments: object, stdin: bytes | None = None) -> tuple[int, dict[str, Any]]:
    result = _run(data, *arguments, "--output", "json", stdin=stdin)
    return result.exit_code, json.loads(result.stdout) if result.stdout.startswith("{") else {}


def _run(data: Path, *arguments: object, stdin: bytes | None = None) -> Result:
    return CliRunner().invoke(cli, ["--data", str(data), "ingest", *map(str, arguments)], input=stdin)


def _count(
    data: Path, query: str = "AZFWNetworkRule | summarize rows = count(), distinct = dcount(Rule)"
) -> list[dict[str, Any]]:
    with State.of(data) as state, Lake.open(data, state) as lake:
        return lake.query(query)[0].table.to_pylist()


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return tmp_path / "data"


def test_a_content_is_taken_in_once_whatever_its_name_and_packing(tmp_path: Path, data: Path) -> None:
    plain = tmp_path / "a.json"
    plain.write_bytes(_lines(50))
    assert _ingest(data, plain)[1]["rows"] == {"AZFWNetworkRule": 50}
    (tmp_path / "b.json.gz").write_bytes(gzip.compress(_lines(50)))
    with pa.CompressedOutputStream(str(tmp_path / "c.json.zst"), "zstd") as packed:
        packed.write(_lines(50))
    with zipfile.ZipFile(tmp_path / "d.zip", "w") as archive:
        archive.writestr("inner/e.json", _lines(50))
    (tmp_path / "f.json").write_bytes(("\ufeff" + _lines(50).decode()).encode("utf-16-le"))
    (tmp_path / "g.json").write_bytes(_lines(50).decode().encode("utf-32"))
    (tmp_path / "h.json.bz2").write_bytes(bz2.compress(_lines(50)))
    (tmp_path / "i.json.xz").write_bytes(lzma.compress(_lines(50)))
    code, found = _ingest(data, tmp_path / "*.json*", tmp_path / "d.zip")
    assert (code, found["rows"], found["files"]["known"]) == (0, {}, 8)
    assert _ingest(data, "-", stdin=_lines(50))[1]["files"]["known"] == 1
    assert _count(data) == [{"rows": 50, "distinct": 50}]


@pytest.mark.parametrize(
    "ending", [".gz", ".bz2", ".xz", ".zst", ".zip", ".tar", ".tar.gz", ".tar.bz2", ".tar.xz"]
)
@pytest.mark.parametrize("options", [(), ("--table", "Syslog")], ids=["any", "table"])
def test_standard_input_is_opened_by_what_it_begins_with(
    data: Path, ending: str, options: tuple[str, ...]
) -> None:
    at = datetime.now(UTC).isoformat()
    log = "".join(f'{{"Type":"Syslog","TimeGenerated":"{at}","ProcessID":{n}}}\n' for n in range(5)).encode()
    if ending == ".zst":
        packed = pa.Codec("zstd").compress(log, asbytes=True)
    elif ending == ".zip":
        file = io.BytesIO()
        with zipfile.ZipFile(file, "w") as archive:
            archive.writestr("a.log", log)
        packed = file.getvalue()
    else:
        content = _tape(log) if ending.startswith(".tar") else log
        last = ending.rpartition(".")[2]
        packed = {"gz": gzip.compress, "bz2": bz2.compress, "xz": lzma.compress, "tar": bytes}[last](content)
    code, found = _ingest(data, "-", *options, stdin=packed)
    assert (code, found["rows"]) == (0, {"Syslog": 5})


def _tape(log: bytes) -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as archive:
        member = tarfile.TarInfo("a.log")
        member.size = len(log)
        archive.addfile(member, io.BytesIO(log))
    return file.getvalue()


def _vault(tmp_path: Path, name: str) -> Path:
    """A blob's path, which tells the resource of its records."""
    resource = (
        f"SUBSCRIPTIONS/{FIREWALL.split('/')[2]}/RESOURCEGROUPS/RG/PROVIDERS/MICROSOFT.KEYVAULT/VAULTS/{name}"
    )
    path = tmp_path / "w" / f"resourceId=/{resource}/y=2026/m=11/d=26/h=08/m=00/PT1H.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def _event(number: int = 0) -> bytes:
    """A record that does not say its resource."""
    time = (NOW + timedelta(microseconds=number)).isoformat()
    return json.dumps({"time": time, "category": "AuditEvent", "operationName": "VaultGet"}).encode() + b"\n"


_VAULTS = "AzureDiagnostics | summarize rows = count() by vault = tolower(Resource) | order by vault asc"


@pytest.mark.parametrize("together", [True, False])
def test_equal_blobs_of_two_resources_are_two_contents(tmp_path: Path, data: Path, together: bool) -> None:
    for name in ("X", "Y"):
        _vault(tmp_path, name).write_bytes(_event())
        if not together:
            _ingest(data, tmp_path / "w")
    _ingest(data, tmp_path / "w")
    assert _ingest(data, tmp_path / "w")[1]["files"]["known"] == 2
    assert _count(data, _VAULTS) == [{"vault": "x", "rows": 1}, {"vault": "y", "rows": 1}]


def test_what_the_path_tells_is_the_same_in_another_folder_and_not_lost_without_it(
    tmp_path: Path, data: Path
) -> None:
    blob, elsewhere, alone = _vault(tmp_path, "X"), _vault(tmp_path / "copy", "x"), tmp_path / "a.json"
    for path in (blob, elsewhere, alone):
        path.write_bytes(_event())
    assert _ingest(data, blob, elsewhere, alone)[1]["files"]["known"] == 2
    assert _count(data, _VAULTS) == [{"vault": "x", "rows": 1}]


@pytest.mark.parametrize("more", [0, 3], ids=["the same", "grown"])
def test_a_blob_that_came_without_its_path_comes_once_and_is_of_one_resource(
    tmp_path: Path, data: Path, more: int
) -> None:
    first = b"".join(_event(number) for number in range(8))
    (tmp_path / "PT1H.json").write_bytes(first)
    _ingest(data, tmp_path / "PT1H.json")
    blob, other = _vault(tmp_path, "X"), _vault(tmp_path, "Y")
    blob.write_bytes(first + b"".join(_event(number) for number in range(8, 8 + more)))
    result = _run(data, blob)
    assert f"{blob}: its content was taken in before as {tmp_path / 'PT1H.json'}" in result.stderr
    other.write_bytes(first)
    assert "taken in before" not in _run(data, other).stderr
    for path in (blob, other):
        assert _ingest(data, path)[1]["files"]["known"] == 1
    rows = {"": 8, "x": more, "y": 8}
    assert _count(data, _VAULTS) == [{"vault": name, "rows": count} for name, count in rows.items() if count]


def test_a_blob_of_another_resource_is_no_grown_one(tmp_path: Path, data: Path) -> None:
    first = b"".join(_event(number) for number in range(8))
    _vault(tmp_path, "X").write_bytes(first)
    _ingest(data, tmp_path / "w")
    _vault(tmp_path, "Y").write_bytes(first + _event(8))
    assert _ingest(data, tmp_path / "w")[1]["files"]["grown"] == 0
    assert _count(data, _VAULTS) == [{"vault": "x", "rows": 8}, {"vault": "y", "rows": 9}]


def test_a_blob_that_an_older_release_took_in_is_known(tmp_path: Path, data: Path) -> None:
    blob = _vault(tmp_path, "X")
    blob.write_bytes(_event())
    with State.of(data) as state:
        content = identity(Source(blob, blob), Limits())
        state.ingested_files.begin(content.name, str(blob), "", content.size)
        state.ingested_files.finish(content.name)
    assert _ingest(data, blob)[1]["files"]["known"] == 1
    _vault(tmp_path, "Y").write_bytes(_event())
    assert _ingest(data, _vault(tmp_path, "Y"))[1]["files"]["read"] == 1


def test_again_takes_it_in_a_second_time(tmp_path: Path, data: Path) -> None:
    plain = tmp_path / "a.json"
    plain.write_bytes(_lines(5))
    _ingest(data, plain)
    _ingest(data, plain, "--again")
    assert _count(data) == [{"rows": 10, "distinct": 5}]


def test_an_interrupted_load_with_again_goes_on_and_tells_so(
    tmp_path: Path, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(envelope, "BLOCK", 4096)
    (tmp_path / "w").mkdir()
    (tmp_path / "w/a.json").write_bytes(_lines(400))
    (tmp_path / "w/b.json").write_bytes(_lines(5, 400))
    _ingest(data, tmp_path / "w")
    append, taken = Writer.append, []

    def stops(self: Writer, *arguments: Any, **named: Any) -> None:
        append(self, *arguments, **named)
        taken.append(named["sequence"])
        if len(taken) == 5:
            raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(Writer, "append", stops)
        assert _run(data, tmp_path / "w", "--again").exit_code == 130
    monkeypatch.chdir(tmp_path)
    result = _run(data, "w", "--again")
    assert "went on with the load with --again of" in result.stderr
    assert _count(data) == [{"rows": 810, "distinct": 405}]
    result = _run(data, "w", "--again")
    assert "went on" not in result.stderr
    assert _count(data) == [{"rows": 1215, "distinct": 405}]


def test_what_is_appended_while_a_file_is_read_comes_with_the_next_run(
    tmp_path: Path, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = tmp_path / "a.json"
    plain.write_bytes(_lines(50))
    begin = IngestedFiles.begin_within

    def grows(self: IngestedFiles, *arguments: Any, **named: Any) -> Any:
        with plain.open("ab") as file:
            file.write(_lines(10, 50))
        return begin(self, *arguments, **named)

    with monkeypatch.context() as patched:
        patched.setattr(IngestedFiles, "begin_within", grows)
        assert _ingest(data, plain)[1]["rows"] == {"AZFWNetworkRule": 50}
    code, found = _ingest(data, plain)
    assert (code, found["rows"], found["grown"]) == (0, {"AZFWNetworkRule": 10}, [])
    assert _count(data) == [{"rows": 60, "distinct": 60}]


def test_an_interrupted_load_goes_on_where_it_stopped(
    tmp_path: Path, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(envelope, "BLOCK", 4096)
    plain = tmp_path / "a.json"
    plain.write_bytes(_lines(400))
    append, taken = Writer.append, []

    def stops(self: Writer, *arguments: Any, **named: Any) -> None:
        if len(taken) == 5:
            raise KeyboardInterrupt
        taken.append(named["sequence"])
        append(self, *arguments, **named)

    with monkeypatch.context() as patched:
        patched.setattr(Writer, "append", stops)
        assert _run(data, plain).exit_code == 130
    code, found = _ingest(data, plain)
    assert code == 0
    assert found["files"]["resumed"] == 1
    assert 0 < found["records"] < 400, "what was there is not read again"
    assert _count(data) == [{"rows": 400, "distinct": 400}]


def test_a_block_that_was_acknowledged_but_not_noted_is_not_doubled(
    tmp_path: Path, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(envelope, "BLOCK", 4096)
    plain = tmp_path / "a.json"
    plain.write_bytes(_lines(400))
    append, taken = Writer.append, []

    def stops(self: Writer, *arguments: Any, **named: Any) -> None:
        append(self, *arguments, **named)
        taken.append(named["sequence"])
        if len(taken) == 5:
            raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(Writer, "append", stops)
        assert _run(data, plain).exit_code == 130
    assert _ingest(data, plain)[0] == 0
    assert _count(data) == [{"rows": 400, "distinct": 400}]


def test_what_cannot_be_read_is_quarantined_with_its_place_and_the_rest_goes_on(
    tmp_path: Path, data: Path
) -> None:
    plain = tmp_path / "a.json"
    plain.write_bytes(
        _lines(2)
        + b'{"broken\n'
        + json.dumps(_record(2) | {"time": "never"}).encode()
        + b"\n"
        + _lines(1, 3)
        + b'{"a":1}\n'
    )
    code, found = _ingest(data, plain)
    assert code == 3
    assert found["rows"] == {"AZFWNetworkRule": 3}
    assert sum(found["quarantined"].values()) == 3
    assert found["records"] == 6
    entries = _count(data, "_Quarantine | project Place, Reason, Source | order by Place asc")
    assert [entry["Place"] for entry in entries] == ["line 3", "line 4.time", "line 6"]
    assert all(entry["Source"] == str(plain) for entry in entries)


def test_a_folder_gives_its_logs_and_says_what_it_passed_over(tmp_path: Path, data: Path) -> None:
    folder = tmp_path / "logs" / "y=2026"
    folder.mkdir(parents=True)
    (folder / "PT1H.json").write_bytes(_lines(3))
    (folder / "messages").write_bytes(_lines(3, 3))
    (folder / "picture.png").write_bytes(b"\x89PNG")
    code, found = _ingest(data, tmp_path / "logs")
    assert (code, found["rows"]["AZFWNetworkRule"], found["files"]["passed over"]) == (0, 6, 1)


def test_an_archive_that_unpacks_to_too_much_is_refused(
    tmp_path: Path, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Limits.__init__, "__defaults__", (256 * 1024**3, 20, 1024 * 1024, 100, 100))
    bomb = tmp_path / "bomb.json.gz"
    bomb.write_bytes(gzip.compress(b" " * (64 * 1024 * 1024)))
    code, found = _ingest(data, bomb)
    assert code == 3
    assert "unpacks to more" in next(iter(found["failed"].values()))
    code, found = _ingest(data, bomb)
    assert (code, found["files"]["known"], found["quarantined"]) == (3, 1, {})
    assert "unpacks to more" in found["failed"][str(bomb)], "told as long as it is so"


def test_a_packed_file_that_ends_early_gives_what_it_holds(tmp_path: Path, data: Path) -> None:
    whole = gzip.compress(_lines(2000), 0)
    (tmp_path / "a.json.gz").write_bytes(whole[: len(whole) // 2])
    code, found = _ingest(data, tmp_path / "a.json.gz")
    assert code == 3
    assert 500 < found["rows"]["AZFWNetworkRule"] < 1500
    assert len(found["failed"]) == 1
    code, found = _ingest(data, tmp_path / "a.json.gz")
    assert (code, found["rows"], found["files"]["known"], len(found["failed"])) == (3, {}, 1, 1)
    (tmp_path / "a.json.gz").write_bytes(whole)
    code, found = _ingest(data, tmp_path / "a.json.gz")
    assert (code, found["failed"], found["files"]["grown"]) == (0, {}, 1)
    assert _count(data) == [{"rows": 2000, "distinct": 2000}], (
        "what was there before its end is not read again"
    )


def test_members_of_gzip_behind_a_damaged_one_are_rows(tmp_path: Path, data: Path) -> None:
    packed = [gzip.compress(_lines(50, first)) for first in (0, 50, 100)]
    damaged = packed[1][: len(packed[1]) // 2]
    (tmp_path / "a.json.gz").write_bytes(packed[0] + damaged + packed[2])
    code, found = _ingest(data, tmp_path / "a.json.gz")
    told = found["failed"][str(tmp_path / "a.json.gz")]
    at = len(packed[0])
    assert code == 3
    assert f"the gzip member at byte {at} is damaged" in told
    assert f"reading went on at byte {at + len(damaged)}" in told
    assert 100 <= found["rows"]["AZFWNetworkRule"] < 150
    assert found["quarantined"][told] == 1


def test_a_named_pipe_is_read_once_and_whole(tmp_path: Path, data: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    for rows in ({"AZFWNetworkRule": 30}, {}):
        writer = threading.Thread(target=pipe.write_bytes, args=(_lines(30),))
        writer.start()
        code, found = _ingest(data, pipe)
        writer.join()
        assert (code, found["rows"]) == (0, rows)


def test_a_device_is_refused_by_name_and_the_rest_goes_on(tmp_path: Path, data: Path) -> None:
    (tmp_path / "a.json").write_bytes(_lines(2))
    code, found = _ingest(data, "/dev/null", tmp_path / "a.json")
    assert (code, found["rows"]) == (3, {"AZFWNetworkRule": 2})
    assert "standard input" in found["failed"]["/dev/null"]


def test_what_may_not_be_read_is_told_and_the_rest_goes_on(
    tmp_path: Path, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    logs = tmp_path / "logs"
    for name in ("closed", "open"):
        (logs / name).mkdir(parents=True)
        (logs / name / "a.json").write_bytes(_lines(2))
    (logs / "shut.json").write_bytes(_lines(2, 2))
    scandir, open_ = os.scandir, Path.open

    def denied(path: Any) -> None:
        # the folder of work is removed by its descriptor
        if not isinstance(path, int) and Path(path) in (logs / "closed", logs / "shut.json"):
            raise PermissionError(13, "Permission denied", str(path))

    def scans(path: Any) -> Any:
        denied(path)
        return scandir(path)

    def opens(path: Path, *arguments: Any, **named: Any) -> Any:
        denied(path)
        return open_(path, *arguments, **named)

    with monkeypatch.context() as patched:
        patched.setattr(os, "scandir", scans)
        patched.setattr(Path, "open", opens)
        code, found = _ingest(data, logs)
    assert (code, found["rows"], found["files"]["failed"]) == (3, {"AZFWNetworkRule": 2}, 2)
    assert found["failed"] == {
        str(logs / "closed"): "cannot be listed: Permission denied",
        str(logs / "shut.json"): "cannot be read: Permission denied",
    }
    code, found = _ingest(data, logs)
    assert (code, found["rows"], found["files"]["known"]) == (0, {"AZFWNetworkRule": 2}, 2), (
        "read when it may be"
    )


@pytest.mark.parametrize(
    ("name", "log"),
    [
        ("auth.log.1", True),
        ("auth.log-20261126", True),
        ("messages-20261126-1", True),
        ("kern.log.1.gz", True),
        ("fw.jsonl.1", True),
        ("syslog.12", True),
        ("logs.zip", True),
        ("library.so.1", False),
        ("picture.png-20261126", False),
        ("logs.zip.1", False),
        (".hidden.log.1", False),
    ],
)
def test_logs_that_were_turned_over_are_logs(name: str, log: bool) -> None:
    assert is_log(name) is log


def test_the_first_names_that_are_passed_over_are_told(tmp_path: Path, data: Path) -> None:
    folder = tmp_path / "logs"
    folder.mkdir()
    for number in range(5):
        (folder / f"{number}.png").write_bytes(b"")
    told = ", ".join(str(folder / f"{number}.png") for number in range(3))
    assert f"passed over by name: {told} and 2 more" in _run(data, folder).stdout


def test_an_archive_gives_its_logs_of_every_suffix(tmp_path: Path, data: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        for place, name in enumerate(("fw.log", "var/fw.jsonl.1", "fw.json.gz", "picture.png")):
            lines = _lines(2, 2 * place)
            archive.writestr(name, gzip.compress(lines) if name.endswith(".gz") else lines)
    code, found = _ingest(data, tmp_path / "a.zip")
    assert (code, found["rows"], found["files"]["passed over"]) == (0, {"AZFWNetworkRule": 6}, 1)
    assert found["passed over"] == [f"{tmp_path / 'a.zip'}!picture.png"]


def _document(count: int, closing: bytes = b"]}") -> bytes:
    return b'{"records":[' + b",\n".join(_lines(count).splitlines()) + closing


def _csv(count: int, first: int = 0) -> str:
    return "".join(f'{NOW.isoformat()},web-{first + n},"a, ""b""\nc"\n' for n in range(count))


_HEADER = "TimeGenerated,Computer,OSName\n"


def _syslog(count: int, first: int = 0) -> bytes:
    return "".join(f"<34>{NOW:%b %e %H:%M:%S} web-1 app: {first + n}\n" for n in range(count)).encode()


def _pretty(count: int, closing: str = "\n  ]\n}\n") -> bytes:
    records = ",\n".join(json.dumps(_record(number), indent=2) for number in range(count))
    return ('{\n  "records": [\n' + records + closing).encode()


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (_lines(5), _lines(8)),
        (_lines(5)[:-1], _lines(8)),
        (_lines(5) + _lines(1, 5)[:-20], _lines(8)),
        (_document(5), _document(8)),
        (_document(5), _document(8, b"")),
        (_document(5, b"\r\n] }\r\n"), _document(8)),
        (_document(5, b""), _document(8)),
        (_document(6, b"")[:-30], _document(8)),
        (_pretty(5), _pretty(8)),
        (b"[" + b",".join(_lines(5).splitlines()) + b"]", b"[" + b",".join(_lines(8).splitlines()) + b"]"),
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
    _ingest(data, plain)
    plain.write_bytes(after)
    code, found = _ingest(data, plain)
    assert (code, found["rows"], found["files"]["grown"]) == (0, {"AZFWNetworkRule": 3}, 1)
    assert found["grown"] == []
    code, found = _ingest(data, plain)
    assert (code, found["rows"], found["files"]["known"]) == (0, {}, 1)
    assert _count(data) == [{"rows": 8, "distinct": 8}]
    _ingest(data, plain, "--again")
    assert _count(data) == [{"rows": 16, "distinct": 8}]


@pytest.mark.parametrize(
    ("before", "rows"),
    [(_syslog(5), 5), (_syslog(5)[:-1], 5), (_syslog(5) + b"[1] {o", 5)],
    ids=["whole lines", "without the last break", "a line that was cut"],
)
def test_lines_of_text_that_were_appended_are_read_alone(
    tmp_path: Path, data: Path, before: bytes, rows: int
) -> None:
    (tmp_path / "auth.log").write_bytes(before)
    assert _ingest(data, tmp_path / "auth.log")[1]["rows"] == {"Syslog": rows}
    (tmp_path / "auth.log").write_bytes(_syslog(5) + b"[1] {odd\n" + _syslog(3, 5))
    _, found = _ingest(data, tmp_path / "auth.log")
    assert (found["rows"], found["records"]) == ({"Syslog": 3}, 4)
    assert _count(data, "Syslog | where SyslogMessage in ('0', '4') | count") == [{"Count": 2}]


def test_a_file_that_grew_and_was_turned_over_and_packed_is_known(tmp_path: Path, data: Path) -> None:
    (tmp_path / "fw.log").write_bytes(_lines(5))
    _ingest(data, tmp_path / "fw.log")
    (tmp_path / "fw.log.1.gz").write_bytes(gzip.compress(_lines(9)))
    (tmp_path / "fw.log").write_bytes(_lines(2, 9))
    code, found = _ingest(data, tmp_path / "fw.log", tmp_path / "fw.log.1.gz")
    assert (code, found["rows"], found["files"]["grown"]) == (0, {"AZFWNetworkRule": 6}, 1)
    assert _count(data) == [{"rows": 11, "distinct": 11}]


@pytest.mark.parametrize("whole", [0, 4], ids=["the only line", "behind whole ones"])
def test_a_line_that_was_taken_when_it_was_cut_is_told_once(tmp_path: Path, data: Path, whole: int) -> None:
    log, lines = tmp_path / "auth.log", _syslog(whole + 2, 1000)
    log.write_bytes(_syslog(whole, 1000) + _syslog(1, 1000 + whole)[:-3])
    assert _ingest(data, log)[1]["cut lines"] == {}
    log.write_bytes(lines)
    result = _run(data, log, "--output", "json")
    found = json.loads(result.stdout)
    assert (found["rows"], found["grown"], found["files"]["grown"]) == ({"Syslog": 2}, [], 1)
    assert found["cut lines"] == {str(log): whole + 1}
    assert f"{log}: line {whole + 1} was taken in before when its end was not written yet" in result.stderr
    log.write_bytes(lines + _syslog(1, 2000))
    assert _ingest(data, log)[1]["cut lines"] == {}, "whole lines"
    assert _count(data, "Syslog | count") == [{"Count": whole + 4}]


@pytest.mark.parametrize("kept", ["m/auth.log.1", "m/auth.log.1.gz", "m/auth.log-20261126"])
def test_a_short_log_that_was_turned_over_gives_what_is_new(tmp_path: Path, data: Path, kept: str) -> None:
    (tmp_path / "m").mkdir()
    (tmp_path / "m/auth.log").write_bytes(_syslog(2))
    _ingest(data, tmp_path / "m")
    (tmp_path / "m/auth.log").write_bytes(_syslog(1, 30))
    (tmp_path / kept).write_bytes(gzip.compress(_syslog(30)) if kept.endswith(".gz") else _syslog(30))
    code, found = _ingest(data, tmp_path / "m")
    assert (code, found["rows"], found["files"]["grown"]) == (0, {"Syslog": 29}, 1)
    assert _count(data, "Syslog | summarize rows = count(), distinct = dcount(SyslogMessage)") == [
        {"rows": 31, "distinct": 31}
    ]


@pytest.mark.parametrize(
    ("name", "rows"), [("copy.json", 3), ("PT1H.json.gz", 2)], ids=["another", "the same"]
)
def test_of_a_short_document_only_the_name_tells_that_it_has_grown(
    tmp_path: Path, data: Path, name: str, rows: int
) -> None:
    (tmp_path / "PT1H.json").write_bytes(b'{"records":[' + _event().strip() + b"]}")
    _ingest(data, tmp_path / "PT1H.json")
    document = b'{"records":[' + b",".join(_event(number).strip() for number in range(3)) + b"]}"
    (tmp_path / name).write_bytes(gzip.compress(document) if name.endswith(".gz") else document)
    found = _ingest(data, tmp_path / name)[1]
    assert found["rows"] == {"AZKVAuditLogs": rows, "AzureDiagnostics": rows}
    assert found["alike"] == ({} if rows == 2 else {str(tmp_path / name): str(tmp_path / "PT1H.json")})


def _hosts(count: int) -> bytes:
    return (_HEADER + _csv(count)).encode()


@pytest.mark.parametrize("name", ["log", "copy"])
@pytest.mark.parametrize(
    ("longer", "older"),
    [
        (_lines(40), _lines(9)),
        (_lines(40), _lines(9)[:-1]),
        (_document(40), _document(9)),
        (_document(40), _document(9, b"")),
        (_document(40, b"\r\n] }\r\n"), _document(9)),
        (_pretty(40), _pretty(9)),
        (b"[" + b",".join(_lines(40).splitlines()) + b"]", b"[" + b",".join(_lines(9).splitlines()) + b"]"),
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
    _ingest(data, tmp_path / f"log.{suffix}", *table)
    path = tmp_path / f"{name}.{suffix}"
    path.write_bytes(older)
    result = _run(data, path, *table, "--output", "json")
    found = json.loads(result.stdout)
    assert (result.exit_code, found["rows"], found["files"]["known"]) == (0, {}, 1)
    assert list(found["older"]) == [str(path)]
    assert f"{path}: is the beginning of a longer version" in result.stderr
    assert _ingest(data, path, *table)[1]["older"] == {}, "known by now"


def test_of_an_older_copy_that_ends_between_two_marks_what_is_not_proved_is_read(
    tmp_path: Path, data: Path
) -> None:
    plain = tmp_path / "a.json"
    plain.write_bytes(_lines(2000))
    _ingest(data, plain)
    plain.write_bytes(_lines(1001))
    code, found = _ingest(data, plain)
    assert (code, len(found["older"])) == (0, 1)
    assert 0 <= sum(found["rows"].values()) < 20


def test_a_log_that_begins_as_another_does_and_goes_on_otherwise_is_read_whole(
    tmp_path: Path, data: Path
) -> None:
    (tmp_path / "a.json").write_bytes(_lines(40))
    _ingest(data, tmp_path / "a.json")
    (tmp_path / "b.json").write_bytes(_lines(9) + _lines(20, 100))
    _, found = _ingest(data, tmp_path / "b.json")
    assert (found["rows"], found["older"]) == ({"AZFWNetworkRule": 29}, {})


@pytest.mark.parametrize("first", ["short", "long"])
def test_of_two_short_logs_of_which_one_begins_with_the_other_no_row_is_lost(
    tmp_path: Path, data: Path, first: str
) -> None:
    logs = {"short": _syslog(1), "long": _syslog(3)}
    for name in sorted(logs, reverse=first == "short"):
        (tmp_path / name).write_bytes(logs[name])
        result = _run(data, tmp_path / name)
    assert ("too short to show that it is the same file" in result.stderr) is (first == "short")
    assert _count(data, "Syslog | count") == [{"Count": 4}]


_HOSTS = "Heartbeat | where isnotempty(OSName) | summarize rows = count(), distinct = dcount(Computer)"


@pytest.mark.parametrize(
    ("before", "spoilt"),
    [
        (_HEADER + _csv(5), 0),
        (_HEADER + _csv(5)[:-1], 0),
        (_HEADER + _csv(5) + _csv(1, 5)[:20], 1),
        (_HEADER + _csv(5) + _csv(1, 5)[:-4], 1),
        (_HEADER + _csv(5) + _csv(3, 5)[:-1].rpartition("c")[0], 1),
        (_HEADER + _csv(1)[:20], 1),
        ("sep=,\n" + _HEADER + _csv(5), 0),
        ("\ufeff" + _HEADER + _csv(5), 0),
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
    taken = _ingest(data, plain, "--table", "Heartbeat")[1]
    plain.write_text(before[: before.index(_HEADER) + len(_HEADER)] + _csv(8))
    for _ in range(2):
        _, found = _ingest(data, plain, "--table", "Heartbeat")
        assert found["grown"] == []
    assert found["files"]["known"] == 1
    assert sum(taken["quarantined"].values()) <= spoilt
    assert _count(data, _HOSTS) == [{"rows": 8 + spoilt - sum(taken["quarantined"].values()), "distinct": 8}]


def test_a_table_whose_load_was_interrupted_and_that_grew_comes_once(
    tmp_path: Path, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(whole_file, "_FILE_BATCH", 10)
    plain = tmp_path / "a.csv"
    append, taken = Writer.append, []

    def stops(self: Writer, *arguments: Any, **named: Any) -> None:
        append(self, *arguments, **named)
        taken.append(named["sequence"])
        if len(taken) in (3, 5, 8):
            raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(Writer, "append", stops)
        for count in (55, 55, 95):
            plain.write_text(_HEADER + _csv(count))
            assert _run(data, plain, "--table", "Heartbeat").exit_code == 130
    plain.write_text(_HEADER + _csv(120))
    code, found = _ingest(data, plain, "--table", "Heartbeat")
    assert (code, found["grown"]) == (0, [])
    assert _count(data, _HOSTS) == [{"rows": 120, "distinct": 120}]


def test_a_file_that_grew_while_its_load_was_interrupted_is_gone_on_with(
    tmp_path: Path, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(envelope, "BLOCK", 4096)
    plain = tmp_path / "a.json"
    plain.write_bytes(_document(400))
    append, taken = Writer.append, []

    def stops(self: Writer, *arguments: Any, **named: Any) -> None:
        if len(taken) == 5:
            raise KeyboardInterrupt
        taken.append(named["sequence"])
        append(self, *arguments, **named)

    with monkeypatch.context() as patched:
        patched.setattr(Writer, "append", stops)
        assert _run(data, plain).exit_code == 130
    for count in (500, 600):
        plain.write_bytes(_document(count))
        assert _ingest(data, plain)[0] == 0
    assert _count(data) == [{"rows": 600, "distinct": 600}]


def test_other_content_under_the_same_name_is_read_whole(tmp_path: Path, data: Path) -> None:
    plain = tmp_path / "a.json"
    plain.write_bytes(_document(5))
    _ingest(data, plain)
    plain.write_bytes(b'{"records":[' + b",".join(_lines(9, 1).splitlines()) + b"]}")
    _, found = _ingest(data, plain)
    assert (found["rows"], found["files"]["grown"], found["grown"]) == ({"AZFWNetworkRule": 9}, 0, [])


@pytest.mark.parametrize("ended", ["\n", ""], ids=["whole lines", "a line that was cut"])
def test_a_table_with_a_quote_that_is_never_closed_grows_without_a_row_twice(
    tmp_path: Path, data: Path, ended: str
) -> None:
    plain = tmp_path / "a.csv"
    rows = [f"{NOW.isoformat()},web-{number},os{ended if number == 3 else chr(10)}" for number in range(4)]
    begin = f'{_HEADER}{NOW.isoformat()},web,"os\n'
    plain.write_text(begin + "".join(rows))
    _, found = _ingest(data, plain, "--table", "Heartbeat")
    assert found["rows"] == ({"Heartbeat": 4} if ended else {})
    plain.write_text(begin + "".join(rows) + "\n" * (not ended) + f"{NOW.isoformat()},web-4,os\n")
    _, found = _ingest(data, plain, "--table", "Heartbeat")
    assert found["grown"] == []
    assert _count(data, _HOSTS) == [{"rows": 5, "distinct": 5}]


def test_a_table_that_an_older_release_took_in_and_that_has_grown_is_told(tmp_path: Path, data: Path) -> None:
    plain, row = tmp_path / "a.csv", f"{NOW.isoformat()},web-1\n"
    plain.write_text("TimeGenerated,Computer\n" + row)
    assert _run(data, plain, "--table", "Heartbeat").stderr.count("shorter version") == 0
    with State.of(data) as state, state.database.write() as session:
        session.execute(update(IngestedFileRow).values(sure=-1, lines=False))
    plain.write_text("TimeGenerated,Computer\n" + 2 * row)
    result = _run(data, plain, "--table", "Heartbeat")
    assert f"{plain}: a shorter version of this file is already in the lake" in result.stderr
    assert "`folder` and `storage`" in result.stderr
    assert "shorter version" not in _run(data, plain, "--table", "Heartbeat").stderr, "nothing came in"


def test_rows_for_a_named_table(tmp_path: Path, data: Path) -> None:
    plain = tmp_path / "rows.json"
    plain.write_text(json.dumps([{"TimeGenerated": NOW.isoformat(), "Computer": "web-1", "New": {"a": 1}}]))
    code, found = _ingest(data, plain, "--table", "Heartbeat")
    assert (code, found["rows"]) == (0, {"Heartbeat": 1})


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["nowhere.json"], "no such file"),
        (["-", "--format", "none"], "no log format 'none'"),
        (["-", "--table", "Nothing"], "no table is named 'Nothing'"),
        (["-", "--zone", "Mars/Base"], "no time zone"),
        (["-", "--encoding", "utf-16"], "no code page"),
        (["-", "--encoding", "klingon"], "no code page"),
        (["-", "--workspace", "nobody"], "nobody"),
    ],
)
def test_what_cannot_be_done_ends_with_2_and_says_why(data: Path, arguments: list[str], told: str) -> None:
    result = _run(data, *arguments, stdin=b"")
    assert result.exit_code == 2
    assert told in result.output


def test_the_rows_of_a_known_file_are_those_of_all_its_loads(tmp_path: Path, data: Path) -> None:
    plain = tmp_path / "a.json"
    for lines in (20, 50, 60):
        plain.write_bytes(_lines(lines))
        _ingest(data, plain)
    (tmp_path / "copy.json").write_bytes(plain.read_bytes())
    code, found = _ingest(data, plain, tmp_path / "copy.json")
    assert (code, found["files"]["known"], found["known rows"]) == (0, 2, 60)


def test_a_small_file_is_one_transaction_and_a_known_one_none(
    tmp_path: Path, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, counts = tmp_path / "logs", [0]
    folder.mkdir()
    write, run = Database.write, Ingestion.run

    @contextmanager
    def counted(self: Database) -> Iterator[Any]:
        counts[-1] += threading.current_thread() is threading.main_thread()
        with write(self) as session:
            yield session

    def within(self: Ingestion, sources: Sequence[Source]) -> None:
        counts[-1] = 0
        run(self, sources)
        counts.append(0)

    monkeypatch.setattr(Database, "write", counted)
    monkeypatch.setattr(Ingestion, "run", within)
    for first, files in ((0, 5), (100, 25), (200, 0)):
        for number in range(files):
            (folder / f"{first + number}.json").write_bytes(_lines(1, first + number))
        assert _ingest(data, folder)[0] == 0
    assert counts[:3] == [6, 26, 0], "and one for the last file"


def test_formats_are_listed(data: Path) -> None:
    result = _run(data, "--format", "list")
    assert result.exit_code == 0
    assert "vnet-flow" in result.output


def test_the_summary_names_tables_and_reasons(tmp_path: Path, data: Path) -> None:
    plain = tmp_path / "a.json"
    plain.write_bytes(_lines(2) + b'{"a":1}\n')
    result = _run(data, plain)
    assert "2 AZFWNetworkRule" in result.stdout
    assert "1 quarantined: no format recognises the record" in result.stdout
    assert f"at {plain}, line 3: no format recognises the record" in result.stdout
    assert "3 records: 2 gave 2 rows, 1 set aside; 1 entry in _Quarantine; files: 1 read" in result.stdout


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
    refused = "1 file set aside as a whole; 1 entry in _Quarantine; files: 1 read"
    result = _run(data, tmp_path / name)
    assert (result.exit_code, result.stdout.splitlines()[-1]) == (3, refused)
    (tmp_path / "a.json").write_bytes(_lines(2))
    result = _run(data, tmp_path / "a.json", tmp_path / name, "--again")
    assert (
        result.stdout.splitlines()[-1] == f"2 records: 2 gave 2 rows; {refused.replace('1 read', '2 read')}"
    )


def test_rows_that_have_the_time_of_ingestion_are_told(tmp_path: Path, data: Path) -> None:
    timed = b"CEF:0|V|P|1|2|n|5|rt=%d\n" % (datetime.now(UTC).timestamp() * 1000)
    (tmp_path / "cef.log").write_bytes(b"CEF:0|V|P|1|2|n|5|src=1.1.1.1\nCEF:0|V|P|1|2|n|5|rt=soon\n" + timed)
    assert "2 rows have the time of ingestion as TimeGenerated" in _run(data, tmp_path / "cef.log").stdout
    assert _ingest(data, tmp_path / "cef.log", "--again")[1]["rows with the time of ingestion"] == 2
    (tmp_path / "timed.log").write_bytes(timed)
    assert "time of ingestion" not in _run(data, tmp_path / "timed.log").stdout


def test_the_summary_gives_the_words_and_the_place_of_the_first_entry_of_a_reason(
    tmp_path: Path, data: Path
) -> None:
    plain = tmp_path / "a.csv"
    plain.write_text("TimeGenerated,Type\n" + "2026-11-25T10:00:00Z,Unheard_CL\n" * 2, encoding="utf-8")
    result = _run(data, plain)
    assert "2 quarantined: no table is named" in result.stdout
    assert (
        f"the first {plain}, line 2: no table is named 'Unheard_CL': import its definition first"
        in result.stdout
    )


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
    code, found = _ingest(data, tmp_path / "flow.json")
    assert (code, found["rows"]) == (
        0,
        {"AzureFlowLogs": 1, "AzureNetworkAnalytics_CL": 1, "NTANetAnalytics": 1},
    )
    assert _count(data, "NTANetAnalytics | project FlowType, SrcSubnet") == [
        {"FlowType": "IntraVNet", "SrcSubnet": "rg/v/s"}
    ]
    code, found = _ingest(
        data, tmp_path / "flow.json", "--again", "--no-analytics", "--destination", "dedicated"
    )
    assert found["rows"] == {"AzureFlowLogs": 1}


def test_counts_add_up_and_the_tables_agree(tmp_path: Path, data: Path) -> None:
    plain = tmp_path / "a.json"
    plain.write_bytes(_lines(7) + b'{"a":1}\n' + json.dumps(_record(7) | {"time": "never"}).encode())
    code, found = _ingest(data, plain)
    assert code == 3
    counts = [found[name] for name in ("whole", "partly", "aside", "empty")]
    assert (counts, found["records"]) == ([7, 0, 2, 0], 9)
    assert _count(data, "AZFWNetworkRule | count") == [{"Count": sum(found["rows"].values())}]
    assert _count(data, "_Quarantine | count") == [{"Count": sum(found["quarantined"].values())}]


def test_text_that_is_no_utf8_is_told_and_its_code_page_may_be_said(tmp_path: Path, data: Path) -> None:
    plain = tmp_path / "messages"
    plain.write_bytes(f"<34>{NOW:%b %e %H:%M:%S} web-1 app: M\u00fcller\n".encode("latin-1"))
    result = _run(data, plain)
    assert result.exit_code == 0
    assert "1 record is not UTF-8" in result.stdout
    assert _count(data, "Syslog | project SyslogMessage") == [{"SyslogMessage": "M\u00fcller"}]
    code, found = _ingest(data, plain, "--encoding", "utf-8")
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
    result = _run(data, plain, "--table", "Heartbeat")
    assert result.exit_code == 0
    assert "1 row(s) have none of the columns of the table" in result.stderr


@contextmanager
def _waiting(data: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A process that reads standard input, which does not end."""
    before = set(data.glob("ingest-*"))
    command = [sys.executable, "-m", "nephoscope.cli.main", "--data", str(data), "ingest", "-"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL) as process:
        try:
            while not set(data.glob("ingest-*")) - before:
                assert process.poll() is None
                time.sleep(0.02)
            yield process
        finally:
            process.kill()


def test_the_copy_of_a_pipe_goes_with_the_next_run_where_its_process_was_killed(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with _waiting(data) as living:
        (kept,) = data.glob("ingest-*")
        with _waiting(data) as killed:
            (left,) = set(data.glob("ingest-*")) - {kept}
            killed.kill()
        assert left.is_dir()
        _ingest(data, "-", stdin=_lines(2))
        assert list(data.glob("ingest-*")) == [kept]
        assert living.poll() is None


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_no_folder_stays_where_a_process_is_ended_however_often_it_is_told(
    tmp_path: Path, number: signal.Signals
) -> None:
    data = tmp_path / "data"
    with _waiting(data) as process:
        process.send_signal(number)
        while process.poll() is None:
            process.send_signal(signal.SIGTERM)
            time.sleep(0.001)
        assert process.returncode in (130, 143)
    assert not [*data.glob("ingest-*"), *data.glob(".new-*")]


def test_a_folder_that_a_process_was_killed_in_making_goes(data: Path) -> None:
    data.mkdir()
    for name, age in ((".new-ingest-12345678", 3600), (".new-ingest-87654321", 0)):
        (data / name).mkdir()
        os.utime(data / name, (time.time() - age,) * 2)
    remove_left(data)
    assert [one.name for one in data.iterdir()] == [".new-ingest-87654321"]


def test_links_out_of_a_folder_are_told_and_not_read(data: Path, tmp_path: Path) -> None:
    outside, folder = tmp_path / "outside", tmp_path / "w"
    outside.mkdir()
    folder.mkdir()
    (outside / "secret.log").write_bytes(_lines(7))
    (folder / "a.json").write_bytes(_lines(1, first=100))
    (folder / "b.json").symlink_to("a.json")
    (folder / "pw.log").symlink_to(outside / "secret.log")
    (folder / "all").symlink_to(outside)
    code, found = _ingest(data, folder)
    assert (code, found["rows"], found["quarantined"]) == (3, {"AZFWNetworkRule": 1}, {})
    assert set(found["failed"]) == {str(folder / "pw.log"), str(folder / "all")}
    assert all("a link out of the folder" in why for why in found["failed"].values())
    for pattern in ("*.log", "*/secret.log"):
        code, found = _ingest(data, f"{folder}/{pattern}")
        assert (code, found["rows"]) == (3, {}), pattern
        assert all("a link out of the folder" in why for why in found["failed"].values())
    (tmp_path / "link").symlink_to(folder)
    assert _ingest(data, tmp_path / "link")[1]["files"]["known"] == 2
    code, found = _ingest(data, folder / "pw.log")
    assert (code, found["rows"], found["failed"]) == (0, {"AZFWNetworkRule": 7}, {})


def test_rows_that_a_workspace_does_not_show_are_told(tmp_path: Path, data: Path) -> None:
    mine, other = FIREWALL.split("/")[2], "99999999-2222-4333-8444-555555555555"
    arguments = ["--data", str(data), "workspaces", "add", "soc", "--subscription", mine]
    assert CliRunner().invoke(cli, arguments).exit_code == 0
    plain = tmp_path / "a.json"
    elsewhere = json.dumps(_record(2) | {"resourceId": FIREWALL.replace(mine, other)}).encode() + b"\n"
    plain.write_bytes(_lines(2) + elsewhere + b"".join(_event(number) for number in range(3)))
    result = _run(data, plain, "-w", "soc", "--destination", "dedicated", "--output", "json")
    found = json.loads(result.stdout)
    assert (found["rows without resource"], found["rows of other subscriptions"]) == (3, 1)
    told = _run(data, plain, "-w", "soc", "--destination", "dedicated", "--again").stderr
    assert "3 row(s) name no resource" in told
    assert "1 row(s) are of subscriptions that the workspace does not show" in told
    with State.of(data) as state, Lake.open(data, state) as lake:
        tables = "union AZFWNetworkRule, AZKVAuditLogs | count"
        assert lake.query(tables, workspace="soc")[0].table.to_pylist() == [{"Count": 4}], "two, twice"
    found = json.loads(_run(data, plain, "--output", "json").stdout)
    assert (found["rows without resource"], found["rows of other subscriptions"]) == (0, 0), "shows all"


def _tar(path: Path, mode: str, *files: tuple[str, bytes], links: Sequence[str] = ()) -> None:
    with tarfile.open(path, mode) as archive:
        for name, content in files:
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
        for name in links:
            member = tarfile.TarInfo(name)
            member.type, member.linkname = tarfile.SYMTYPE, "/etc/passwd"
            archive.addfile(member)


@pytest.mark.parametrize(
    ("name", "mode"),
    [("a.tar", "w"), ("a.tgz", "w:gz"), ("a.tar.gz", "w:gz"), ("a.tar.bz2", "w:bz2"), ("a.tar.xz", "w:xz")],
)
def test_a_tar_archive_gives_its_logs(tmp_path: Path, data: Path, name: str, mode: str) -> None:
    folder = tmp_path / "w"
    folder.mkdir()
    files = (
        ("../../escaped.json", _lines(2)),
        ("/tmp/fw.json.gz", gzip.compress(_lines(2, 2))),
        (f"resourceId={FIREWALL}/y=2026/PT1H.json", _lines(2, 4)),
        ("a/picture.png", b""),
    )
    _tar(folder / name, mode, *files, links=["a/link.log"])
    code, found = _ingest(data, folder)
    assert (code, found["rows"], found["files"]["passed over"]) == (0, {"AZFWNetworkRule": 6}, 2)
    archive = folder / name
    assert found["passed over"] == [f"{archive}!a/picture.png"]
    assert found["no plain files"] == [f"{archive}!a/link.log"]
    assert not list(tmp_path.glob("**/escaped.json"))
    assert not list(data.glob("ingest-*"))
    code, found = _ingest(data, folder)
    assert (code, found["rows"], found["files"]["known"]) == (0, {}, 3)
    (tmp_path / "plain.json").write_bytes(_lines(2, 4))
    assert _ingest(data, tmp_path / "plain.json")[1]["files"]["known"] == 1


def test_what_is_bad_in_a_tar_archive_is_told_with_its_member(tmp_path: Path, data: Path) -> None:
    _tar(tmp_path / "a.tar", "w", ("in/b.json", b'{"a":1}\n'))
    assert _ingest(data, tmp_path / "a.tar")[0] == 3
    assert _count(data, "_Quarantine | project Source") == [{"Source": f"{tmp_path / 'a.tar'}!in/b.json"}]


def test_an_archive_in_an_archive_is_set_aside(tmp_path: Path, data: Path) -> None:
    inner, packed = tmp_path / "inner.tar", tmp_path / "inner.zip"
    _tar(inner, "w", ("a.json", _lines(1)))
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("a.json", _lines(1))
    held = (
        ("b.tar", inner.read_bytes()),
        ("c.zip", packed.read_bytes()),
        ("d.tar.gz", gzip.compress(inner.read_bytes() + bytes(1024))),
    )
    _tar(tmp_path / "outer.tar", "w", *held)
    with zipfile.ZipFile(tmp_path / "outer.zip", "w") as archive:
        archive.writestr("other/b.tar", inner.read_bytes() + bytes(512))
    code, found = _ingest(data, tmp_path / "outer.tar", tmp_path / "outer.zip")
    assert (code, found["rows"]) == (3, {})
    told = _count(
        data,
        "_Quarantine | project Kind = extract('the file is (an? [a-z]+|gzip)', 1, Reason) | order by Kind asc",
    )
    assert [row["Kind"] for row in told] == ["a tar", "a tar", "a tar", "a zip"]


def test_a_damaged_header_of_a_tar_archive_is_told_and_what_is_behind_it_read(
    tmp_path: Path, data: Path
) -> None:
    path = tmp_path / "a.tar"
    _tar(path, "w", *((f"{n}.json", _lines(1, n)) for n in range(5)))
    content = bytearray(path.read_bytes())
    place = content.index(b"2.json")
    content[place + 148] = ord("9")  # of the checksum
    path.write_bytes(content)
    code, found = _ingest(data, path)
    assert (code, found["rows"]) == (3, {"AZFWNetworkRule": 4})
    assert f"the header at byte {place:,} is damaged: " in found["failed"][str(path)]


def test_a_tar_that_ends_early_gives_its_rows_and_the_whole_one_the_others(
    tmp_path: Path, data: Path
) -> None:
    path = tmp_path / "a.tar"
    _tar(path, "w", ("a.json", _lines(100)), ("b.json", _lines(2000, 100)))
    whole = path.read_bytes()
    path.write_bytes(whole[: whole.index(b"b.json") + 512 + len(_lines(1000, 100)) + 99])
    code, found = _ingest(data, path)
    assert (code, found["rows"]) == (3, {"AZFWNetworkRule": 1100})
    assert "b.json is cut: " in found["failed"][str(path)]
    path.write_bytes(whole[: whole.index(b"b.json")])
    code, found = _ingest(data, path)
    assert (code, found["rows"], found["files"]["known"]) == (3, {}, 1)
    assert "it breaks off behind a.json, without the zeros that end an archive" in found["failed"][str(path)]
    path.write_bytes(whole)
    code, found = _ingest(data, path)
    assert (code, found["rows"], found["failed"]) == (0, {"AZFWNetworkRule": 1000}, {})
    assert _count(data) == [{"rows": 2100, "distinct": 2100}]


@pytest.mark.parametrize("fault", ["bomb", "entries", "header", "cut", "no tar"])
def test_a_hostile_tar_archive_is_told_and_gives_what_is_before(
    tmp_path: Path, data: Path, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    monkeypatch.setattr(Limits.__init__, "__defaults__", (256 * 1024**3, 20, 1024 * 1024, 3, 3))
    path = tmp_path / "a.tar.gz"
    first = ("a.json", _lines(2))
    if fault == "bomb":
        _tar(path, "w:gz", first, ("b.json", b" " * (64 * 1024 * 1024)))
    elif fault == "entries":
        _tar(path, "w:gz", *((f"{n}.json", _lines(2)) for n in range(9)))
    elif fault == "header":
        _tar(path, "w:gz", first, ("x" * (2 * 1024 * 1024), b""))
    else:
        _tar(path, "w:gz", first, ("b.json", os.urandom(100_000)))
        path.write_bytes(path.read_bytes()[:50_000] if fault == "cut" else b"no gzip at all")
    code, found = _ingest(data, path)
    assert (code, list(found["failed"])) == (3, [str(path)])
    assert found["rows"] == ({} if fault == "no tar" else {"AZFWNetworkRule": 2})
    assert not list(data.glob("ingest-*"))
