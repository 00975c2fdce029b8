"""The catalog as one file, so that thousands of documents are read and parsed once.

The file is named by the hash of what was read. A second, small file remembers which sizes and modification times that was, so
that a warm start need not read the documents again; it is not trusted for files changed in the second it was written.
"""

from __future__ import annotations

import tempfile
import time
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

import nephoscope_policy
from nephoscope_policy.catalog import PolicyCatalog
from nephoscope_policy.catalog_entry import CatalogEntry, ContentProblem, digest
from nephoscope_policy.catalog_import import PUBLIC_CLOUD
from nephoscope_policy.documents import ContentError
from nephoscope_policy.model.source_location import Place
from nephoscope_policy.version import Version

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from nephoscope_policy.documents import ContentDocument

FORMAT = 1
_SECOND = 1_000_000_000


class _CachedEntry(msgspec.Struct, array_like=True):
    """An entry as it is stored; `start` and `stop` delimit its JSON in the blob."""

    kind: str
    id: str
    name: str
    display_name: str
    version: str
    types: list[str] | None
    related_types: list[str]
    digest: str
    place: tuple[str, str]
    start: int
    stop: int
    static: bool
    wide: bool
    calls: list[str]
    stated_id: bool
    fault: str


class _Trouble(msgspec.Struct, array_like=True):
    """A problem as it is stored."""

    file: str
    line: int
    column: int
    path: str
    reason: str
    error: bool


class _Index(msgspec.Struct, array_like=True):
    """The head of a blob."""

    rows: list[_CachedEntry]
    problems: list[_Trouble]
    files: int


def load(documents: Iterable[ContentDocument], folder: Path, cloud: str = PUBLIC_CLOUD) -> PolicyCatalog:
    """The catalog of documents, from the cache folder where the same contents were read before; else read and cached there."""
    known = list(documents)
    seen, racy = _read_fingerprint(known, cloud)
    pointer = folder / f"{seen}.seen"
    stored = (
        _read_stored_catalog(folder, pointer.read_text("ascii", "replace")) if pointer.is_file() else None
    )
    if stored is not None:
        return stored
    content = digest(
        b"".join(_read_content(document) for document in known)
        + f"{cloud} {_compute_engine_digest()}".encode()
    )
    stored = _read_stored_catalog(folder, content)
    if stored is None:
        write(PolicyCatalog.of(known, cloud), folder / f"{content}.catalog")
        stored = read(folder / f"{content}.catalog")
    if not racy:
        _replace_file(pointer, content.encode("ascii"))
    return stored


def _read_stored_catalog(folder: Path, content: str) -> PolicyCatalog | None:
    """The stored catalog of a content hash, None where there is none or it is damaged: a cache is made anew, not repaired."""
    try:
        return read(folder / f"{content}.catalog")
    except (FileNotFoundError, ValueError):
        return None


def write(catalog: PolicyCatalog, path: Path) -> None:
    """Store a catalog as one file, whole or not at all."""
    rows, bodies, at = [], [], 0
    for entry in catalog.entries:
        rows.append(_build_row(entry, at))
        bodies.append(entry.data)
        at += len(entry.data)
    problems = [
        _Trouble(p.place.file, p.place.line, p.place.column, p.place.path, p.reason, p.error)
        for p in catalog.problems
    ]
    head = msgspec.msgpack.encode(_Index(rows, problems, catalog.files))
    _replace_file(path, b"".join((_build_header(), len(head).to_bytes(8, "little"), head, *bodies)))


def read(path: Path) -> PolicyCatalog:
    """Read a stored catalog; ValueError when the file is not one of this version of the engine."""
    data = path.read_bytes()
    magic = _build_header()
    if not data.startswith(magic) or len(data) < len(magic) + 8:
        raise ValueError(f"{path}: not a catalog of this version of nephoscope; delete it")
    start = len(magic) + 8
    stop = start + int.from_bytes(data[len(magic) : start], "little")
    try:
        index = msgspec.msgpack.decode(data[start:stop], type=_Index)
    except msgspec.DecodeError as error:
        raise ValueError(f"{path}: a damaged catalog ({error}); delete it") from error
    view = memoryview(data)[stop:]
    if len(view) != max((row.stop for row in index.rows), default=0):
        raise ValueError(f"{path}: a truncated catalog; delete it")
    problems = [
        ContentProblem(Place(p.file, p.line, p.column, p.path), p.reason, p.error) for p in index.problems
    ]
    return PolicyCatalog([_build_entry(row, view) for row in index.rows], problems, index.files)


def _build_row(entry: CatalogEntry, at: int) -> _CachedEntry:
    return _CachedEntry(
        entry.kind,
        entry.id,
        entry.name,
        entry.display_name,
        str(entry.version),
        None if entry.types is None else sorted(entry.types),
        sorted(entry.related_types),
        entry.digest,
        (entry.place.file, entry.place.path),
        at,
        at + len(entry.data),
        entry.static,
        entry.wide,
        sorted(entry.calls),
        entry.stated_id,
        entry.fault,
    )


def _build_entry(row: _CachedEntry, bodies: memoryview) -> CatalogEntry:
    return CatalogEntry(
        kind="initiative" if row.kind == "initiative" else "definition",
        id=row.id,
        name=row.name,
        display_name=row.display_name,
        version=Version.parse(row.version),
        types=None if row.types is None else frozenset(row.types),
        related_types=frozenset(row.related_types),
        digest=row.digest,
        place=Place(row.place[0], path=row.place[1]),
        data=bodies[row.start : row.stop],
        static=row.static,
        wide=row.wide,
        calls=frozenset(row.calls),
        stated_id=row.stated_id,
        fault=row.fault,
    )


def _build_header() -> bytes:
    return f"nephoscope catalog {FORMAT} {_compute_engine_digest()}\n".encode("ascii")


@cache
def _compute_engine_digest() -> str:
    """Names the code that computed the entries: the version, and the sizes and times of this package's files."""
    here = Path(__file__).parent
    stamps = sorted((path.name, path.stat().st_size, path.stat().st_mtime_ns) for path in here.glob("*.py"))
    return digest(f"{nephoscope_policy.__version__} {stamps}".encode())


def _read_fingerprint(documents: Sequence[ContentDocument], cloud: str) -> tuple[str, bool]:
    """A name for files by path, size and time of change, and whether one of them is too young for that to be sure."""
    lines: list[object] = [cloud, _compute_engine_digest()]
    youngest = 0
    for document in documents:
        if isinstance(document.source, Path):
            status = document.source.stat()
            youngest = max(youngest, status.st_mtime_ns)
            lines.append((document.place.file, status.st_size, status.st_mtime_ns))
        else:
            lines.append((document.place.file, digest(document.data)))
    return digest(msgspec.msgpack.encode(lines)), time.time_ns() - youngest < 2 * _SECOND


def _read_content(document: ContentDocument) -> bytes:
    try:
        data = document.data
    except ContentError as error:
        data = str(error).encode()
    return b"%d %s %s" % (len(data), document.place.file.encode(), data)


def _replace_file(path: Path, data: bytes) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as stream:
        stream.write(data)
    Path(stream.name).replace(path)
