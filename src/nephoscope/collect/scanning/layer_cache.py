"""Keeps what layers hold in a folder: a layer of a digest always holds the same, as long as the readers are the same."""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import msgspec

from nephoscope import __version__, content
from nephoscope.collect import images, inventory, malware, scanning, secrets
from nephoscope.collect.images.digest import check_digest_text
from nephoscope.collect.images.errors import ImageError
from nephoscope.collect.images.layers import LayerFiles
from nephoscope.collect.scanning.scan_contents import FileContents

_DECODER = msgspec.msgpack.Decoder(LayerFiles[FileContents])
_ENCODER = msgspec.msgpack.Encoder()


@cache
def readers_version() -> str:
    """Return what tells these readers from others: the product's version, their source, the rules for secrets, the order of bytes."""
    whole = hashlib.sha256(f"{__version__} {sys.byteorder}".encode())
    for room in (images, inventory, malware, scanning, secrets):
        for path in _files(Path(str(room.__file__)).parent, ".py"):
            whole.update(Path(path).read_bytes())
    for path in _files(Path(str(content.__file__)).parent / "secrets", ".yaml"):
        whole.update(Path(path).read_bytes())
    return whole.hexdigest()[:16]


def _files(folder: str | Path, ending: str) -> Iterator[str]:
    """Yield the files below a folder in a fixed order; paths as texts, as this is done whenever an image is looked into."""
    with os.scandir(folder) as entries:
        found = sorted(entries, key=lambda entry: entry.name)
    for entry in found:
        if entry.is_dir(follow_symlinks=False):
            yield from _files(entry.path, ending)
        elif entry.name.endswith(ending):
            yield entry.path


class LayerFolder:
    """A folder with a file for each layer, in a folder for each set of readers and of what is looked for beside packages."""

    def __init__(self, folder: Path, looked_for: str = "") -> None:
        """Keep layers in a folder; `looked_for` is the digest of a LookedFor, '' for packages alone."""
        self._folder = folder / f"{readers_version()}{'-' if looked_for else ''}{looked_for}"

    def get(self, digest: str) -> LayerFiles[FileContents] | None:
        """Return what a layer holds; None where it is not kept, or what is kept cannot be read."""
        try:
            return _DECODER.decode(self._path(digest).read_bytes())
        except (OSError, msgspec.DecodeError, ImageError):
            return None

    def put(self, layer: LayerFiles[FileContents]) -> None:
        """Keep what a layer holds; whoever reads at the same time sees all of it or nothing."""
        import tempfile

        path = self._path(layer.digest)
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as kept:
            kept.write(_ENCODER.encode(layer))
        Path(kept.name).replace(path)

    def _path(self, digest: str) -> Path:
        return self._folder / f"{check_digest_text(digest).replace(':', '-')}.msgpack"
