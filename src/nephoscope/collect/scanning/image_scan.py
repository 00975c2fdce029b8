"""Scans an image: layer after layer, each content once, and puts them on each other."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from nephoscope.collect.images.documents import Descriptor
from nephoscope.collect.images.image import Image
from nephoscope.collect.images.layer_stream import open_tar
from nephoscope.collect.images.layers import Layer, LayerReader, merge_layers, read_layer
from nephoscope.collect.images.tar_entries import TarStream
from nephoscope.collect.scanning.contents import Contents, FileContents
from nephoscope.collect.scanning.file_reading import MAX_SIZE, claims, claims_head, read_contents
from nephoscope.collect.scanning.gathering import gather


class LayerCache(Protocol):
    """Keeps what layers hold, by their digest."""

    def get(self, digest: str) -> Layer[FileContents] | None:
        """Return what a layer holds, None where it was not read by these readers yet."""
        ...

    def put(self, layer: Layer[FileContents]) -> None:
        """Keep what a layer holds."""
        ...


READER: LayerReader[FileContents] = LayerReader(claims, claims_head, MAX_SIZE, read_contents)


def scan_image(
    image: Image, cache: LayerCache | None = None, told: Callable[[str], None] | None = None
) -> Contents:
    """Return the contents of an image; `told` is called with each layer's digest before it is read. Raises ImageError."""
    layers = []
    for descriptor in image.layers:
        layer = cache.get(descriptor.digest) if cache else None
        if layer is None:
            if told:
                told(descriptor.digest)
            layer = _read(image, descriptor)
            if cache:
                cache.put(layer)
        layers.append(layer)
    return gather(merge_layers(layers), [unread for layer in layers for unread in layer.unread])


def _read(image: Image, descriptor: Descriptor) -> Layer[FileContents]:
    what = f"the layer {descriptor.digest} of {image.name}"
    with image.store.open_blob(descriptor) as stream:
        layer = read_layer(TarStream(open_tar(stream, what), what), descriptor.digest, READER)
        # What stands behind the tar's end is read too: the digest is that of all bytes.
        while stream.read(1_048_576):
            pass
    return layer
