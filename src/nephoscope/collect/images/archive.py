"""An image in one file: what `docker save`, `podman save` and `skopeo copy oci-archive:` write.

Source: Docker's image specification 1.2 (`manifest.json`) and the OCI image layout in a tar.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from posixpath import dirname, join
from typing import IO, cast

import msgspec

from nephoscope.collect.images.digest import CheckedStream, check_digest_text, compute_sha256_digest
from nephoscope.collect.images.documents import (
    MAX_SIZE,
    Descriptor,
    ImageConfiguration,
    ImageIndex,
    decode_document,
)
from nephoscope.collect.images.errors import ImageError, ImageNotFoundError
from nephoscope.collect.images.image import Image, PlatformSelector, open_image
from nephoscope.collect.images.layer_stream import open_tar
from nephoscope.collect.images.layers import normalize_path
from nephoscope.collect.images.layout import choose_manifest
from nephoscope.collect.images.tar_entries import ByteStream, EntryKind, TarEntry, TarStream

#: A compressed archive is unpacked to a file of at most this many bytes before it is read.
MAX_UNPACKED = 68_719_476_736
#: The most files of an archive: an image has a few for each of its layers.
MAX_FILES = 100_000
_LINKS = 8
_CHUNK = 1_048_576


class _SavedImage(msgspec.Struct, frozen=True, rename="pascal"):
    """An image in the manifest.json of an archive."""

    config: str
    layers: tuple[str, ...] = ()
    repo_tags: tuple[str, ...] | None = None


class _FileSlice:
    """A part of a file, from front to back."""

    def __init__(self, stream: IO[bytes], offset: int, size: int) -> None:
        self._stream, self._left = stream, size
        stream.seek(offset)

    def read(self, size: int = -1, /) -> bytes:
        content = self._stream.read(self._left if size < 0 else min(size, self._left))
        self._left -= len(content)
        return content

    def close(self) -> None:
        self._stream.close()


class ArchiveStore:
    """The entries of an archive by path; a tar that is compressed is unpacked to a file that goes with the store."""

    def __init__(self, path: Path, temporary: Path | None = None) -> None:
        self._path, self._temporary = path, temporary
        self._entries: dict[str, TarEntry] = {}
        with (temporary or path).open("rb") as stream:
            for entry in TarStream(stream, str(path), MAX_FILES):
                cleaned = normalize_path(entry.path)
                if cleaned:
                    self._entries[cleaned] = entry

    def __contains__(self, path: str) -> bool:
        return path in self._entries

    def close(self) -> None:
        """Remove what was unpacked."""
        if self._temporary:
            self._temporary.unlink(missing_ok=True)

    def find_entry(self, path: str) -> TarEntry:
        """Return a file's entry, links inside of the archive followed; raises ImageNotFoundError."""
        wanted = path
        for _ in range(_LINKS):
            entry = self._entries.get(wanted)
            if entry is None:
                break
            if entry.kind is EntryKind.FILE:
                return entry
            target = entry.link if entry.kind is EntryKind.HARDLINK else join(dirname(wanted), entry.link)
            wanted = normalize_path(target) or ""
        raise ImageNotFoundError(f"{self._path} has no file {path}")

    def read(self, path: str) -> bytes:
        """Return the content of a document; raises ImageError."""
        entry = self.find_entry(path)
        if entry.size > MAX_SIZE:
            raise ImageError(f"{path} of {self._path} has {entry.size} bytes, more than {MAX_SIZE}")
        with self.open(path) as stream:
            return stream.read(entry.size)

    @contextmanager
    def open(self, path: str) -> Iterator[_FileSlice]:
        """Open a file of the archive; raises ImageNotFoundError."""
        entry = self.find_entry(path)
        with (self._temporary or self._path).open("rb") as stream:
            yield _FileSlice(stream, entry.offset, entry.size)

    def read_document(self, digest: str) -> bytes:
        """Return a document, unchecked; raises ImageError."""
        return self.read(_build_blob_path(digest))

    @contextmanager
    def open_blob(self, descriptor: Descriptor) -> Iterator[ByteStream]:
        """Open a layer: by its digest, checked, or, as Docker saves it, by its path."""
        path = descriptor.annotations.get(_PATH, "")
        with self.open(path or _build_blob_path(descriptor.digest)) as stream:
            if path:
                yield stream
            else:
                what = f"the layer {descriptor.digest}"
                yield CheckedStream(cast(IO[bytes], stream), descriptor.digest, descriptor.size, what)


#: The annotation by which a layer of Docker's own format tells its path in the archive.
_PATH = "nephoscope.path"


def _build_blob_path(digest: str) -> str:
    algorithm, _, value = check_digest_text(digest).partition(":")
    return f"blobs/{algorithm}/{value}"


def open_archive(path: Path, tag: str = "", wanted: PlatformSelector | None = None) -> Image:
    """Open an image of an archive; raises ImageError. The image's store holds a file open to its end where it was compressed."""
    unpacked = _unpack_archive(path)
    try:
        store = ArchiveStore(path, unpacked)
    except BaseException:
        if unpacked:
            unpacked.unlink(missing_ok=True)
        raise
    try:
        if "index.json" in store:
            return _open_layout(store, path, tag, wanted)
        if "manifest.json" in store:
            return _open_saved_image(store, path, tag)
    except BaseException:
        store.close()
        raise
    store.close()
    raise ImageError(f"{path} is not an image: it has neither index.json nor manifest.json")


def _open_layout(store: ArchiveStore, path: Path, tag: str, wanted: PlatformSelector | None) -> Image:
    content = store.read("index.json")
    index = decode_document(content, ImageIndex, f"index.json of {path}")
    if not tag and len(index.manifests) > 1 and all(one.platform for one in index.manifests):
        return open_image(store, content, str(path), wanted)
    chosen = choose_manifest(index, tag, str(path))
    return open_image(
        store, store.read_document(chosen.digest), f"{path}:{tag}" if tag else str(path), wanted
    )


def _open_saved_image(store: ArchiveStore, path: Path, tag: str) -> Image:
    """Open an image as `docker save` wrote it before version 25: its digest is that of its configuration."""
    images = decode_document(store.read("manifest.json"), list[_SavedImage], f"manifest.json of {path}")
    named = [
        image
        for image in images
        if tag and any(tag in (name, name.rpartition(":")[2]) for name in image.repo_tags or ())
    ]
    if not named and (tag or len(images) != 1):
        names = sorted(name for image in images for name in image.repo_tags or ())
        fault = f"has no image named {tag!r}" if tag else f"has {len(images)} images and none is chosen"
        raise ImageNotFoundError(f"{path} {fault}; its names: {', '.join(names) or 'none'}")
    image = (named or images)[0]
    said = store.read(image.config)
    configuration = decode_document(said, ImageConfiguration, f"{image.config} of {path}")
    digest = compute_sha256_digest(said)
    diff_ids = configuration.rootfs.diff_ids
    layers = tuple(
        Descriptor(
            diff_ids[place] if place < len(diff_ids) else f"{digest}#{place}", annotations={_PATH: layer}
        )
        for place, layer in enumerate(image.layers)
    )
    media_type = "application/vnd.docker.distribution.manifest.v2+json"
    return Image(
        f"{path}:{tag}" if tag else str(path), digest, media_type, configuration, layers, store, digest
    )


def _unpack_archive(path: Path) -> Path | None:
    """Unpack a compressed archive to a file beside the temporary ones; None for one that is not compressed."""
    with path.open("rb") as stream:
        tar = open_tar(cast(ByteStream, stream), str(path))
        if not hasattr(tar, "decompresses"):
            return None
        with tempfile.NamedTemporaryFile(prefix="nephoscope-image-", delete=False) as unpacked:
            try:
                _write_bounded_copy(tar, unpacked, path)
            except BaseException:
                Path(unpacked.name).unlink()
                raise
        return Path(unpacked.name)


def _write_bounded_copy(tar: ByteStream, unpacked: IO[bytes], path: Path) -> None:
    most = min(MAX_UNPACKED, shutil.disk_usage(unpacked.name).free // 2)
    written = 0
    while content := tar.read(_CHUNK):
        written += len(content)
        if written > most:
            raise ImageError(
                f"{path} unpacks to more than {most} bytes: unpack it yourself to a disk that holds it"
            )
        unpacked.write(content)
