"""Writes OCI layouts of folders and tars: one layer each, compressed as registries hold them."""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import shutil
import tarfile
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import IO

_GZIP_LEVEL = 6
_CHUNK = 1 << 20


class _Hashing:
    """A file that is written, and the digest and the size of what was written."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self.digest = hashlib.sha256()
        self.size = 0

    def write(self, content: bytes) -> int:
        self.digest.update(content)
        self.size += len(content)
        return self._file.write(content)

    def flush(self) -> None:
        self._file.flush()

    def name_of(self) -> str:
        return self.digest.hexdigest()


def tar_of_folder(folder: Path, tar: Path, within: str = "") -> Path:
    """Write a folder as the tar of a layer, below the path `within`."""
    with tarfile.open(tar, "w", format=tarfile.PAX_FORMAT) as written:
        written.add(folder, within or ".", filter=_as_root)
    return tar


def _as_root(entry: tarfile.TarInfo) -> tarfile.TarInfo:
    entry.uid = entry.gid = entry.mtime = 0
    entry.uname = entry.gname = "root"
    return entry


def tar_of_changes(before: Path, after: Path, tar: Path) -> Path:
    """Write what a folder has changed to as the tar of a layer, with a whiteout for whatever is gone."""
    gone = sorted(_entries(before) - _entries(after))
    hidden = [path for path in gone if not any(str(parent) in set(gone) for parent in Path(path).parents)]
    changed = sorted(path for path in _entries(after) if _differs(before / path, after / path))
    with tarfile.open(tar, "w", format=tarfile.PAX_FORMAT) as written:
        for path in changed:
            written.add(after / path, path, recursive=False, filter=_as_root)
        for path in hidden:
            written.addfile(tarfile.TarInfo(str(Path(path).with_name(f".wh.{Path(path).name}"))))
    return tar


def _entries(root: Path) -> set[str]:
    return {
        str((Path(folder) / name).relative_to(root))
        for folder, folders, files in os.walk(root)
        for name in (*folders, *files)
    }


def _differs(one: Path, other: Path) -> bool:
    if not os.path.lexists(one):
        return True
    if other.is_symlink() or one.is_symlink():
        return one.is_symlink() != other.is_symlink() or one.readlink() != other.readlink()
    if not other.is_file():
        return False
    return one.stat().st_size != other.stat().st_size or one.read_bytes() != other.read_bytes()


def write_layout(folder: Path, tars: Sequence[Path], command: Sequence[str] = ("/bin/sh",)) -> None:
    """Write an image of layers as an OCI layout; a folder that is there is written anew."""
    shutil.rmtree(folder, ignore_errors=True)
    blobs = folder / "blobs" / "sha256"
    blobs.mkdir(parents=True)
    layers, diff_ids = [], []
    for tar in tars:
        descriptor, diff_id = _keep_layer(blobs, tar)
        layers.append(descriptor)
        diff_ids.append(diff_id)
    configuration = {
        "architecture": "amd64",
        "os": "linux",
        "config": {"Cmd": list(command)},
        "rootfs": {"type": "layers", "diff_ids": diff_ids},
    }
    manifest = {
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": _keep_document(blobs, configuration, "application/vnd.oci.image.config.v1+json"),
        "layers": layers,
    }
    kept = _keep_document(blobs, manifest, manifest["mediaType"])
    (folder / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": [kept]}))
    (folder / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')


def _keep_layer(blobs: Path, tar: Path) -> tuple[dict[str, object], str]:
    with tempfile.NamedTemporaryFile(dir=blobs, delete=False) as file, tar.open("rb") as content:
        packed, plain = _Hashing(file), hashlib.sha256()
        with gzip.GzipFile(
            filename="", mode="wb", compresslevel=_GZIP_LEVEL, fileobj=packed, mtime=0
        ) as stream:  # type: ignore[arg-type]
            while chunk := content.read(_CHUNK):
                plain.update(chunk)
                stream.write(chunk)
    Path(file.name).rename(blobs / packed.name_of())
    descriptor: dict[str, object] = {
        "mediaType": "application/vnd.oci.image.layer.v1.tar+gzip",
        "digest": f"sha256:{packed.name_of()}",
        "size": packed.size,
    }
    return descriptor, f"sha256:{plain.hexdigest()}"


def _keep_document(blobs: Path, document: dict[str, object], media_type: object) -> dict[str, object]:
    content = json.dumps(document).encode()
    name = hashlib.sha256(content).hexdigest()
    (blobs / name).write_bytes(content)
    return {"mediaType": media_type, "digest": f"sha256:{name}", "size": len(content)}
