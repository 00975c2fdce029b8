"""Reads the layers of one image by the readers of packages and by what else is looked for."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from nephoscope.collect.images.documents import Descriptor
from nephoscope.collect.images.errors import ImageError
from nephoscope.collect.images.image import Image
from nephoscope.collect.images.layer_stream import open_tar
from nephoscope.collect.images.layers import LayerFiles, LayerReader, read_layer
from nephoscope.collect.images.tar_entries import TarStream
from nephoscope.collect.scanning.file_readers import (
    MAX_SIZE,
    is_lone_program,
    read_contents,
    recognizes,
    recognizes_head,
)
from nephoscope.collect.scanning.scan_contents import MAX_ENTRIES, FileContents
from nephoscope.collect.scanning.scan_options import LookedFor

if TYPE_CHECKING:
    from nephoscope.collect.scanning.file_inspection import ContentInspector

READER: LayerReader[FileContents] = LayerReader(
    recognizes, recognizes_head, MAX_SIZE, read_contents, is_lone_program
)
_CHUNK = 1_048_576
#: The end of the media types of layers that are encrypted (containers/ocicrypt).
_ENCRYPTED = "+encrypted"


class LayerScan:
    """Reads layers of an image as long as what they hold altogether is bearable."""

    def __init__(self, image: Image, looked_for: LookedFor) -> None:
        self._image, self._looked_for, self._count = image, looked_for, 0

    def read(self, descriptor: Descriptor) -> LayerFiles[FileContents]:
        """Return what a layer holds; raises ImageError."""
        what = f"the layer {descriptor.digest} of {self._image.name}"
        if descriptor.media_type.endswith(_ENCRYPTED):
            raise ImageError(f"{what} is encrypted and cannot be examined: push it decrypted")
        reader = READER._replace(read=self._read_file, inspector=self._make_inspector())
        with self._image.store.open_blob(descriptor) as stream:
            layer = read_layer(TarStream(open_tar(stream, what), what), descriptor.digest, reader)
            # What stands behind the tar's end is read too: the digest is that of all bytes.
            while stream.read(_CHUNK):
                pass
        return layer

    def _make_inspector(self) -> ContentInspector | None:
        if not self._looked_for.digest:
            return None
        from nephoscope.collect.scanning.file_inspection import ContentInspector

        return ContentInspector(self._looked_for)

    def _read_file(
        self, path: str, content: bytes, beside: Callable[[str], bytes | None]
    ) -> FileContents | None:
        """Return what a file holds, None for nothing; raises ImageError where the image holds too much."""
        found = read_contents(path, content, beside)
        if found is not None:
            self._count += found.entries
            if self._count > MAX_ENTRIES:
                raise ImageError(
                    f"{self._image.name} has more than {MAX_ENTRIES} packages and unreadable entries"
                )
        return found
