"""The command ingest: every content once, whatever its name, its packing and its place."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import zipfile
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pytest
from tests.cli.ingest.logs import VAULTS, counted, event, ingest, lines_of, run, tape_of, vault

from nephoscope.files.snapshot_files import ArchiveLimits, SourceFile
from nephoscope.ingest.logs.load_files import identify_file
from nephoscope.state import State


def test_a_content_is_taken_in_once_whatever_its_name_and_packing(tmp_path: Path, data: Path) -> None:
    plain = tmp_path / "a.json"
    plain.write_bytes(lines_of(50))
    assert ingest(data, plain)[1]["rows"] == {"AZFWNetworkRule": 50}
    (tmp_path / "b.json.gz").write_bytes(gzip.compress(lines_of(50)))
    with pa.CompressedOutputStream(str(tmp_path / "c.json.zst"), "zstd") as packed:
        packed.write(lines_of(50))
    with zipfile.ZipFile(tmp_path / "d.zip", "w") as archive:
        archive.writestr("inner/e.json", lines_of(50))
    (tmp_path / "f.json").write_bytes(("\ufeff" + lines_of(50).decode()).encode("utf-16-le"))
    (tmp_path / "g.json").write_bytes(lines_of(50).decode().encode("utf-32"))
    (tmp_path / "h.json.bz2").write_bytes(bz2.compress(lines_of(50)))
    (tmp_path / "i.json.xz").write_bytes(lzma.compress(lines_of(50)))
    code, found = ingest(data, tmp_path / "*.json*", tmp_path / "d.zip")
    assert (code, found["rows"], found["files"]["known"]) == (0, {}, 8)
    assert ingest(data, "-", stdin=lines_of(50))[1]["files"]["known"] == 1
    assert counted(data) == [{"rows": 50, "distinct": 50}]


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
        content = tape_of(log) if ending.startswith(".tar") else log
        last = ending.rpartition(".")[2]
        packed = {"gz": gzip.compress, "bz2": bz2.compress, "xz": lzma.compress, "tar": bytes}[last](content)
    code, found = ingest(data, "-", *options, stdin=packed)
    assert (code, found["rows"]) == (0, {"Syslog": 5})


@pytest.mark.parametrize("together", [True, False])
def test_equal_blobs_of_two_resources_are_two_contents(tmp_path: Path, data: Path, together: bool) -> None:
    for name in ("X", "Y"):
        vault(tmp_path, name).write_bytes(event())
        if not together:
            ingest(data, tmp_path / "w")
    ingest(data, tmp_path / "w")
    assert ingest(data, tmp_path / "w")[1]["files"]["known"] == 2
    assert counted(data, VAULTS) == [{"vault": "x", "rows": 1}, {"vault": "y", "rows": 1}]


def test_what_the_path_tells_is_the_same_in_another_folder_and_not_lost_without_it(
    tmp_path: Path, data: Path
) -> None:
    blob, elsewhere, alone = vault(tmp_path, "X"), vault(tmp_path / "copy", "x"), tmp_path / "a.json"
    for path in (blob, elsewhere, alone):
        path.write_bytes(event())
    assert ingest(data, blob, elsewhere, alone)[1]["files"]["known"] == 2
    assert counted(data, VAULTS) == [{"vault": "x", "rows": 1}]


@pytest.mark.full
@pytest.mark.parametrize("more", [0, 3], ids=["the same", "grown"])
def test_a_blob_that_came_without_its_path_comes_once_and_is_of_one_resource(
    tmp_path: Path, data: Path, more: int
) -> None:
    first = b"".join(event(number) for number in range(8))
    (tmp_path / "PT1H.json").write_bytes(first)
    ingest(data, tmp_path / "PT1H.json")
    blob, other = vault(tmp_path, "X"), vault(tmp_path, "Y")
    blob.write_bytes(first + b"".join(event(number) for number in range(8, 8 + more)))
    result = run(data, blob)
    assert f"{blob}: its content was ingested before as {tmp_path / 'PT1H.json'}" in result.stderr
    other.write_bytes(first)
    assert "ingested before" not in run(data, other).stderr
    for path in (blob, other):
        assert ingest(data, path)[1]["files"]["known"] == 1
    rows = {"": 8, "x": more, "y": 8}
    assert counted(data, VAULTS) == [{"vault": name, "rows": count} for name, count in rows.items() if count]


def test_a_blob_of_another_resource_is_no_grown_one(tmp_path: Path, data: Path) -> None:
    first = b"".join(event(number) for number in range(8))
    vault(tmp_path, "X").write_bytes(first)
    ingest(data, tmp_path / "w")
    vault(tmp_path, "Y").write_bytes(first + event(8))
    assert ingest(data, tmp_path / "w")[1]["files"]["grown"] == 0
    assert counted(data, VAULTS) == [{"vault": "x", "rows": 8}, {"vault": "y", "rows": 9}]


@pytest.mark.full
def test_a_blob_that_an_older_release_took_in_is_known(tmp_path: Path, data: Path) -> None:
    blob = vault(tmp_path, "X")
    blob.write_bytes(event())
    with State.open_folder(data) as state:
        content = identify_file(SourceFile(blob, blob), ArchiveLimits())
        state.ingested_files.begin(content.name, str(blob), "", content.size)
        state.ingested_files.finish(content.name)
    assert ingest(data, blob)[1]["files"]["known"] == 1
    vault(tmp_path, "Y").write_bytes(event())
    assert ingest(data, vault(tmp_path, "Y"))[1]["files"]["read"] == 1
