"""Logs that are turned over while they are read: scenarios of steps, each line of which comes once."""

from __future__ import annotations

import bz2
import gzip
import json
import lzma
import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event
from typing import Any

import pyarrow as pa
import pytest
import yaml

from nephoscope.ingest.live.kinds.folder import FolderSource
from nephoscope.ingest.live.lake_sink import LakeSink
from nephoscope.ingest.live.live_source import SourceContext
from nephoscope.ingest.live.source_kinds import get_source_kind, parse_settings
from nephoscope.ingest.live.source_meter import SourceMeter
from nephoscope.lake.lake import Lake
from nephoscope.state import State

CASES = yaml.load((Path(__file__).parents[2] / "cases/rotation/scenarios.yaml").read_text(), yaml.CSafeLoader)
PACKERS: dict[str, tuple[str, Callable[[bytes], bytes]]] = {
    "gzip": (".gz", gzip.compress), "bzip2": (".bz2", bz2.compress), "xz": (".xz", lzma.compress),
    "zstd": (".zst", lambda data: pa.Codec("zstd").compress(data, asbytes=True)),
}  # fmt: skip


class Looks(Event):
    """Stops a source after as many looks as the steps ask for: between two looks it does the steps."""

    def __init__(self, play: Iterator[str]) -> None:
        super().__init__()
        self._play = play

    def wait(self, _: float | None = None) -> bool:
        if next(self._play, "") != "look":
            self.set()
        return self.is_set()


@dataclass
class Scenario:
    """A folder, the lines that were written to its logs, and what a source took of them."""

    case: dict[str, Any]
    folder: Path
    sink: Any
    count: int = 0
    ahead: float = 0.0
    kept: dict[str, Any] = field(default_factory=dict)

    def play(self) -> None:
        steps = self._steps(iter(self.case["steps"]))
        # Steps before the first look, and between a restart and the next one, find no source that runs.
        while next(steps, None) == "look":
            self._source().run(self.sink, Looks(steps))

    def _source(self) -> FolderSource:
        given = {"paths": [str(self.folder)], "names": self.case.get("names", ["*"])}
        clock = lambda: datetime.now(UTC) + timedelta(seconds=self.ahead)  # noqa: E731
        return FolderSource(
            parse_settings(get_source_kind("folder"), given), SourceContext("logs", clock=clock)
        )

    def _steps(self, steps: Iterator[str]) -> Iterator[str]:
        for step in steps:
            verb, *words = step.split()
            if verb in ("look", "restart"):
                yield verb
            elif verb == "crash":
                yield verb
                self.sink.saved = dict(self.kept)
            else:
                getattr(self, f"_{verb}", self._file)(verb, *words)

    def _file(self, verb: str, name: str, other: str = "") -> None:
        path, to = self.folder / name, self.folder / other
        to.parent.mkdir(exist_ok=True)
        if verb in PACKERS:
            ending, pack = PACKERS[verb]
            path.with_name(path.name + ending).write_bytes(pack(path.read_bytes()))
            shutil.copystat(path, path.with_name(path.name + ending))
            path.unlink()
        else:
            {"mv": path.rename, "cp": lambda to: to.write_bytes(path.read_bytes())}[verb](to)

    def _gunzip(self, _: str, name: str) -> None:
        (self.folder / name.removesuffix(".gz")).write_bytes(
            gzip.decompress((self.folder / name).read_bytes())
        )
        (self.folder / name).unlink()

    def _truncate(self, _: str, name: str) -> None:
        (self.folder / name).write_bytes(b"")

    def _head(self, _: str, lines: str, name: str, other: str) -> None:
        path = self.folder / name
        size = len(path.read_bytes().split(b"\n", 1)[0]) + 1
        (self.folder / other).write_bytes(path.read_bytes()[: int(float(lines) * size)])

    def _wait(self, _: str, seconds: str) -> None:
        self.ahead += float(seconds)

    def _keep(self, _: str) -> None:
        self.kept = dict(self.sink.saved)

    def _began(self, _: str) -> None:
        """Keep what the source saves before it hands over anything of the first file."""
        save = self.sink.save_checkpoint

        def saving(key: str, value: dict[str, Any]) -> None:
            save(key, value)
            self.kept = self.kept or dict(self.sink.saved)

        self.sink.save_checkpoint = saving

    def _write(self, _: str, name: str, lines: str) -> None:
        path, width = self.folder / name, self.case.get("width", 90)
        numbers = range(self.count, self.count + int(lines))
        self.count += int(lines)
        records = [json.dumps({"n": number, "pad": "x" * width}) for number in numbers]
        form = self.case.get("form", "")
        old = path.read_bytes() if path.exists() else b""
        if form == "document":
            inside = [old[len('{"records":[') : -2].decode()] if old else []
            path.write_text('{"records":[' + ",\n".join(inside + records) + "]}")
            return
        with path.open("ab") as file:
            text = "".join(f"{record}\n" for record in records)
            file.write(text.encode("utf-16" if not old else "utf-16-le") if form else text.encode())


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_each_line_comes_once(case: dict[str, Any], tmp_path: Path, sink) -> None:
    scenario = Scenario(case, tmp_path / "logs", sink)
    scenario.folder.mkdir()
    scenario.play()
    found = Counter(json.loads(data)["n"] for _, data in sink.records)
    assert {number: count for number, count in found.items() if count > 1} == {}, "lines that came twice"
    assert sorted(found) == list(range(case["rows"]))
    assert scenario.count == case["rows"]
    assert not sink.refused
    assert not sink.errors


HEADER = "TimeGenerated,Type,Computer,SyslogMessage\n"


def _csv(numbers: range) -> str:
    now = datetime.now(UTC).isoformat()
    return "".join(f'{now},Syslog,host,"message {number}{"." * 60}"\n' for number in numbers)


def _vault(number: int) -> str:
    return json.dumps({
        "time": datetime.now(UTC).isoformat(), "category": "AuditEvent", "operationName": f"message {number}.",
        "resourceId": "/SUBSCRIPTIONS/00000000-0000-0000-0000-000000000001/RESOURCEGROUPS/G/PROVIDERS/MICROSOFT.KEYVAULT/VAULTS/V",
        "properties": {"id": "https://v.vault.azure.net/secrets/x", "httpStatusCode": 200},
    })  # fmt: skip


def _closed(numbers: range) -> str:
    return '{"records":[' + ",".join(_vault(number) for number in numbers) + "]}"


@pytest.fixture
def lake_sink(tmp_path):
    with State.open_folder(tmp_path / "data") as state, Lake.open(tmp_path / "data", state) as lake:
        yield LakeSink("logs", "default", lake, lake.writer(), state.checkpoints, SourceMeter(), Event())


def _looks(sink: LakeSink, folder: Path, steps: Iterator[Callable[[], object]]) -> None:
    """A look after each step; every file is settled."""

    def play() -> Iterator[str]:
        for step in steps:
            step()
            yield "look"

    playing = play()
    next(playing)
    given = {"paths": [str(folder)], "settle": 0}
    FolderSource(parse_settings(get_source_kind("folder"), given), SourceContext("logs")).run(
        sink, Looks(playing)
    )


def _messages(sink: LakeSink, table: str, column: str) -> list[int]:
    sink.lake.flush()
    rows = sink.lake.query(f"{table} | project m = extract(@'message (\\d+)', 1, {column})")[
        -1
    ].table.to_pylist()
    return sorted(int(row["m"]) for row in rows)


def _packs(path: Path) -> None:
    path.with_name(path.name + ".gz").write_bytes(gzip.compress(path.read_bytes()))
    path.unlink()


@pytest.mark.parametrize(
    ("name", "first", "second", "table", "column"),
    [
        ("a.csv", HEADER + _csv(range(20)), HEADER + _csv(range(20)), "Syslog", "SyslogMessage"),
        ("PT1H.json", _closed(range(20)), _closed(range(20, 30)), "AzureDiagnostics", "OperationName"),
    ],
    ids=["csv", "document"],
)
def test_tables_and_documents_that_are_packed_and_copied(
    lake_sink, tmp_path: Path, name: str, first: str, second: str, table: str, column: str
) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    path, copied = folder / name, folder / f"copy-{name}"
    steps = [
        lambda: path.write_text(first),
        lambda: copied.write_bytes(path.read_bytes()),
        lambda: _packs(path),
        lambda: _packs(copied),
    ]
    _looks(lake_sink, folder, iter(steps))
    assert _messages(lake_sink, table, column) == list(range(20))


def test_a_csv_that_grows_gives_its_new_rows(lake_sink, tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    path = folder / "a.csv"
    whole = HEADER + _csv(range(30))
    half = "".join(whole.splitlines(keepends=True)[:21])
    steps = [lambda: path.write_text(half), lambda: path.write_text(whole), lambda: _packs(path)]
    _looks(lake_sink, folder, iter(steps))
    assert _messages(lake_sink, "Syslog", "SyslogMessage") == list(range(30))
