"""View of a container image as a root: the entries of its layers, merged, with the contents that rules read."""

from __future__ import annotations

import stat

from nephoscope.collect.images.documents import Descriptor
from nephoscope.collect.images.image import Image
from nephoscope.collect.images.layer_stream import open_tar
from nephoscope.collect.images.layers import LayerFiles, LayerReader, merge_layers, read_layer
from nephoscope.collect.images.tar_entries import EntryKind, TarEntry, TarStream
from nephoscope.protect.baseline.file_view import MAX_SIZE, FileKind, FileStatus
from nephoscope.protect.baseline.memory_view import HeldFile, MemoryView

#: Where rules read contents, relative to the root.
_READ = (
    "etc/", "usr/etc/", "run/", "usr/local/lib/", "usr/lib/sysctl.d/", "usr/lib/modprobe.d/", "usr/lib/systemd/", "usr/lib/pam.d/",
    "usr/lib/firewalld/", "usr/lib/os-release", "lib/sysctl.d/", "lib/modprobe.d/", "lib/systemd/", "boot/grub", "boot/efi/",
    "boot/loader/", "root/.", "var/lib/dpkg/status", "var/lib/rpm/", "usr/lib/sysimage/rpm/", "lib/apk/db/", "usr/lib/apk/db/",
    "var/lib/pacman/local/", "lib/modules/", "usr/lib/modules/",
)  # fmt: skip
_MODULE_LISTS = ("modules.dep", "modules.builtin")
#: Entries deeper than this are held only where rules look.
_DEPTH = 4
#: All contents together.
_MAX_HELD = 512_000_000
_CHUNK = 1_048_576
_KINDS = {
    EntryKind.FILE: FileKind.FILE,
    EntryKind.SPARSE: FileKind.FILE,
    EntryKind.DIRECTORY: FileKind.FOLDER,
    EntryKind.SYMLINK: FileKind.LINK,
}


class _EntryInspector:
    """Takes the entries of a layer that rules may look at."""

    def __init__(self) -> None:
        self._held = 0

    def count_bytes_wanted(self, path: str, entry: TarEntry) -> int:
        """Return how many bytes of a file are read."""
        if not path.startswith(_READ) or entry.size > MAX_SIZE or self._held + entry.size > _MAX_HELD:
            return 0
        is_module = "lib/modules/" in path
        return 0 if is_module and not path.endswith(_MODULE_LISTS) else entry.size

    def inspect(self, path: str, entry: TarEntry, content: bytes) -> HeldFile | None:
        """Return the entry as it is held, None for one that no rule looks at."""
        if not path.startswith(_READ) and path.count("/") >= _DEPTH:
            return None
        kind = _KINDS.get(entry.kind, FileKind.OTHER)
        status = FileStatus(kind, stat.S_IMODE(entry.mode), entry.uid, entry.gid)
        self._held += len(content)
        has_whole = len(content) == entry.size and entry.kind is EntryKind.FILE
        reason = f"it has {entry.size:,} bytes" if not has_whole and path.startswith(_READ) else ""
        if kind is not FileKind.FILE:
            return HeldFile(status, link=entry.link if kind is FileKind.LINK else "")
        return HeldFile(status, content if has_whole else None, reason=reason)

    def join(self, one: HeldFile, other: HeldFile) -> HeldFile:
        """Return the later of two entries of one path."""
        del one
        return other

    def finish(self) -> dict[str, HeldFile]:
        """Return nothing more."""
        return {}


def _refuse_file(*asked: object) -> bool:
    """Return that no reader claims a file: the inspector takes them all."""
    del asked
    return False


def _read_no_members(*asked: object) -> None:
    """Return nothing: no file is claimed."""
    del asked


def open_image_view(image: Image) -> MemoryView:
    """Return the root that the layers of an image make; raises ImageError."""
    inspector = _EntryInspector()
    layers = [_read_layer(image, descriptor, inspector) for descriptor in image.layers]
    return MemoryView({path: one.found for path, one in merge_layers(layers).items()})


def _read_layer(image: Image, descriptor: Descriptor, inspector: _EntryInspector) -> LayerFiles[HeldFile]:
    what = f"the layer {descriptor.digest} of {image.name}"
    reader: LayerReader[HeldFile] = LayerReader(
        _refuse_file, _refuse_file, MAX_SIZE, _read_no_members, _refuse_file, inspector, sees_links=True
    )
    with image.store.open_blob(descriptor) as stream:
        layer = read_layer(TarStream(open_tar(stream, what), what), descriptor.digest, reader)
        while stream.read(_CHUNK):
            pass  # the digest is that of all bytes
    return layer
