"""The command ingest: archives and packed files give what they hold, bounded, and tell what is bad in them."""

from __future__ import annotations

import gzip
import os
import threading
import zipfile
from pathlib import Path

import pytest
from tests.cli.ingest.logs import FIREWALL, counted, ingest, lines_of, tar_of

from nephoscope.files.snapshot_files import ArchiveLimits


def test_an_archive_that_unpacks_to_too_much_is_refused(
    tmp_path: Path, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ArchiveLimits.__init__, "__defaults__", (256 * 1024**3, 20, 1024 * 1024, 100, 100))
    bomb = tmp_path / "bomb.json.gz"
    bomb.write_bytes(gzip.compress(b" " * (64 * 1024 * 1024)))
    code, found = ingest(data, bomb)
    assert code == 3
    assert "unpacks to more" in next(iter(found["failed"].values()))
    code, found = ingest(data, bomb)
    assert (code, found["files"]["known"], found["quarantined"]) == (3, 1, {})
    assert "unpacks to more" in found["failed"][str(bomb)], "told as long as it is so"


def test_a_packed_file_that_ends_early_gives_what_it_holds(tmp_path: Path, data: Path) -> None:
    whole = gzip.compress(lines_of(2000), 0)
    (tmp_path / "a.json.gz").write_bytes(whole[: len(whole) // 2])
    code, found = ingest(data, tmp_path / "a.json.gz")
    assert code == 3
    assert 500 < found["rows"]["AZFWNetworkRule"] < 1500
    assert len(found["failed"]) == 1
    code, found = ingest(data, tmp_path / "a.json.gz")
    assert (code, found["rows"], found["files"]["known"], len(found["failed"])) == (3, {}, 1, 1)
    (tmp_path / "a.json.gz").write_bytes(whole)
    code, found = ingest(data, tmp_path / "a.json.gz")
    assert (code, found["failed"], found["files"]["grown"]) == (0, {}, 1)
    assert counted(data) == [{"rows": 2000, "distinct": 2000}], (
        "what was there before its end is not read again"
    )


@pytest.mark.full
def test_members_of_gzip_behind_a_damaged_one_are_rows(tmp_path: Path, data: Path) -> None:
    packed = [gzip.compress(lines_of(50, first)) for first in (0, 50, 100)]
    damaged = packed[1][: len(packed[1]) // 2]
    (tmp_path / "a.json.gz").write_bytes(packed[0] + damaged + packed[2])
    code, found = ingest(data, tmp_path / "a.json.gz")
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
        writer = threading.Thread(target=pipe.write_bytes, args=(lines_of(30),))
        writer.start()
        code, found = ingest(data, pipe)
        writer.join()
        assert (code, found["rows"]) == (0, rows)


def test_an_archive_gives_its_logs_of_every_suffix(tmp_path: Path, data: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        for place, name in enumerate(("fw.log", "var/fw.jsonl.1", "fw.json.gz", "picture.png")):
            lines = lines_of(2, 2 * place)
            archive.writestr(name, gzip.compress(lines) if name.endswith(".gz") else lines)
    code, found = ingest(data, tmp_path / "a.zip")
    assert (code, found["rows"], found["files"]["skipped"]) == (0, {"AZFWNetworkRule": 6}, 1)
    assert found["skipped"] == [f"{tmp_path / 'a.zip'}!picture.png"]


@pytest.mark.parametrize(
    ("name", "mode"),
    [("a.tar", "w"), ("a.tgz", "w:gz"), ("a.tar.gz", "w:gz"), ("a.tar.bz2", "w:bz2"), ("a.tar.xz", "w:xz")],
)
def test_a_tar_archive_gives_its_logs(tmp_path: Path, data: Path, name: str, mode: str) -> None:
    folder = tmp_path / "w"
    folder.mkdir()
    files = (
        ("../../escaped.json", lines_of(2)),
        ("/tmp/fw.json.gz", gzip.compress(lines_of(2, 2))),
        (f"resourceId={FIREWALL}/y=2026/PT1H.json", lines_of(2, 4)),
        ("a/picture.png", b""),
    )
    tar_of(folder / name, mode, *files, links=["a/link.log"])
    code, found = ingest(data, folder)
    assert (code, found["rows"], found["files"]["skipped"]) == (0, {"AZFWNetworkRule": 6}, 2)
    archive = folder / name
    assert found["skipped"] == [f"{archive}!a/picture.png"]
    assert found["not regular files"] == [f"{archive}!a/link.log"]
    assert not list(tmp_path.glob("**/escaped.json"))
    assert not list(data.glob("ingest-*"))
    code, found = ingest(data, folder)
    assert (code, found["rows"], found["files"]["known"]) == (0, {}, 3)
    (tmp_path / "plain.json").write_bytes(lines_of(2, 4))
    assert ingest(data, tmp_path / "plain.json")[1]["files"]["known"] == 1


def test_what_is_bad_in_a_tar_archive_is_told_with_its_member(tmp_path: Path, data: Path) -> None:
    tar_of(tmp_path / "a.tar", "w", ("in/b.json", b'{"a":1}\n'))
    assert ingest(data, tmp_path / "a.tar")[0] == 3
    assert counted(data, "_Quarantine | project Source") == [{"Source": f"{tmp_path / 'a.tar'}!in/b.json"}]


def test_an_archive_in_an_archive_is_set_aside(tmp_path: Path, data: Path) -> None:
    inner, packed = tmp_path / "inner.tar", tmp_path / "inner.zip"
    tar_of(inner, "w", ("a.json", lines_of(1)))
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("a.json", lines_of(1))
    held = (
        ("b.tar", inner.read_bytes()),
        ("c.zip", packed.read_bytes()),
        ("d.tar.gz", gzip.compress(inner.read_bytes() + bytes(1024))),
    )
    tar_of(tmp_path / "outer.tar", "w", *held)
    with zipfile.ZipFile(tmp_path / "outer.zip", "w") as archive:
        archive.writestr("other/b.tar", inner.read_bytes() + bytes(512))
    code, found = ingest(data, tmp_path / "outer.tar", tmp_path / "outer.zip")
    assert (code, found["rows"]) == (3, {})
    told = counted(
        data,
        "_Quarantine | project Kind = extract('the file is (an? [a-z]+|gzip)', 1, Reason) | order by Kind asc",
    )
    assert [row["Kind"] for row in told] == ["a tar", "a tar", "a tar", "a zip"]


def test_a_damaged_header_of_a_tar_archive_is_told_and_what_is_behind_it_read(
    tmp_path: Path, data: Path
) -> None:
    path = tmp_path / "a.tar"
    tar_of(path, "w", *((f"{n}.json", lines_of(1, n)) for n in range(5)))
    content = bytearray(path.read_bytes())
    place = content.index(b"2.json")
    content[place + 148] = ord("9")  # of the checksum
    path.write_bytes(content)
    code, found = ingest(data, path)
    assert (code, found["rows"]) == (3, {"AZFWNetworkRule": 4})
    assert f"the header at byte {place:,} is damaged: " in found["failed"][str(path)]


@pytest.mark.full
def test_a_tar_that_ends_early_gives_its_rows_and_the_whole_one_the_others(
    tmp_path: Path, data: Path
) -> None:
    path = tmp_path / "a.tar"
    tar_of(path, "w", ("a.json", lines_of(100)), ("b.json", lines_of(2000, 100)))
    whole = path.read_bytes()
    path.write_bytes(whole[: whole.index(b"b.json") + 512 + len(lines_of(1000, 100)) + 99])
    code, found = ingest(data, path)
    assert (code, found["rows"]) == (3, {"AZFWNetworkRule": 1100})
    assert "b.json is cut: " in found["failed"][str(path)]
    path.write_bytes(whole[: whole.index(b"b.json")])
    code, found = ingest(data, path)
    assert (code, found["rows"], found["files"]["known"]) == (3, {}, 1)
    assert "it breaks off behind a.json, without the zeros that end an archive" in found["failed"][str(path)]
    path.write_bytes(whole)
    code, found = ingest(data, path)
    assert (code, found["rows"], found["failed"]) == (0, {"AZFWNetworkRule": 1000}, {})
    assert counted(data) == [{"rows": 2100, "distinct": 2100}]


@pytest.mark.parametrize("fault", ["bomb", "entries", "header", "cut", "no tar"])
def test_a_hostile_tar_archive_is_told_and_gives_what_is_before(
    tmp_path: Path, data: Path, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    monkeypatch.setattr(ArchiveLimits.__init__, "__defaults__", (256 * 1024**3, 20, 1024 * 1024, 3, 3))
    path = tmp_path / "a.tar.gz"
    first = ("a.json", lines_of(2))
    if fault == "bomb":
        tar_of(path, "w:gz", first, ("b.json", b" " * (64 * 1024 * 1024)))
    elif fault == "entries":
        tar_of(path, "w:gz", *((f"{n}.json", lines_of(2)) for n in range(9)))
    elif fault == "header":
        tar_of(path, "w:gz", first, ("x" * (2 * 1024 * 1024), b""))
    else:
        tar_of(path, "w:gz", first, ("b.json", os.urandom(100_000)))
        path.write_bytes(path.read_bytes()[:50_000] if fault == "cut" else b"no gzip at all")
    code, found = ingest(data, path)
    assert (code, list(found["failed"])) == (3, [str(path)])
    assert found["rows"] == ({} if fault == "no tar" else {"AZFWNetworkRule": 2})
    assert not list(data.glob("ingest-*"))
