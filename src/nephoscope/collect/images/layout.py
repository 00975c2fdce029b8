"""An image in a folder of the OCI layout.

Source: the OCI image specification, "Image Layout".
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from nephoscope.collect.images.digest import CheckedStream, check_digest_text
from nephoscope.collect.images.documents import MAX_SIZE, Descriptor, ImageIndex, decode_document
from nephoscope.collect.images.errors import ImageError, ImageNotFoundError
from nephoscope.collect.images.image import Image, PlatformSelector, open_image
from nephoscope.collect.images.tar_entries import ByteStream

#: Annotations that hold the name of an image in a layout.
NAMES = ("org.opencontainers.image.ref.name", "io.containerd.image.name")


class LayoutStore:
    """The blobs of a layout."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def read_document(self, digest: str) -> bytes:
        """Return a document, unchecked; raises ImageError."""
        return read_bounded_file(self._build_path(digest), MAX_SIZE)

    @contextmanager
    def open_blob(self, descriptor: Descriptor) -> Iterator[ByteStream]:
        """Open a layer, checked while it is read; raises ImageError."""
        with self._build_path(descriptor.digest).open("rb") as stream:
            yield CheckedStream(stream, descriptor.digest, descriptor.size, f"the layer {descriptor.digest}")

    def _build_path(self, digest: str) -> Path:
        algorithm, _, value = check_digest_text(digest).partition(":")
        path = self._folder / "blobs" / algorithm / value
        if path.is_symlink() or not path.is_file():
            raise ImageNotFoundError(f"{self._folder} has no blob {digest}")
        return path


def is_layout(path: Path) -> bool:
    """Return whether a folder is an OCI layout."""
    return (path / "oci-layout").is_file() and (path / "index.json").is_file()


def read_bounded_file(path: Path, most: int) -> bytes:
    """Return the content of a file; raises ImageError where it is larger than bearable or cannot be read."""
    try:
        with path.open("rb") as stream:
            content = stream.read(most + 1)
    except OSError as error:
        raise ImageError(f"{path} cannot be read: {error.strerror}") from error
    if len(content) > most:
        raise ImageError(f"{path} has more than {most} bytes")
    return content


def choose_manifest(index: ImageIndex, tag: str, what: str) -> Descriptor:
    """Return the image of a layout by its name, or the only one; raises ImageNotFoundError that lists the names."""
    named = [descriptor for descriptor in index.manifests if tag and tag in _list_names(descriptor)]
    if named or (len(index.manifests) == 1 and not tag):
        return (named or list(index.manifests))[0]
    names = sorted({name for descriptor in index.manifests for name in _list_names(descriptor)})
    said = (
        f"has no image named {tag!r}" if tag else f"has {len(index.manifests)} images, and no name was given"
    )
    raise ImageNotFoundError(f"{what} {said}; its names: {', '.join(names) or 'none'}")


def _list_names(descriptor: Descriptor) -> set[str]:
    """Return the names of an image: those it has, and what stands behind their last colon."""
    names = {descriptor.annotations[name] for name in NAMES if name in descriptor.annotations}
    return names | {name.rpartition(":")[2] for name in names} | {descriptor.digest}


def open_layout(folder: Path, tag: str = "", wanted: PlatformSelector | None = None) -> Image:
    """Open an image of a layout; without a tag the only one, or the one for the machine that is wanted. Raises ImageError."""
    content = read_bounded_file(folder / "index.json", MAX_SIZE)
    index = decode_document(content, ImageIndex, str(folder / "index.json"))
    store = LayoutStore(folder)
    several = (
        not tag
        and len(index.manifests) > 1
        and not any(_list_names(one) - {one.digest} for one in index.manifests)
    )
    if several:
        return open_image(store, content, str(folder), wanted)
    chosen = choose_manifest(index, tag, str(folder))
    name = f"{folder}:{tag}" if tag else str(folder)
    return open_image(store, store.read_document(chosen.digest), name, wanted)
