"""What somebody sent: taken where it is plain files within bounds, refused with a reason where it is anything else."""

from __future__ import annotations

import gzip
import io
import stat
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nephoscope.alerts.library.upload_extraction import (
    UploadError,
    UploadLimits,
    split_member_path,
    unpack_upload,
)

SMALL = UploadLimits(unpacked=1 << 16, files=8)


def zipped(*files: tuple[str | zipfile.ZipInfo, bytes], packed: int = zipfile.ZIP_DEFLATED) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", packed) as archive:
        for name, data in files:
            archive.writestr(name, data)
    return out.getvalue()


def taped(*files: tuple[tarfile.TarInfo | str, bytes], mode: str = "w:gz") -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode=mode) as archive:
        for one, data in files:
            info = tarfile.TarInfo(one) if isinstance(one, str) else one
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return out.getvalue()


def member(name: str, kind: bytes, target: str = "") -> tarfile.TarInfo:
    found = tarfile.TarInfo(name)
    found.type, found.linkname = kind, target
    return found


def linked(name: str) -> zipfile.ZipInfo:
    found = zipfile.ZipInfo(name)
    found.external_attr = (stat.S_IFLNK | 0o777) << 16
    return found


def encrypted() -> bytes:
    made = bytearray(zipped(("a.yaml", b"x")))
    for mark, place in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        made[made.index(mark) + place] |= 1
    return bytes(made)


def overlapping() -> bytes:
    """A list of files that all name the bytes of the first."""
    made = zipped(("a.yaml", b"0" * 50_000), ("b.yaml", b"x"))
    entries = made.index(b"PK\x01\x02")
    second = made.index(b"PK\x01\x02", entries + 4)
    changed = bytearray(made)
    changed[second + 42 : second + 46] = (0).to_bytes(4, "little")
    return bytes(changed)


def written(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()
    }


@pytest.mark.parametrize(
    ("name", "data"),
    [
        pytest.param("r.zip", zipped(("r/a.yaml", b"a"), ("r/b/c.json", b"c")), id="zip"),
        pytest.param("x", zipped(("r/a.yaml", b"a"), ("r/b/c.json", b"c"), packed=zipfile.ZIP_STORED), id="stored"),
        pytest.param("r.tgz", taped(("./r/a.yaml", b"a"), ("r/b/c.json", b"c")), id="tar.gz"),
        pytest.param("r.tar", taped(("r/a.yaml", b"a"), ("r/b/c.json", b"c"), mode="w:"), id="tar"),
        pytest.param("r.tar.gz", taped((member("r", tarfile.DIRTYPE), b""), ("r/a.yaml", b"a"), ("r/b/c.json", b"c")), id="folder"),
    ],
)  # fmt: skip
def test_an_archive_is_put_where_it_says(tmp_path: Path, name: str, data: bytes) -> None:
    assert unpack_upload(name, data, tmp_path, SMALL) == 2
    assert written(tmp_path) == {"r/a.yaml": b"a", "r/b/c.json": b"c"}


@pytest.mark.parametrize("name", ["rule.yaml", "C:\\rules\\rule.yaml", "/etc/rule.yaml", "../rule.yaml"])
def test_a_file_is_put_by_its_own_name(tmp_path: Path, name: str) -> None:
    assert unpack_upload(name, b"id: x", tmp_path) == 1
    assert written(tmp_path) == {"rule.yaml": b"id: x"}


REFUSED: dict[str, tuple[Callable[[], bytes], str]] = {
    "zip: up": (lambda: zipped(("../a.yaml", b"x")), "not a valid path"),
    "zip: absolute": (lambda: zipped(("/etc/a.yaml", b"x")), "not a valid path"),
    "zip: in the middle": (lambda: zipped(("a/../../b.yaml", b"x")), "not a valid path"),
    "zip: backslash": (lambda: zipped(("..\\a.yaml", b"x")), "not a valid path"),
    "zip: line": (lambda: zipped(("a\nb.yaml", b"x")), "not a valid path"),
    "zip: long": (lambda: zipped(("a" * 300 + ".yaml", b"x")), "not a valid path"),
    "zip: link": (lambda: zipped((linked("a.yaml"), b"/etc/passwd")), "link"),
    "zip: encrypted": (encrypted, "encrypted"),
    "zip: other packing": (lambda: zipped(("a.yaml", b"x"), packed=zipfile.ZIP_LZMA), "unsupported compression method"),
    "zip: bomb": (lambda: zipped(("a.yaml", b"0" * (1 << 20))), "exceed"),
    "zip: many": (lambda: zipped(*((f"{n}.yaml", b"x") for n in range(9))), "more than 8 files"),
    "zip: very many": (lambda: zipped(*((f"{n}/", b"") for n in range(30))), "more than 8 files"),
    "zip: file and folder": (lambda: zipped(("a", b"x"), ("a/b.yaml", b"x")), "twice"),
    "zip: overlapping": (overlapping, "readable"),
    "zip: cut off": (lambda: zipped(("a.yaml", b"x" * 1000))[:-30], "readable"),
    "tar: up": (lambda: taped(("../a.yaml", b"x")), "not a valid path"),
    "tar: absolute": (lambda: taped(("/etc/a.yaml", b"x")), "not a valid path"),
    "tar: link": (lambda: taped((member("a.yaml", tarfile.SYMTYPE, "/etc/passwd"), b"")), "link"),
    "tar: hard link": (lambda: taped((member("a.yaml", tarfile.LNKTYPE, "/etc/passwd"), b"")), "link"),
    "tar: device": (lambda: taped((member("a.yaml", tarfile.CHRTYPE), b"")), "link"),
    "tar: pipe": (lambda: taped((member("a.yaml", tarfile.FIFOTYPE), b"")), "link"),
    "tar: twice": (lambda: taped(("a.yaml", b"x"), ("a.yaml", b"y")), "twice"),
    "tar: bomb": (lambda: taped(("a.yaml", b"0" * (1 << 20))), "size limit of uploads"),
    "tar: bomb of a header": (lambda: taped((member("x", tarfile.XHDTYPE), b"0" * (4 << 20))), "size limit of uploads"),
    "tar: many": (lambda: taped(*((f"{n}.yaml", b"x") for n in range(9))), "more than 8 files"),
    "tar: many folders": (lambda: taped(*((member(f"{n}", tarfile.DIRTYPE), b"") for n in range(30))), "more than 8"),
    "tar: cut off": (lambda: taped(("a.yaml", b"x" * 1000))[:-20], "readable"),
    "gzip: no tar": (lambda: gzip.compress(b"id: x"), "readable"),
    "nothing": (lambda: b"", "must be a .zip"),
    "a program": (lambda: b"\x7fELF", "must be a .zip"),
}  # fmt: skip


@pytest.mark.parametrize("case", sorted(REFUSED))
def test_what_is_hostile_is_refused_and_writes_nothing_elsewhere(tmp_path: Path, case: str) -> None:
    made, said = REFUSED[case]
    folder = tmp_path / "within" / "folder"
    folder.mkdir(parents=True)
    with pytest.raises(UploadError, match=said):
        unpack_upload("sent", made(), folder, SMALL)
    assert [path for path in tmp_path.rglob("*") if path.is_file() and folder not in path.parents] == []
    assert sum(map(len, written(folder).values())) <= SMALL.unpacked


@given(st.text(max_size=60))
def test_a_place_is_always_below(name: str) -> None:
    try:
        found = split_member_path(name)
    except UploadError:
        return
    assert found
    assert not {"..", ".", ""} & set(found)
    assert not any("/" in one or "\\" in one or "\x00" in one for one in found)


@given(st.data())
def test_what_is_broken_is_refused_and_never_a_fault(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    whole = bytearray(
        data.draw(
            st.sampled_from([zipped(("r/a.yaml", b"abc" * 50)), taped(("r/a.yaml", b"abc" * 50), mode="w:")])
        )
    )
    for place in data.draw(st.lists(st.integers(0, len(whole) - 1), max_size=6)):
        whole[place] = data.draw(st.integers(0, 255))
    folder = tmp_path_factory.mktemp("broken")
    try:
        unpack_upload("sent.zip", bytes(whole), folder, SMALL)
    except UploadError:
        return
    assert all(folder in path.parents for path in folder.rglob("*"))
