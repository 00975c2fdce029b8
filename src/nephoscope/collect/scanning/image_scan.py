"""Scans an image: layer after layer, each content once, and puts them on each other."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from nephoscope.collect.images.documents import Descriptor
from nephoscope.collect.images.errors import ImageError
from nephoscope.collect.images.image import Image
from nephoscope.collect.images.layer_stream import open_tar
from nephoscope.collect.images.layers import Layer, LayerReader, merge_layers, read_layer
from nephoscope.collect.images.tar_entries import TarStream
from nephoscope.collect.scanning.contents import MAX_ENTRIES, Contents, FileContents
from nephoscope.collect.scanning.file_reading import MAX_SIZE, claims, claims_head, read_contents
from nephoscope.collect.scanning.gathering import gather
from nephoscope.collect.scanning.inspecting import PACKAGES, ContentInspector, LookedFor


class LayerCache(Protocol):
    """Keeps what layers hold, by their digest."""

    def get(self, digest: str) -> Layer[FileContents] | None:
        """Return what a layer holds, None where it was not read by these readers yet."""
        ...

    def put(self, layer: Layer[FileContents]) -> None:
        """Keep what a layer holds."""
        ...


READER: LayerReader[FileContents] = LayerReader(claims, claims_head, MAX_SIZE, read_contents)


class _Counting:
    """Reads files as long as what they hold altogether is bearable."""

    def __init__(self, name: str) -> None:
        self._name, self._count = name, 0

    def read(self, path: str, content: bytes, beside: Callable[[str], bytes | None]) -> FileContents | None:
        """Return what a file holds, None for nothing; raises ImageError where the image holds too much."""
        found = read_contents(path, content, beside)
        if found is not None:
            self._count += found.entries
            if self._count > MAX_ENTRIES:
                raise ImageError(
                    f"{self._name} has more than {MAX_ENTRIES} packages and entries that are none"
                )
        return found


@dataclass(frozen=True, slots=True)
class ImageReading:
    """What is done with the layers of an image: what is looked for, where results are kept, and who is told of each that is read.

    A cache holds results of one LookedFor (`LayerFolder(folder, looked_for.digest)`).
    """

    looked_for: LookedFor = PACKAGES
    cache: LayerCache | None = None
    told: Callable[[str], None] | None = None


def scan_image(
    image: Image, cache: LayerCache | None = None, told: Callable[[str], None] | None = None
) -> Contents:
    """Return the contents of an image; `told` is called with each layer's digest before it is read. Raises ImageError."""
    return contents_of_layers(read_layers(image, ImageReading(cache=cache, told=told)))


def contents_of_layers(layers: Sequence[Layer[FileContents]]) -> Contents:
    """Return the contents of an image by its layers, the lowest first."""
    return gather(merge_layers(layers), [unread for layer in layers for unread in layer.unread])


def read_layers(image: Image, reading: ImageReading) -> list[Layer[FileContents]]:
    """Return what the layers of an image hold, the lowest first, those of the cache as they are kept; raises ImageError.

    A layer that was not looked at as a whole for a reason that may pass is not kept.
    """
    layers = []
    reader = READER._replace(read=_Counting(image.name).read)
    for descriptor in image.layers:
        layer = reading.cache.get(descriptor.digest) if reading.cache else None
        if layer is None:
            if reading.told:
                reading.told(descriptor.digest)
            layer = _read(image, descriptor, reading.looked_for, reader)
            if reading.cache and all(found.is_final for found in layer.found.values()):
                reading.cache.put(layer)
        layers.append(layer)
    return layers


def _read(
    image: Image, descriptor: Descriptor, looked_for: LookedFor, reader: LayerReader[FileContents]
) -> Layer[FileContents]:
    what = f"the layer {descriptor.digest} of {image.name}"
    inspector = ContentInspector(looked_for) if looked_for.digest else None
    with image.store.open_blob(descriptor) as stream:
        tar = TarStream(open_tar(stream, what), what)
        layer = read_layer(tar, descriptor.digest, reader._replace(inspector=inspector))
        # What stands behind the tar's end is read too: the digest is that of all bytes.
        while stream.read(1_048_576):
            pass
    return layer
