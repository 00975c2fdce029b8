"""Images made of lists of files, as OCI layouts on disk and as archives of `docker save`."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import tarfile
from collections.abc import Callable, Mapping
from pathlib import Path

Files = Mapping[str, bytes | str | None]
"""Paths and contents; None makes a folder, a text a symbolic link to it."""


def make_layer(files: Files, modes: Mapping[str, int] | None = None) -> bytes:
    """Return the tar of a layer; `modes` are permissions by path, 0644 where there are none."""
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for path, held in files.items():
            entry = tarfile.TarInfo(path)
            entry.mode = (modes or {}).get(path, 0o644)
            if held is None:
                entry.type = tarfile.DIRTYPE
            elif isinstance(held, str):
                entry.type, entry.linkname = tarfile.SYMTYPE, held
            else:
                entry.size = len(held)
            tar.addfile(entry, io.BytesIO(held) if isinstance(held, bytes) else None)
    return content.getvalue()


def digest_of(content: bytes) -> str:
    """Return a content's digest."""
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def packed(content: bytes) -> bytes:
    """Return content in gzip, the same at any time: the digest of a layer is that of its bytes."""
    return gzip.compress(content, mtime=0)


def make_layout(
    folder: Path,
    layers: list[Files],
    *,
    name: str = "latest",
    compress: Callable[[bytes], bytes] = packed,
    modes: Mapping[str, int] | None = None,
    told: Mapping[str, object] | None = None,
    **config: object,
) -> str:
    """Write an OCI layout and return the digest of its manifest; `told` is what the configuration says beside `config`."""
    blobs = folder / "blobs/sha256"
    blobs.mkdir(parents=True)

    def keep(content: bytes, media_type: str) -> dict[str, object]:
        digest = digest_of(content)
        (blobs / digest.removeprefix("sha256:")).write_bytes(content)
        return {"mediaType": media_type, "digest": digest, "size": len(content)}

    tars = [make_layer(files, modes) for files in layers]
    configuration = {
        "architecture": "amd64",
        "os": "linux",
        "config": config,
        "rootfs": {"type": "layers", "diff_ids": [digest_of(tar) for tar in tars]},
        **(told or {}),
    }
    manifest = {
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": keep(json.dumps(configuration).encode(), "application/vnd.oci.image.config.v1+json"),
        "layers": [keep(compress(tar), "application/vnd.oci.image.layer.v1.tar+gzip") for tar in tars],
    }
    kept = keep(json.dumps(manifest).encode(), "application/vnd.oci.image.manifest.v1+json")
    kept["annotations"] = {"org.opencontainers.image.ref.name": name}
    (folder / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": [kept]}))
    (folder / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')
    return str(kept["digest"])


def pack(folder: Path, archive: Path) -> Path:
    """Write a layout as an archive."""
    with tarfile.open(archive, "w") as tar:
        for path in sorted(folder.rglob("*")):
            tar.add(path, path.relative_to(folder).as_posix(), recursive=False)
    return archive


def make_saved(archive: Path, layers: list[Files], tags: list[str]) -> Path:
    """Write an archive as `docker save` did before version 25."""
    tars = [make_layer(files) for files in layers]
    diff_ids = [digest_of(tar) for tar in tars]
    configuration = json.dumps(
        {"architecture": "amd64", "os": "linux", "rootfs": {"type": "layers", "diff_ids": diff_ids}}
    ).encode()
    config = digest_of(configuration).removeprefix("sha256:") + ".json"
    paths = [f"{number}/layer.tar" for number in range(len(tars))]
    listed = json.dumps([{"Config": config, "RepoTags": tags, "Layers": paths}]).encode()
    files: dict[str, bytes] = {
        **dict(zip(paths, tars, strict=True)),
        config: configuration,
        "manifest.json": listed,
    }
    archive.write_bytes(make_layer(files))
    return archive
