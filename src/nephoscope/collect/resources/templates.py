"""Tell what describes a deployment (ARM templates, Bicep, Terraform, what-if results) from what is deployed: it is not read yet."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

_NOT_READ = (
    "templates and plans are not read yet; "
    "scan what is deployed: nephoscope collect, az resource list or a Resource Graph export"
)
#: By the end of a file's name, where the text is no JSON.
_SUFFIXES = {
    ".bicep": "a Bicep file",
    ".bicepparam": "a Bicep parameter file",
    ".tf": "a Terraform file",
    ".tfvars": "a Terraform variable file",
    ".tfplan": "a Terraform plan",
}
#: By a word in `$schema`.
_SCHEMAS = {
    "deploymenttemplate": "an ARM template",
    "deploymentparameters": "an ARM parameter file",
    "createuidefinition": "a portal form of an ARM template",
}
_MAX_WALKED = 10_000


def source_file(name: str) -> str:
    """Say that a file of this name is a template that is not read, '' where it is none."""
    kind = _SUFFIXES.get(Path(name).suffix.lower(), "")
    return kind and f"{kind}; {_NOT_READ}"


def template(body: Mapping[str, Any]) -> str:
    """Say that a JSON object is a template or a plan that is not read, '' where it is none."""
    kind = _kind(body)
    return kind and f"{kind}; {_NOT_READ}"


def template_in(path: Path) -> str:
    """Say which template lies in a folder in which no resource was found, '' where none does."""
    walked = 0
    for folder, _, names in os.walk(path):
        for name in sorted(names):
            if said := source_file(name):
                return f"{Path(folder) / name}: {said}"
            walked += 1
        if walked > _MAX_WALKED:
            break
    return ""


def _kind(body: Mapping[str, Any]) -> str:
    schema = str(body.get("$schema", "")).lower()
    for word, kind in _SCHEMAS.items():
        if word in schema:
            return kind
    if "terraform_version" in body:
        return "a Terraform state" if "lineage" in body else "a Terraform plan"
    inner = body.get("properties")
    changes = (inner if isinstance(inner, dict) else body).get("changes")
    first = changes[0] if isinstance(changes, list) and changes else None
    return "a what-if result" if isinstance(first, dict) and "changeType" in first else ""
