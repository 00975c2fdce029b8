"""Template detection: tell templates, plans and what-if results from deployed resources."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

_ALONE = "it describes planned resources: scan it separately, without snapshots"
_TEMPLATE = "scan the template that it belongs to"
_PLAN = "scan its plan: terraform plan -out plan.out && terraform show -json plan.out > plan.json"
#: By the end of a file's name, where the text is no JSON: what it is, and what to do.
_SUFFIXES = {
    ".bicep": ("a Bicep file", _ALONE),
    ".bicepparam": ("a Bicep parameter file", _ALONE),
    ".tf": ("a Terraform file", _PLAN),
    ".tfvars": ("a Terraform variable file", _PLAN),
    ".tfplan": ("a Terraform plan", _ALONE),
}
#: By a word in `$schema`.
_SCHEMAS = {
    "deploymenttemplate": ("an ARM template", _ALONE),
    "deploymentparameters": ("an ARM parameter file", _TEMPLATE),
    "createuidefinition": ("a portal form of an ARM template", _TEMPLATE),
}
_STATE = ("a Terraform state", "convert it to JSON and scan that file: terraform show -json > state.json")
_WHAT_IF = ("a what-if result", _ALONE)
_MAX_WALKED = 10_000


def describe_source_file(name: str) -> str:
    """Say that a file of this name is a template and no snapshot, and what to do; '' where it is none."""
    return "; ".join(_SUFFIXES.get(Path(name).suffix.lower(), ()))


def describe_template(body: Mapping[str, object]) -> str:
    """Say that a JSON object is a template or a plan and no snapshot, and what to do; '' where it is none."""
    return "; ".join(_read_template_kind(body))


def detect_template(path: Path) -> str:
    """Say which template lies in a folder in which no resource was found, '' where none does."""
    walked = 0
    for folder, _, names in os.walk(path):
        for name in sorted(names):
            if said := describe_source_file(name):
                return f"{Path(folder) / name}: {said}"
            walked += 1
        if walked > _MAX_WALKED:
            break
    return ""


def _read_template_kind(body: Mapping[str, object]) -> tuple[str, ...]:
    schema = str(body.get("$schema", "")).lower()
    for word, kind in _SCHEMAS.items():
        if word in schema:
            return kind
    if "terraform_version" in body:
        return _STATE if "lineage" in body else ("a Terraform plan", _ALONE)
    inner = body.get("properties")
    changes = (inner if isinstance(inner, dict) else body).get("changes")
    first = changes[0] if isinstance(changes, list) and changes else None
    return _WHAT_IF if isinstance(first, dict) and "changeType" in first else ()
