"""Keeps what layers hold in a folder: a layer of a digest always holds the same, as long as the readers are the same."""

from __future__ import annotations

import hashlib
import os
import sys
from functools import cache
from pathlib import Path

import msgspec

from nephoscope import __version__, content
from nephoscope.collect import images, inventory, malware, scanning, secrets
from nephoscope.collect.images.digest import check_digest_text
from nephoscope.collect.images.errors import ImageError
from nephoscope.collect.images.layers import LayerFiles
from nephoscope.collect.scanning.scan_contents import FileContents
from nephoscope.model.derived_values import SourceFolder, derive_value


@cache
def _build_decoder() -> msgspec.msgpack.Decoder[LayerFiles[FileContents]]:
    return msgspec.msgpack.Decoder(LayerFiles[FileContents])


@cache
def build_readers_version() -> str:
    """Return what tells these readers from others: the product's version, their source, the rules for secrets, the order of bytes."""
    rooms = (images, inventory, malware, scanning, secrets)
    sources = [SourceFolder(str(Path(str(room.__file__)).parent)) for room in rooms]
    sources.append(SourceFolder(str(Path(str(content.__file__)).parent / "secrets"), ".yaml"))
    read = derive_value(__name__, sources, bytes, lambda: _compute_digest(sources))
    return hashlib.sha256(f"{__version__} {sys.byteorder} ".encode() + read).hexdigest()[:16]


def _compute_digest(sources: list[SourceFolder]) -> bytes:
    whole = hashlib.sha256()
    for source in sources:
        for entry in source.files():
            whole.update(Path(entry.path).read_bytes())
    return whole.digest()


class LayerFolder:
    """A folder with a file for each layer, in a folder for each set of readers and of what is looked for beside packages."""

    def __init__(self, folder: Path, looked_for: str = "") -> None:
        """Keep layers in a folder; `looked_for` is the digest of a LookedFor, '' for packages alone."""
        self._folder = folder / f"{build_readers_version()}{'-' if looked_for else ''}{looked_for}"

    def get(self, digest: str) -> LayerFiles[FileContents] | None:
        """Return what a layer holds; None where it is not kept, or what is kept cannot be read."""
        try:
            content = self._build_path(digest).read_bytes()
            return _build_decoder().decode(content)
        except (OSError, msgspec.DecodeError, ImageError):
            return None

    def put(self, layer: LayerFiles[FileContents]) -> None:
        """Keep what a layer holds; whoever reads at the same time sees all of it or nothing."""
        path = self._build_path(layer.digest)
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_name(f"{os.urandom(8).hex()}.part")
        try:
            with open(part, "xb", opener=_open_privately) as kept:
                kept.write(msgspec.msgpack.encode(layer))
            part.replace(path)
        except OSError:
            part.unlink(missing_ok=True)
            raise

    def _build_path(self, digest: str) -> Path:
        return self._folder / f"{check_digest_text(digest).replace(':', '-')}.msgpack"


def _open_privately(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
