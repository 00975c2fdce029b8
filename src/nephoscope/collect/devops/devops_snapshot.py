"""The snapshot that a collection ends with: documents as JSON lines, and the coverage manifest."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import msgspec

from nephoscope.collect.devops.posture_collector import DevOpsCollection
from nephoscope.estate.coverage import SCHEMA_VERSION
from nephoscope.files.snapshot_files import MANIFEST

DOCUMENTS_FILE = "devops.jsonl"
#: The version of Azure's own shape of repositories and projects.
API_VERSION = "2024-04-01"


def write_snapshot(out: Path, found: DevOpsCollection, tenant: str, read_at: datetime) -> None:
    """Write what was collected into a new folder; the manifest comes last, so that a folder with one is whole."""
    out.mkdir(parents=True, exist_ok=True)
    # as recorded answers: of a document without members is known that it has none
    lines = (
        msgspec.json.encode({"resource": found.documents[key], "api_version": API_VERSION})
        for key in sorted(found.documents)
    )
    _write_whole_file(out / DOCUMENTS_FILE, b"".join(line + b"\n" for line in lines))
    document = build_manifest(found, tenant, read_at)
    _write_whole_file(out / MANIFEST, msgspec.json.format(msgspec.json.encode(document), indent=1) + b"\n")


def build_manifest(found: DevOpsCollection, tenant: str, read_at: datetime) -> dict[str, object]:
    """Give the manifest: each type that was read in full below a resource; `missingPermissions` are the gaps one by one."""
    members = {
        "declared": True,
        "scopes": {scope: sorted(types) for scope, types in sorted(found.scopes.items())},
        "gaps": found.gaps.describe_gaps_by_type(),
        "readAt": read_at.isoformat(),
    }
    missing = [
        {"type": gap.type, "scope": gap.scope, "permission": gap.permission, "reason": gap.reason}
        for gap in found.gaps.sorted_gaps
        if gap.permission
    ]
    return {"schemaVersion": SCHEMA_VERSION, "tenants": {tenant: members}, "missingPermissions": missing}


def _write_whole_file(path: Path, data: bytes) -> None:
    part = path.with_name(f".{path.name}.part")
    part.write_bytes(data)
    part.replace(path)
