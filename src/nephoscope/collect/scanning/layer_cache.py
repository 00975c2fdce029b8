"""Keeps what layers hold in a folder: a layer of a digest always holds the same, as long as the readers are the same."""

from __future__ import annotations

import hashlib
import sys
import tempfile
from functools import cache
from importlib.resources import files
from pathlib import Path

import msgspec

from nephoscope import __version__
from nephoscope.collect import images, inventory, malware, scanning
from nephoscope.collect.images.digest import check_digest_text
from nephoscope.collect.images.errors import ImageError
from nephoscope.collect.images.layers import Layer
from nephoscope.collect.scanning.contents import FileContents

_DECODER = msgspec.msgpack.Decoder(Layer[FileContents])
_ENCODER = msgspec.msgpack.Encoder()


@cache
def readers_version() -> str:
    """Return what tells these readers from others: the product's version, their source, the rules for secrets, the order of bytes."""
    whole = hashlib.sha256(f"{__version__} {sys.byteorder}".encode())
    rooms = [Path(str(room.__file__)).parent for room in (images, inventory, malware, scanning)]
    sources = [path for room in rooms for path in sorted(room.rglob("*.py"))]
    secrets = Path(str(files("nephoscope.content"))) / "secrets"
    for path in (*sources, *sorted(secrets.iterdir())):
        whole.update(path.read_bytes())
    return whole.hexdigest()[:16]


class LayerFolder:
    """A folder with a file for each layer, in a folder for each set of readers and of what is looked for beside packages."""

    def __init__(self, folder: Path, looked_for: str = "") -> None:
        """Keep layers in a folder; `looked_for` is the digest of a LookedFor, '' for packages alone."""
        self._folder = folder / f"{readers_version()}{'-' if looked_for else ''}{looked_for}"

    def get(self, digest: str) -> Layer[FileContents] | None:
        """Return what a layer holds; None where it is not kept, or what is kept cannot be read."""
        try:
            return _DECODER.decode(self._path(digest).read_bytes())
        except (OSError, msgspec.DecodeError, ImageError):
            return None

    def put(self, layer: Layer[FileContents]) -> None:
        """Keep what a layer holds; whoever reads at the same time sees all of it or nothing."""
        path = self._path(layer.digest)
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as kept:
            kept.write(_ENCODER.encode(layer))
        Path(kept.name).replace(path)

    def _path(self, digest: str) -> Path:
        return self._folder / f"{check_digest_text(digest).replace(':', '-')}.msgpack"
