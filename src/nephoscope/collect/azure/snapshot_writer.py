"""Snapshot writer: writes JSON lines by table and type and the coverage manifest, all or nothing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import BinaryIO

import msgspec

from nephoscope.collect.azure.checkpoint import Checkpoint
from nephoscope.collect.resource_sources import DerivedType, TypeSources
from nephoscope.files.snapshot_files import MANIFEST
from nephoscope_policy.model.resource_id import ResourceId


def write(
    out: Path,
    checkpoint: Checkpoint,
    derived: Mapping[str, DerivedType],
    groups: Iterable[dict[str, object]],
    manifest: dict[str, object],
) -> None:
    """Write all files; the manifest comes last, so that a folder with one is complete."""
    files: dict[str, BinaryIO] = {}
    try:
        for kept in checkpoint.answers():
            if kept.file:
                _append_rows(out, files, kept.file, kept.rows)
                for type_, row in derived.items():
                    _append_rows(out, files, "derived.jsonl", _derive_rows(type_, row, kept.rows))
        _append_rows(out, files, "graph/groups.jsonl", groups)
    finally:
        for file in files.values():
            file.close()
    for name in files:
        (out / f"{name}.part").replace(out / name)
    part = out / f".{MANIFEST}.part"
    part.write_bytes(msgspec.json.format(msgspec.json.encode(manifest), indent=1) + b"\n")
    part.replace(out / MANIFEST)


def _append_rows(out: Path, files: dict[str, BinaryIO], name: str, rows: Iterable[object]) -> None:
    for row in rows:
        if name not in files:
            path = out / f"{name}.part"
            path.parent.mkdir(parents=True, exist_ok=True)
            files[name] = path.open("wb")
        files[name].write(msgspec.json.encode(row) + b"\n")


def _derive_rows(type_: str, derived: DerivedType, rows: Iterable[object]) -> Iterator[dict[str, object]]:
    """The rows of the source type once more, as extensions of the resources that they name."""
    for row in rows:
        if not isinstance(row, dict) or str(row.get("type", "")).lower() != derived.source:
            continue
        extended: object = row
        for member in derived.extends:
            extended = extended.get(member) if isinstance(extended, dict) else None
        if not isinstance(extended, str) or not _is_resource(extended):
            continue
        name = row.get("name")
        spelled = TypeSources.load_builtin().spell(type_)
        yield {
            "id": f"{extended.rstrip('/')}/providers/{spelled}/{name}",
            "name": name,
            "type": spelled,
            "properties": row.get("properties"),
        }


def _is_resource(text: str) -> bool:
    try:
        return bool(ResourceId.parse(text).type)
    except ValueError:
        return False
