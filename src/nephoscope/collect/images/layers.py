"""Read the entries of image layers and merge layers into one file system.

Source: the OCI image specification, "Image Layer Filesystem Changeset". A file named `.wh.NAME` takes NAME of the layers below away,
`.wh..wh..opq` everything of its folder; what a layer itself holds stays.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from hashlib import blake2b
from posixpath import normpath
from typing import Generic, NamedTuple, Protocol, TypeVar

import msgspec

from nephoscope.collect.images.errors import ImageError
from nephoscope.collect.images.tar_entries import EntryKind, TarEntry, TarStream

_WHITEOUT = ".wh."
_OPAQUE = ".wh..wh..opq"
#: How much of a file is looked at before it is read as a whole.
HEAD = 16
#: Files of at most so many bytes wait for the end of their layer, at most so many bytes of them.
_SMALL = 1_048_576
_MOST_WAITING = 67_108_864
#: How much holding a file costs beside its content.
_HELD = 400
#: The longest path that Linux knows.
_LONGEST = 4_096
#: The most files of a layer that cannot be read, and the most bytes of files that are read again by another name.
MAX_UNREAD = 10_000
MAX_LINKED = 1_073_741_824
#: The most files of a layer in which something beside packages is found.
MAX_INSPECTED = 250_000

Found = TypeVar("Found")


class UnreadLayerFile(msgspec.Struct, frozen=True):
    """A file that a reader would have read: its path and why it was not."""

    path: str
    reason: str


class PathSet:
    """A set of paths that is built once and then asked: eight bytes each, since a hostile layer has millions."""

    __slots__ = ("_sorted",)

    def __init__(self, packed: bytes = b"") -> None:
        self._sorted = memoryview(packed).cast("Q")

    def __contains__(self, mark: int) -> bool:
        place = bisect_left(self._sorted, mark)
        return place < len(self._sorted) and self._sorted[place] == mark


def _pack_marks(marks: array[int]) -> bytes:
    return array("Q", sorted(marks)).tobytes()


class LayerFiles(msgspec.Struct, Generic[Found], frozen=True):
    """The files of a layer that readers claim, by path, and what it takes away from the layers below.

    `covering` are all paths that are no folders, and those that it removes: of a lower layer neither they nor what is below them is
    left. Of the folders `emptied` what is below them is not left. Both are fingerprints in order, eight bytes each. `replaced` are the
    finds in files that the layer itself holds again further back: their content is still in it.
    """

    digest: str
    found: dict[str, Found]
    covering: bytes = b""
    emptied: bytes = b""
    unread: tuple[UnreadLayerFile, ...] = ()
    entries: int = 0
    size: int = 0
    replaced: tuple[tuple[str, Found], ...] = ()


class FileInspector(Protocol[Found]):
    """Looks at files as they pass, whether a reader claims them or not."""

    def count_bytes_wanted(self, path: str, entry: TarEntry) -> int:
        """Return how many bytes of a file it looks at; 0 for its header alone."""
        ...

    def inspect(self, path: str, entry: TarEntry, content: bytes) -> Found | None:
        """Return what a file or a folder is found to be by its header and the first bytes that were wanted, None for nothing."""
        ...

    def join(self, one: Found, other: Found) -> Found:
        """Return what was found in the same file by a reader and the inspector, or by the inspector at two times, as one."""
        ...

    def finish(self) -> dict[str, Found]:
        """Return, by path, what is found only when all files have passed."""
        ...


class LayerReader(NamedTuple, Generic[Found]):
    """The reading of files.

    `recognizes` says by path, size and permissions whether a file may be wanted, `recognizes_head` by path and its first HEAD bytes
    whether it is. `read` gives what a content holds, None for nothing; it can ask for other files of the layer by path, of which
    those that are claimed and small are there. What `stands_alone`, by path and first HEAD bytes, asks for no other file and is asked
    for by none: it is read as it passes. The `inspector` sees every file and every folder, and symbolic links where it asks for them.
    """

    recognizes: Callable[[str, int, int], bool]
    recognizes_head: Callable[[str, bytes], bool]
    max_size: int
    read: Callable[[str, bytes, Callable[[str], bytes | None]], Found | None]
    stands_alone: Callable[[str, bytes], bool]
    inspector: FileInspector[Found] | None = None
    sees_links: bool = False


class _LayerReading(Generic[Found]):
    """A layer while it is read: small files are kept until its end, since one may ask for another."""

    def __init__(self, reader: LayerReader[Found], tar: TarStream) -> None:
        self.reader, self.tar = reader, tar
        self.found: dict[str, Found] = {}
        self.inspected: dict[str, Found] = {}
        self.replaced: list[tuple[str, Found]] = []
        self.waiting: dict[str, bytes] = {}
        self.waiting_size = 0
        self.linked_size = 0
        self.emptied = array("Q")
        self.covering = array("Q")
        self.unread: list[UnreadLayerFile] = []
        self.entries = self.size = 0

    def read_entry(self, entry: TarEntry) -> None:
        """Take one entry in."""
        self.entries += 1
        self.size += entry.size
        if len(entry.path) > _LONGEST:
            self._record_unread_file(entry.path[:500], f"its path has more than {_LONGEST} characters")
            return
        path = normalize_path(entry.path)
        if path is None:
            self._record_unread_file(entry.path[:500], "its path leads out of the image")
            return
        folder, _, name = path.rpartition("/")
        if name == _OPAQUE:
            self.emptied.append(hash_path(folder))
        elif name.startswith(_WHITEOUT):
            self.covering.append(hash_path(f"{folder}/{name.removeprefix(_WHITEOUT)}".lstrip("/")))
        elif entry.kind is not EntryKind.DIRECTORY:
            self._read_file(path, entry)
        else:
            self._inspect_entry(path, entry, b"")

    def _read_file(self, path: str, entry: TarEntry) -> None:
        self.covering.append(hash_path(path))
        self.found.pop(path, None)
        self.waiting.pop(path, None)
        if (replaced := self.inspected.pop(path, None)) is not None:
            self.replaced.append((path, replaced))
        if entry.kind is EntryKind.HARDLINK:
            self._add_link(path, normalize_path(entry.link) or "", entry.mode)
        elif entry.kind in (EntryKind.FILE, EntryKind.SPARSE):
            self._read_content(path, entry)
        elif entry.kind is EntryKind.SYMLINK and self.reader.sees_links:
            self._inspect_entry(path, entry, b"")

    def _record_unread_file(self, path: str, reason: str) -> None:
        self.unread.append(UnreadLayerFile(path, reason))
        if len(self.unread) > MAX_UNREAD:
            raise ImageError(
                f"{self.tar.what} has more than {MAX_UNREAD} unreadable files; the last one, "
                f"{path[:200]}: {reason}"
            )

    def _add_link(self, path: str, target: str, mode: int) -> None:
        """Take a further name of a file of the layer in."""
        if target in self.waiting:
            content = self.waiting[target]
            self.linked_size += len(content) + _HELD
            if self.linked_size > MAX_LINKED:
                self._record_unread_file(path, f"further names of files have more than {MAX_LINKED} bytes")
            else:
                self.waiting[path] = content
        elif target in self.found and self.reader.recognizes(path, 0, mode):
            self.found[path] = self.found[target]
        if target in self.inspected:
            self.inspected[path] = self.inspected[target]

    def _read_content(self, path: str, entry: TarEntry) -> None:
        inspector = self.reader.inspector
        wanted = inspector.count_bytes_wanted(path, entry) if inspector else 0
        claimed = self.reader.recognizes(path, entry.size, entry.mode)
        if entry.kind is EntryKind.SPARSE and (claimed or wanted):
            self._record_unread_file(path, "it is stored with holes")
            wanted, claimed = 0, False
        begun = self.tar.read_content(max(HEAD, wanted)) if wanted else b""
        self._inspect_entry(path, entry, begun[:wanted])
        if claimed and self.reader.recognizes_head(path, begun[:HEAD] or self.tar.peek_content(HEAD)):
            self._read_entry(path, entry, begun)

    def _inspect_entry(self, path: str, entry: TarEntry, content: bytes) -> None:
        inspector = self.reader.inspector
        if inspector and (seen := inspector.inspect(path, entry, content)) is not None:
            self.inspected[path] = seen
            if len(self.inspected) + len(self.replaced) > MAX_INSPECTED:
                raise ImageError(f"{self.tar.what} has more than {MAX_INSPECTED} relevant files")

    def _read_entry(self, path: str, entry: TarEntry, begun: bytes) -> None:
        if entry.size > self.reader.max_size:
            self._record_unread_file(path, f"it has {entry.size} bytes, more than {self.reader.max_size}")
            return
        content = begun + self.tar.read_content(entry.size)
        held = len(content) + _HELD
        may_wait = len(content) <= _SMALL and self.waiting_size + held <= _MOST_WAITING
        if may_wait and not self.reader.stands_alone(path, content[:HEAD]):
            self.waiting[path] = content
            self.waiting_size += held
        else:
            self._keep_content(path, content)

    def _keep_content(self, path: str, content: bytes) -> None:
        if (found := self.reader.read(path, content, self.waiting.get)) is not None:
            self.found[path] = found

    def finish(self) -> None:
        """Read what waited for the end of the layer, and put to it what was seen as files passed."""
        for path, content in self.waiting.items():
            self._keep_content(path, content)
        if inspector := self.reader.inspector:
            for seen in (self.inspected, inspector.finish()):
                merge_findings(self.found, seen, inspector)


def merge_findings(
    found: dict[str, Found], seen: Mapping[str, Found], inspector: FileInspector[Found]
) -> None:
    """Put what an inspector saw to what was found in the same files."""
    for path, more in seen.items():
        known = found.get(path)
        found[path] = more if known is None else inspector.join(known, more)


def read_layer(tar: TarStream, digest: str, reader: LayerReader[Found]) -> LayerFiles[Found]:
    """Read a layer once from front to back; raises ImageError for what is no tar."""
    reading = _LayerReading(reader, tar)
    for entry in tar:
        reading.read_entry(entry)
    reading.finish()
    return LayerFiles(
        digest,
        reading.found,
        _pack_marks(reading.covering),
        _pack_marks(reading.emptied),
        tuple(reading.unread),
        reading.entries,
        reading.size,
        tuple(reading.replaced),
    )


class LayerFind(NamedTuple, Generic[Found]):
    """The finds in a file, with the digest of the layer that it is of."""

    layer: str
    found: Found


def merge_layers(layers: Iterable[LayerFiles[Found]]) -> dict[str, LayerFind[Found]]:
    """Return what is left of the layers, the lowest first, by path."""
    merged: dict[str, LayerFind[Found]] = {}
    for layer in layers:
        if merged:
            hiding = _Hiding(layer)
            merged = {path: placed for path, placed in merged.items() if not hiding.is_hidden(path)}
        merged |= {path: LayerFind(layer.digest, found) for path, found in layer.found.items()}
    return merged


class HiddenFind(NamedTuple, Generic[Found]):
    """The finds in a file of a layer that an image no longer shows: the layer that it is of, and the one that took it away."""

    path: str
    layer: str
    removed_by: str
    found: Found


def find_hidden_files(layers: Sequence[LayerFiles[Found]]) -> Iterator[HiddenFind[Found]]:
    """Yield the files of layers (the lowest first) that a later layer removes or replaces: who has the layer has them still."""
    hiding = [(layer.digest, _Hiding(layer)) for layer in layers]
    for place, layer in enumerate(layers):
        for path, found in layer.replaced:
            yield HiddenFind(path, layer.digest, layer.digest, found)
        for path, found in layer.found.items():
            over = next((digest for digest, above in hiding[place + 1 :] if above.is_hidden(path)), "")
            if over:
                yield HiddenFind(path, layer.digest, over, found)


class _Hiding:
    """What a layer takes away of the layers below; folders are asked for once."""

    def __init__(self, layer: LayerFiles[Found]) -> None:
        self._covering, self._emptied = PathSet(layer.covering), PathSet(layer.emptied)
        self._folders = {"": hash_path("") in self._emptied}

    def is_hidden(self, path: str) -> bool:
        """Return whether a path of a lower layer is gone: it, or a folder that it is in."""
        return hash_path(path) in self._covering or self._is_folder_hidden(path.rpartition("/")[0])

    def _is_folder_hidden(self, folder: str) -> bool:
        asked: list[str] = []
        while (known := self._folders.get(folder)) is None:
            asked.append(folder)
            folder = folder.rpartition("/")[0]
        for inner in reversed(asked):
            mark = hash_path(inner)
            known = known or mark in self._covering or mark in self._emptied
            self._folders[inner] = known
        return known


def normalize_path(path: str) -> str | None:
    """Return a path relative to the root, None where it leads out of it; '' is the root."""
    cleaned = normpath(path.lstrip("/") or ".")
    if cleaned == ".." or cleaned.startswith("../") or "\0" in cleaned:
        return None
    return "" if cleaned == "." else cleaned


def hash_path(path: str) -> int:
    """Return 64 bits that stand for a path: a layer has a hundred thousand."""
    return int.from_bytes(blake2b(path.encode("utf-8", "surrogateescape"), digest_size=8).digest(), "big")
