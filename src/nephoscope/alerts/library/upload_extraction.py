"""Upload extraction: unpack an untrusted archive or file into an empty folder within limits."""

from __future__ import annotations

import gzip
import io
import re
import stat
import struct
import tarfile
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO

SINGLE = (".yaml", ".yml", ".json")
_CHUNK = 1 << 16
_ZIP, _GZIP, _TAR, _TAR_PLACE = b"PK\x03\x04", b"\x1f\x8b", b"ustar", 257
_ZIP_ENTRY = b"PK\x01\x02"
_PATH, _PART = 400, 200
_CONTROL = re.compile(r"[\x00-\x1f\x7f\\]")
_BROKEN = (
    zipfile.BadZipFile, tarfile.TarError, zlib.error, struct.error, EOFError, NotImplementedError, RuntimeError, ValueError, OSError,
    OverflowError,
)  # fmt: skip


class UploadError(ValueError):
    """Error in an uploaded file, described in its message."""


@dataclass(frozen=True, slots=True)
class UploadLimits:
    """Bytes that all files of an archive may have unpacked, and how many files it may have."""

    unpacked: int = 64 << 20
    files: int = 5_000


def unpack_upload(name: str, data: bytes, folder: Path, bounds: UploadLimits = UploadLimits()) -> int:
    """Put what was sent under a name into an empty folder, told apart by its bytes; how many files.

    UploadError, and then what lies in the folder is not to be used, for what is over the bounds, names a place outside the folder or a
    file twice, holds a link or a device, is encrypted or broken, or is neither an archive nor a rule's file.
    """
    place = _Folder(folder, bounds)
    try:
        _unpack_file(name, data, place)
    except UploadError:
        raise
    except _BROKEN as error:
        raise UploadError(f"not a readable archive: {error or type(error).__name__}") from error
    return place.count


def _unpack_file(name: str, data: bytes, place: _Folder) -> None:
    if data.startswith(_ZIP):
        _unzip_file(data, place)
    elif data.startswith(_GZIP):
        _untar_file(_LimitedStream(gzip.GzipFile(fileobj=io.BytesIO(data)), 2 * place.bounds.unpacked), place)
    elif data[_TAR_PLACE:].startswith(_TAR):
        _untar_file(io.BytesIO(data), place)
    elif name.lower().endswith(SINGLE):
        place.put(name.replace("\\", "/").rpartition("/")[2], io.BytesIO(data))
    else:
        raise UploadError(f"must be a .zip, .tar.gz, {', '.join(SINGLE[:-1])} or {SINGLE[-1]} file")


@dataclass
class _Folder:
    """Where files are put."""

    path: Path
    bounds: UploadLimits
    count: int = 0
    size: int = 0

    def put(self, name: str, file: IO[bytes]) -> None:
        """Write a file of an archive below the folder."""
        self.count += 1
        if self.count > self.bounds.files:
            raise UploadError(f"it has more than {self.bounds.files:,} files")
        target = self.path.joinpath(*split_member_path(name))
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            out = target.open("xb")
        except (FileExistsError, NotADirectoryError) as error:
            raise UploadError(f"{name[:100]!r} is in it twice") from error
        with out:
            while part := file.read(_CHUNK):
                self.size += len(part)
                if self.size > self.bounds.unpacked:
                    raise UploadError(f"its files exceed {self.bounds.unpacked >> 20} MiB")
                out.write(part)


def split_member_path(name: str) -> tuple[str, ...]:
    """The folders and the file of a path in an archive; UploadError for one that leads elsewhere or that no file can have."""
    found = tuple(one for one in PurePosixPath(name).parts if one != ".")
    wrong = (
        not found or len(name) > _PATH or name.startswith("/") or ".." in found or _CONTROL.search(name) is not None
        or any(len(one.encode("utf-8", "surrogatepass")) > _PART for one in found)
        or any(0xD800 <= ord(letter) < 0xE000 for letter in name)
    )  # fmt: skip
    if wrong:
        raise UploadError(f"{name[:100]!r} is not a valid path for a file")
    return found


def _unzip_file(data: bytes, place: _Folder) -> None:
    # before anything is made of the list of its files
    if data.count(_ZIP_ENTRY) > 2 * place.bounds.files:
        raise UploadError(f"it has more than {place.bounds.files:,} files")
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        for one in archive.infolist():
            if not one.filename:
                raise UploadError("it contains a file without a name")
            kind = stat.S_IFMT(one.external_attr >> 16)
            if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
                raise UploadError(f"{one.filename[:100]!r} is a link or not a regular file")
            if one.flag_bits & 1:
                raise UploadError(f"{one.filename[:100]!r} is encrypted")
            if one.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                raise UploadError(f"{one.filename[:100]!r} uses an unsupported compression method")
            if not one.is_dir():
                with archive.open(one) as file:
                    place.put(one.filename, file)


def _untar_file(stream: IO[bytes] | _LimitedStream, place: _Folder) -> None:
    with tarfile.open(fileobj=stream, mode="r|") as archive:  # type: ignore[call-overload]  # a stream needs no more than read
        for number, one in enumerate(archive):
            if number > 2 * place.bounds.files:
                raise UploadError(f"it has more than {place.bounds.files:,} files")
            if one.isdir():
                continue
            file = archive.extractfile(one) if one.isreg() and not one.issparse() else None
            if file is None:
                raise UploadError(f"{one.name[:100]!r} is a link or not a regular file")
            place.put(one.name, file)


@dataclass
class _LimitedStream:
    """A stream that ends in an UploadError after so many bytes: what unpacks to more than was meant is not read on."""

    stream: gzip.GzipFile
    left: int

    def read(self, size: int) -> bytes:
        """At most so many bytes."""
        part = self.stream.read(size)
        self.left -= len(part)
        if self.left < 0:
            raise UploadError("it exceeds the size limit of uploads after decompression")
        return part
