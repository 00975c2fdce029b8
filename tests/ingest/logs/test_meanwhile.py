"""What another process loads while a load runs is known to it: a file that grew meanwhile gives what is new, and nothing twice."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from nephoscope.files.snapshot_files import ArchiveLimits, SourceFile
from nephoscope.ingest.logs.discovery import load_formats
from nephoscope.ingest.logs.ingestion import FileIngestion
from nephoscope.ingest.logs.load_files import find_files
from nephoscope.ingest.logs.log_format import StreamContext
from nephoscope.lake.lake import Lake
from nephoscope.state import State

Load = Callable[..., FileIngestion]
AT = (datetime.now(UTC) - timedelta(hours=2)).isoformat()


def line(number: int) -> str:
    record = {
        "time": AT, "category": "AuditEvent", "operationName": "SecretGet", "correlationId": f"c{number}",
        "resourceId": "/SUBSCRIPTIONS/11111111-1111-1111-1111-111111111111/RESOURCEGROUPS/RG/PROVIDERS/MICROSOFT.KEYVAULT/VAULTS/V",
    }  # fmt: skip
    return json.dumps(record) + "\n"


def written(file: Path, *numbers: int) -> Path:
    with file.open("a") as opened:
        opened.writelines(map(line, numbers))
    return file


@pytest.fixture
def load(lake: Lake, state: State) -> Load:
    """Takes files in, each call as a process of its own; `meanwhile` is called when the first file was read."""

    def loaded(*files: Path, meanwhile: Callable[[], object] = lambda: None) -> FileIngestion:
        intake = FileIngestion(
            lake, state, lake.workspace("default"), load_formats(), StreamContext("", datetime.now(UTC))
        )
        first, *rest = find_files([str(one) for one in files], ArchiveLimits()).sources

        def sources() -> Iterator[SourceFile]:
            yield first
            meanwhile()
            yield from rest

        intake.run(sources())
        return intake

    return loaded


def rows(lake: Lake) -> dict[str, int]:
    lake.flush()
    table = lake.query("AZKVAuditLogs | summarize count() by CorrelationId")[-1].table
    return {one["CorrelationId"]: one["count_"] for one in table.to_pylist()}


def test_a_file_that_another_takes_in_and_that_grows_gives_what_is_new(
    lake: Lake, load: Load, tmp_path: Path
) -> None:
    first, second = written(tmp_path / "a.json", 1, 2), written(tmp_path / "z.json", *range(10, 40))

    def others() -> None:
        load(second)
        written(second, 40, 41)

    load(first, second, meanwhile=others)
    assert rows(lake) == dict.fromkeys([f"c{number}" for number in (1, 2, *range(10, 42))], 1)


@pytest.mark.parametrize("numbers", [range(10, 13), range(10, 200)], ids=["short", "long"])
def test_a_copy_under_another_name_is_known(lake: Lake, load: Load, tmp_path: Path, numbers: range) -> None:
    first, second = written(tmp_path / "a.json", 1), written(tmp_path / "z.json", *numbers)
    copy = written(tmp_path / "other.log", *numbers)
    found = load(first, second, meanwhile=lambda: load(copy))
    assert found.tally.known == 1
    assert set(rows(lake).values()) == {1}


def test_what_others_load_of_other_files_costs_no_second_look(
    load: Load, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked: list[str] = []
    file = FileIngestion._ingest_new_file

    def counted(self: FileIngestion, source, earlier) -> None:
        looked.append(Path(source.name).name)
        file(self, source, earlier)

    monkeypatch.setattr(FileIngestion, "_ingest_new_file", counted)
    first, second = written(tmp_path / "a.json", 1), written(tmp_path / "z.json", *range(10, 40))
    foreign = written(tmp_path / "foreign.json", *range(50, 90))
    load(first, second, meanwhile=lambda: load(foreign))
    assert sorted(looked) == ["a.json", "foreign.json", "z.json"]
