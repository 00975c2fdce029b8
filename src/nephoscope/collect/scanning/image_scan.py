"""Scans an image: layer after layer, each content once, and puts them on each other."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Protocol

import msgspec

from nephoscope.collect.images.image import Image
from nephoscope.collect.images.layers import LayerFiles, merge_layers
from nephoscope.collect.scanning.content_builder import build_contents
from nephoscope.collect.scanning.scan_contents import FileContents, InventoryContents
from nephoscope.collect.scanning.scan_options import PACKAGES, LookedFor

if TYPE_CHECKING:
    from nephoscope.collect.scanning.layer_scan import LayerScan


class LayerCache(Protocol):
    """Keeps what layers hold, by their digest."""

    def get(self, digest: str) -> LayerFiles[FileContents] | None:
        """Return what a layer holds, None where it was not read by these readers yet."""
        ...

    def put(self, layer: LayerFiles[FileContents]) -> None:
        """Keep what a layer holds."""
        ...


class ImageReading(msgspec.Struct, frozen=True):
    """Settings for reading the layers of an image: what to look for, the cache, and a callback per layer read.

    A cache holds results of one LookedFor (`LayerFolder(folder, looked_for.digest)`).
    """

    looked_for: LookedFor = PACKAGES
    cache: LayerCache | None = None
    report_progress: Callable[[str], None] | None = None


def scan_image(
    image: Image, cache: LayerCache | None = None, report_progress: Callable[[str], None] | None = None
) -> InventoryContents:
    """Return the contents of an image; `report_progress` is called with each layer's digest before it is read. Raises ImageError."""
    return merge_layer_contents(
        read_layers(image, ImageReading(cache=cache, report_progress=report_progress))
    )


def merge_layer_contents(layers: Sequence[LayerFiles[FileContents]]) -> InventoryContents:
    """Return the contents of an image by its layers, the lowest first."""
    return build_contents(merge_layers(layers), [unread for layer in layers for unread in layer.unread])


def read_layers(image: Image, reading: ImageReading) -> list[LayerFiles[FileContents]]:
    """Return what the layers of an image hold, the lowest first, those of the cache as they are kept; raises ImageError.

    A layer that was not looked at as a whole for a reason that may pass is not kept.
    """
    layers = []
    scan: LayerScan | None = None
    for descriptor in image.layers:
        layer = reading.cache.get(descriptor.digest) if reading.cache else None
        if layer is None:
            if reading.report_progress:
                reading.report_progress(descriptor.digest)
            scan = scan or _scan_layers(image, reading.looked_for)
            layer = scan.read(descriptor)
            if reading.cache and all(found.is_final for found in layer.found.values()):
                reading.cache.put(layer)
        layers.append(layer)
    return layers


def _scan_layers(image: Image, looked_for: LookedFor) -> LayerScan:
    # the readers are loaded where a layer is not kept yet
    from nephoscope.collect.scanning.layer_scan import LayerScan

    return LayerScan(image, looked_for)
