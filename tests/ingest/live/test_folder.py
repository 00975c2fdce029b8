"""Watched folders: files that grow, are renamed, rotated, truncated, half written, or put there whole."""

from __future__ import annotations

import gzip
import json
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event

import pytest

from nephoscope.ingest.live.folders.file_reader import FolderFileReader
from nephoscope.ingest.live.folders.read_contents import FolderContents
from nephoscope.ingest.live.kinds.folder import FolderSource
from nephoscope.ingest.live.live_source import SourceContext
from nephoscope.ingest.live.source_kinds import get_source_kind, parse_settings
from nephoscope.ingest.source_failures import SourceError


@pytest.fixture
def watched(tmp_path) -> Path:
    (tmp_path / "in").mkdir()
    return tmp_path / "in"


@pytest.fixture
def source(watched):
    def make(**settings) -> FolderSource:
        given = {"paths": [str(watched)], "poll": 0.02, **settings}
        return FolderSource(parse_settings(get_source_kind("folder"), given), SourceContext("drop"))

    return make


def _line(number: int) -> bytes:
    return b'{"n":%d}\n' % number


def _numbers(sink) -> list[int]:
    return [json.loads(data)["n"] for _, data in sink.records]


def _add(path: Path, data: bytes) -> None:
    with path.open("ab") as file:
        file.write(data)


def test_files_that_grow_and_half_lines(watched, source, sink, running, until) -> None:
    path = watched / "sub" / "app.log"
    path.parent.mkdir()
    with running(source(settle=3600), sink):
        for number in range(20):
            _add(path, _line(number)[:4])
            _add(path, _line(number)[4:])
            until(lambda number=number: len(sink.records) == number + 1)
        _add(path, b'{"n":2')
        until(
            lambda: any(
                one.get("etag", "").startswith(str(path.stat().st_size)) for one in sink.saved.values()
            )
        )
    assert _numbers(sink) == list(range(20))
    _add(path, b"0}")
    with running(source(settle=0), sink):
        until(lambda: len(sink.records) == 21)
    assert _numbers(sink) == list(range(21))


def _quiet(path: Path) -> None:
    """Nothing was written to a file for an hour."""
    then = path.stat().st_mtime - 3600
    os.utime(path, (then, then))


def _read_up_to(sink, path: Path, *, done: bool) -> bool:
    state = f"{path.stat().st_size}:{path.stat().st_mtime_ns}"
    return any(one.get("etag") == state and one.get("done", False) == done for one in sink.saved.values())


@pytest.mark.parametrize("known", [True, False], ids=["was-there", "new"])
def test_a_line_that_goes_on_after_a_pause_is_read_whole_and_told(
    watched, source, sink, running, until, known: bool
) -> None:
    path = watched / "app.log"
    _add(path, b"one\ntwo\nhal")
    if not known:
        _quiet(path)
    with running(source(settle=1800), sink):
        if known:
            until(lambda: len(sink.records) == 2)
            _quiet(path)
        until(lambda: _read_up_to(sink, path, done=True))
        assert [data.strip() for _, data in sink.records] == [b"one", b"two", b"hal"]
        assert not sink.errors
        _add(path, b"f and ha")
        _add(path, b"lf\nthree\nfou")
        until(lambda: len(sink.records) == 5)
        path.rename(watched / "app.log.1")
    lines = [data.strip() for _, data in sink.records]
    assert lines == [b"one", b"two", b"hal", b"half and half", b"three"]
    assert "byte 8" in sink.standing[f"event:cut:{path}"]
    with running(source(settle=0), sink):
        until(lambda: len(sink.records) == 6)
        _add(watched / "app.log.1", b"r\n")
        until(lambda: len(sink.records) == 7)
    assert [data.strip() for _, data in sink.records][5:] == [b"fou", b"four"]
    assert not sink.refused


def test_a_last_line_whose_end_comes_later_was_whole(watched, source, sink, running, until) -> None:
    path = watched / "app.log"
    _add(path, b"one\ntwo")
    with running(source(settle=0), sink):
        until(lambda: len(sink.records) == 2)
        _add(path, b"\nthree")
        until(lambda: len(sink.records) == 3)
        _add(path, b"\r\nfour\n")
        until(lambda: len(sink.records) == 4)
        os.utime(path)
        until(lambda: _read_up_to(sink, path, done=True))
    assert [data.strip() for _, data in sink.records] == [b"one", b"two", b"three", b"four"]
    assert not sink.errors


def test_a_line_that_goes_on_without_its_end_waits_for_it(watched, source, sink, running, until) -> None:
    path = watched / "app.log"
    _add(path, b'{"n":1}\n{"n"')
    _quiet(path)
    with running(source(settle=1800), sink) as stop:
        until(lambda: _read_up_to(sink, path, done=True))
        assert len(sink.refused) == 1
        _add(path, b":")
        stop.wait(0.3)
        assert _numbers(sink) == [1]
        _add(path, b"2}\n")
        until(lambda: len(sink.records) == 2)
    assert _numbers(sink) == [1, 2]
    assert len(sink.refused) == 1


def test_rotation_by_renaming_and_by_truncating(watched, source, sink, running, until) -> None:
    path = watched / "app.log"
    with running(source(settle=3600), sink):
        _add(path, _line(0) + _line(1))
        until(lambda: len(sink.records) == 2)
        path.rename(watched / "app.log.1")
        _add(path, _line(2))
        _add(watched / "app.log.1", _line(3))
        until(lambda: len(sink.records) == 4)
        path.write_bytes(_line(4)[:3])
        _add(path, _line(4)[3:] + _line(5) + _line(6) + _line(7))
        until(lambda: len(sink.records) == 8)
    assert sorted(_numbers(sink)) == list(range(8))


def test_a_document_that_is_closed_again_and_again(watched, source, sink, running, until) -> None:
    path = watched / "PT1H.json"
    with running(source(settle=3600), sink):
        for count in range(1, 8):
            data = b'{"records":[' + b",".join(_line(number).strip() for number in range(count)) + b"]}"
            with path.open("r+b" if path.exists() else "wb") as file:
                file.write(data)
            until(lambda count=count: len(sink.records) == count)
    assert _numbers(sink) == list(range(7))


def test_whole_files_once_they_are_finished(watched, source, sink, running, until) -> None:
    (watched / "a.json.gz").write_bytes(gzip.compress(_line(0)) + gzip.compress(_line(1)))
    (watched / "b.json.gz.part").write_bytes(b"not yet")
    (watched / ".hidden.json").write_bytes(_line(9))
    with running(source(settle=3600), sink) as stop:
        stop.wait(0.3)
        assert not sink.records
    with running(source(settle=0), sink):
        until(lambda: len(sink.records) == 2)
    with running(source(settle=0), sink):
        pass
    assert _numbers(sink) == [0, 1]


@pytest.mark.parametrize("encoding", ["utf-16", "utf-32"])
def test_wide_text_that_grows_is_read_once(watched, source, sink, running, until, encoding: str) -> None:
    """Characters of three bytes in UTF-8 and two in UTF-16: what was read is longer than the file."""
    path = watched / "app.log"
    text = "".join(
        json.dumps({"n": number, "t": "\u6771" * 90}, ensure_ascii=False) + "\n" for number in range(8)
    )
    data = text.encode(encoding)
    with running(source(settle=3600), sink):
        for part in range(8):
            _add(path, data[len(data) * part // 8 : len(data) * (part + 1) // 8 - 1])
            _add(path, data[len(data) * (part + 1) // 8 - 1 : len(data) * (part + 1) // 8])
            until(lambda part=part: len(sink.records) >= part)
        until(lambda: len(sink.records) == 8)
    with running(source(settle=3600), sink):
        _add(path, '{"n":8}\n'.encode(encoding)[len("".encode(encoding)) :])
        until(lambda: len(sink.records) == 9)
    assert _numbers(sink) == list(range(9))
    assert not sink.refused


def test_packed_wide_text_and_what_is_none(watched, source, sink, running, until) -> None:
    (watched / "a.json.gz").write_bytes(gzip.compress(_line(0).decode().encode("utf-16")))
    (watched / "b.log").write_bytes(_line(1).decode().encode("utf-16") + b"\x00\xd8\x41")
    with running(source(settle=0), sink):
        until(lambda: len(sink.records) == 2 and sink.refused)
    assert sorted(_numbers(sink)) == [0, 1]
    assert "not in that encoding" in sink.refused[0].reason


def test_taken_up_after_the_process_died_before_the_checkpoint(watched, source, sink, running, until) -> None:
    path = watched / "app.log"
    _add(path, _line(0))
    with running(source(settle=3600), sink):
        until(lambda: sink.records and all(one.get("offset") for one in sink.saved.values()))
    kept = dict(sink.saved)
    _add(path, _line(1))
    with running(source(settle=3600), sink):
        until(lambda: len(sink.records) == 2)
    sink.saved = kept
    _add(path, _line(2))
    with running(source(settle=3600), sink):
        until(lambda: len(sink.records) == 3)
    assert _numbers(sink) == [0, 1, 2]


def test_what_is_gone_is_forgotten_in_time(watched, source, sink, running, until) -> None:
    path, ahead = watched / "app.log", [timedelta()]
    _add(path, _line(0))
    watching = source(settle=3600)
    watching.around = SourceContext("drop", clock=lambda: datetime.now(UTC) + ahead[0])
    with running(watching, sink):
        until(lambda: sink.saved)
        path.unlink()
        until(lambda: [key.partition(":")[0] for key in sink.saved] == ["gone"])
        ahead[0] = timedelta(days=33)
        until(lambda: not sink.saved)


def test_a_folder_that_is_not_there(tmp_path, source) -> None:
    with pytest.raises(SourceError, match="no such folder"):
        source(paths=[str(tmp_path / "none")]).test()
    assert source().test() == "0 file(s), 0 bytes"


def test_links_out_of_the_folder_are_told_and_not_read(watched, source, sink, running, until) -> None:
    outside = watched.parent / "outside"
    outside.mkdir()
    (outside / "secret.log").write_bytes(_line(9))
    (watched / "app.log").write_bytes(_line(0))
    (watched / "pw.log").symlink_to(outside / "secret.log")
    (watched / "up.log").symlink_to("../outside/secret.log")
    (watched / "chain.log").symlink_to("pw.log")
    (watched / "all").symlink_to(outside)
    tested = source().test()
    assert tested.startswith("1 file(s), 8 bytes; not to be read: ")
    assert "pw.log" in tested
    with running(source(settle=0), sink):
        until(lambda: _numbers(sink) and sum("out of the folder" in one for one in sink.errors) == 4)
        (watched / "pw.log").unlink()
        until(lambda: f"path:{watched / 'pw.log'}" not in sink.standing)
        assert f"path:{watched / 'up.log'}" in sink.standing
    assert _numbers(sink) == [0]
    assert sum("up.log: " in one for one in sink.errors) == 1, "told once, though each look finds it"


def test_links_within_the_folder_and_to_it(watched, source, sink, running, until) -> None:
    (watched / "app.log").write_bytes(_line(0))
    (watched / "current").symlink_to("app.log")
    (watched.parent / "link").symlink_to(watched)
    with running(source(settle=0, paths=[str(watched.parent / "link")]), sink):
        until(lambda: _numbers(sink))
    assert set(_numbers(sink)) == {0}
    assert sink.errors == []


def test_a_file_that_gave_way_to_a_link_after_the_look(watched, source, sink) -> None:
    (watched / "app.log").write_bytes(_line(0))
    (watched.parent / "secret.log").write_bytes(_line(9))
    watching = source(settle=0)
    found = next(iter(watching._list_wanted_files(sink, frozenset())))
    (watched / "app.log").unlink()
    (watched / "app.log").symlink_to(watched.parent / "secret.log")
    watching._read_file(found, FolderFileReader(FolderContents(sink, lambda: 0.0), sink, Event(), "auto"))
    assert sink.records == []
