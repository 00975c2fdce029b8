"""Tar archives that are cut or damaged: all that is there of their members is read, and what is missing is told with its place."""

from __future__ import annotations

import bz2
import errno
import gzip
import io
import lzma
import os
import random
import tarfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nephoscope.files.snapshot_files import ArchiveLimits, FileError, SourceFile
from nephoscope.files.tar_archive import iterate_members

END = 1024
SIZES = (0, 300, 512, 4000, 513)


def _content(number: int, size: int) -> bytes:
    chosen = random.Random(number)
    return bytes(chosen.choices(b"0123456789abcdef\n", k=size))


def _tar(sizes: Sequence[int] = SIZES, form: int = tarfile.USTAR_FORMAT, first: int = 0) -> bytes:
    """An archive of files by number, with a block of zeros behind its end as GNU tar leaves it."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w", format=form) as archive:
        for number, size in enumerate(sizes, first):
            member = tarfile.TarInfo(f"{number}-{'é' if form == tarfile.PAX_FORMAT else 'e'}.json")
            member.size = size
            archive.addfile(member, io.BytesIO(_content(number, size)))
    return packed.getvalue()[: _used(sizes, form)] + bytes(END)


def _used(sizes: Sequence[int], form: int = tarfile.USTAR_FORMAT) -> int:
    headers = 3 if form == tarfile.PAX_FORMAT else 1
    return sum(512 * headers + -(-size // 512) * 512 for size in sizes)


def _read(folder: Path, name: str, data: bytes) -> tuple[dict[str, bytes], str]:
    """What the members hold that an archive gives, and what it tells of its damage."""
    (folder / name).write_bytes(data)
    scratch = folder / "scratch"
    given_: dict[str, bytes] = {}
    try:
        source = SourceFile(folder / name, folder)
        for one in iterate_members(source, ArchiveLimits(), scratch, lambda _: True, [], []):
            given_[one.name.rpartition("!")[2]] = one.path.read_bytes()
    except FileError as error:
        return given_, str(error)
    finally:
        assert not list(scratch.iterdir())
    return given_, ""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("tapes")
    (made / "scratch").mkdir()
    return made


@settings(max_examples=150, deadline=None)
@given(cut=st.integers(1, _used(SIZES) + END), pax=st.booleans())
def test_a_tar_that_is_cut_anywhere_gives_all_that_is_there(folder: Path, cut: int, pax: bool) -> None:
    form = tarfile.PAX_FORMAT if pax else tarfile.USTAR_FORMAT
    used = _used(SIZES, form)
    found, told = _read(folder, "a.tar", _tar(form=form)[:cut])
    begin = 0
    for number, size in enumerate(SIZES):
        begin += 512 * (3 if pax else 1)
        there = min(size, cut - begin)
        if there >= 0:
            assert found.pop(f"{number}-{'é' if pax else 'e'}.json") == _content(number, size)[:there]
            if there < size:
                assert f"is cut: {there:,} of its {size:,} bytes" in told
        begin += -(-size // 512) * 512
    assert not found
    assert bool(told) == (cut < used + 512 or cut % 512 != 0)


def test_a_tar_that_is_cut_behind_a_member_is_told(folder: Path) -> None:
    found, told = _read(folder, "a.tar", _tar()[: _used(SIZES[:3])])
    assert list(found) == ["0-e.json", "1-e.json", "2-e.json"]
    assert "it breaks off behind 2-e.json, without the zeros that end an archive" in told
    assert "3 members were found" in told


@pytest.mark.parametrize("tar", [_tar(), _tar(())[:512], _tar()[:-512], _tar() + _tar((5,), first=9)])
def test_a_whole_tar_tells_nothing(folder: Path, tar: bytes) -> None:
    assert _read(folder, "a.tar", tar)[1] == ""


def _stored(data: bytes, level: int = 0) -> bytes:
    return gzip.compress(data, level, mtime=0)


@pytest.mark.parametrize("share", [0.2, 0.5, 0.9])
@pytest.mark.parametrize(("name", "packed"), [("a.tgz", gzip.compress), ("a.tar.xz", lzma.compress)])
def test_a_packed_tar_that_is_cut_gives_the_members_before_the_cut(
    folder: Path, name: str, packed: object, share: float
) -> None:
    sizes = [3000] * 200
    whole = _stored(_tar(sizes), 6) if packed is gzip.compress else lzma.compress(_tar(sizes))
    cut = whole[: int(len(whole) * share)]
    unpacker = __import__("zlib").decompressobj(31) if name == "a.tgz" else lzma.LZMADecompressor()
    there = len(unpacker.decompress(cut))
    found, told = _read(folder, name, cut)
    full, rest = divmod(there, 512 + 3072)
    assert len(found) >= full
    assert all(found[f"{n}-e.json"] == _content(n, 3000) for n in range(full))
    if rest > 512:
        assert found[f"{full}-e.json"] == _content(full, 3000)[: rest - 512]
        assert f"{full}-e.json is cut: {min(rest - 512, 3000):,} of its 3,000 bytes" in told or rest >= 3512
    assert f"unpacked were {there:,} bytes" in told


def test_a_bzip2_tar_that_is_cut_is_told(folder: Path) -> None:
    whole = bz2.compress(_tar([3000] * 1000), 1)
    found, told = _read(folder, "a.tar.bz2", whole[: len(whole) // 2])
    assert len(found) > 300
    assert all(found[f"{n}-e.json"] == _content(n, 3000) for n in range(len(found) - 1))
    assert "is cut: " in told


def test_a_tar_goes_on_at_the_first_header_behind_a_damaged_member_of_gzip(folder: Path) -> None:
    """The members of gzip end where they may, as a packer of many threads writes them."""
    sizes = [3000] * 50
    tar = _tar(sizes)
    parts = [_stored(tar[at : at + 20_000], 6) for at in range(0, len(tar), 20_000)]
    parts[3] = parts[3][: len(parts[3]) // 2]
    begin = sum(map(len, parts[:3]))
    found, told = _read(folder, "a.tar.gz", b"".join(parts))
    lost = {f"{n}-e.json" for n in range(60_000 // 3584, 80_000 // 3584 + 1)}
    kept = {f"{n}-e.json" for n in range(50)} - lost
    assert kept <= set(found)
    assert all(found[name] == _content(int(name[:-7]), 3000) for name in kept)
    assert f"the gzip member at byte {begin} is damaged" in told
    assert "is cut: " in told
    assert "it was read on at the header at byte " in told


def test_archives_behind_a_damaged_one_are_read(folder: Path) -> None:
    parts = [_stored(_tar((2000, 2000), first=first), 6) for first in (0, 2, 4)]
    parts[1] = parts[1][:700]
    found, told = _read(folder, "a.tgz", b"".join(parts))
    assert {name: found[name] for name in ("0-e.json", "1-e.json", "4-e.json", "5-e.json")} == {
        f"{n}-e.json": _content(n, 2000) for n in (0, 1, 4, 5)
    }
    assert f"the gzip member at byte {len(parts[0])} is damaged" in told


def test_a_wrong_checksum_is_told_though_everything_is_read(folder: Path) -> None:
    packed = bytearray(_stored(_tar()))
    packed[-8] ^= 1
    found, told = _read(folder, "a.tgz", bytes(packed))
    assert len(found) == len(SIZES)
    assert "the gzip member at byte 0 is damaged" in told
    assert "5 members were found" in told


def test_a_full_disk_is_waited_for_and_takes_nothing_of_a_member(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The disk takes the half of what it is given, then nothing, then all again."""
    (folder / "a.tar").write_bytes(_tar((3000, 2000)))
    told: list[OSError] = []
    opened = Path.open

    class Small(io.FileIO):
        def write(self, data: Any) -> int:
            if len(told) < 2 and self.tell():
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            return super().write(data if self.tell() else data[: len(data) // 2])

    def smaller(path: Path, mode: str = "r", *more: Any, **others: Any) -> Any:
        return Small(path, mode) if "w" in mode else opened(path, mode, *more, **others)

    monkeypatch.setattr(Path, "open", smaller)
    source = SourceFile(folder / "a.tar", folder)
    read = iterate_members(source, ArchiveLimits(), folder / "scratch", lambda _: True, [], [], told.append)
    assert [one.path.read_bytes() for one in read] == [_content(0, 3000), _content(1, 2000)]
    assert [one.errno for one in told] == [errno.ENOSPC] * 2
    told.clear()
    with pytest.raises(OSError, match="No space left") as error:
        list(iterate_members(source, ArchiveLimits(), folder / "scratch", lambda _: True, [], []))
    assert not isinstance(error.value, FileError)


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_a_flipped_byte_in_a_packed_tar_never_goes_untold(folder: Path, data: st.DataObject) -> None:
    packed = bytearray(_stored(_tar([3000] * 20), 6))
    at = data.draw(st.integers(10, len(packed) - 1))
    packed[at] ^= data.draw(st.integers(1, 255))
    assert _read(folder, "a.tgz", bytes(packed))[1] != ""
