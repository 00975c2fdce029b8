"""Tell targets that are templates or repositories from snapshots."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from nephoscope.cli.terminal.messages import usage_error
from nephoscope_policy.arm.text_encoding import as_utf8

if TYPE_CHECKING:
    from collections.abc import Sequence

_SUFFIXES = (".bicep", ".bicepparam")
_TEMPLATE = re.compile(rb"schema\"?\s*:\s*\"[^\"]*/[A-Za-z]*deploymentTemplate\.json", re.IGNORECASE)
_PLAN = re.compile(rb"\"(?:resource_changes|planned_values|terraform_version)\"\s*:")
_FORMAT = re.compile(rb"\"format_version\"\s*:")
_BUILT = re.compile(rb'"parametersJson"\s*:')
_RESOURCE = re.compile(rb'"id"\s*:\s*"/')
_CHANGES = b'"changes"'
_CHANGE = b'"changeType"'
_MANIFESTS = (".yaml", ".yml")
_MANIFEST = "coverage.json"
_REPOSITORY = (".git", ".github", "Dockerfile", ".gitlab-ci.yml", "azure-pipelines.yml")
_HEAD = 65_536
_MAX_LOOKED_AT = 20_000


def is_code(targets: Sequence[str]) -> bool:
    """Return whether the targets are templates or folders with templates; ends with code 2 where they are of both kinds."""
    kinds = {_is_code(Path(target)) for target in targets if target.strip() and not target.endswith(":")}
    if len(kinds) > 1 or (True in kinds and any(target.endswith(":") for target in targets)):
        usage_error("templates and snapshots cannot be scanned together: use separate commands")
    return True in kinds


def _is_code(target: Path) -> bool:
    if target.is_file():
        return _is_template(target) or _is_claimed(target)
    if not target.is_dir() or (target / _MANIFEST).exists():
        return False
    if any((target / name).exists() for name in _REPOSITORY):
        return True
    documents: list[Path] = []
    claimed = False
    for count, path in enumerate(target.rglob("*")):
        if count >= _MAX_LOOKED_AT:
            return False
        if ".git" not in path.parts and path.is_file():
            if _is_template(path):
                return True
            if path.suffix == ".json":
                documents.append(path)
            elif path.suffix in _MANIFESTS:
                claimed = claimed or _is_claimed(path)
    return _holds_code(documents, claimed=claimed)


def _holds_code(documents: Sequence[Path], *, claimed: bool) -> bool:
    """Return whether a folder without a template is code: manifests, pipelines, policies, and no resource as a snapshot has."""
    from nephoscope.collect.templates import kubernetes_manifest, policy_as_code

    found = claimed
    for path in documents:
        head = _read_head(path)
        if _RESOURCE.search(head):
            return False
        text = head.decode("utf-8", "replace")
        found = found or any(one.claims(path.name, text) for one in (policy_as_code, kubernetes_manifest))
    return found


def _is_claimed(path: Path) -> bool:
    """Return whether a reader of pipelines, manifests, policies or scripts claims a file."""
    if path.suffix == ".json":
        return _holds_code([path], claimed=False)
    from nephoscope.collect.templates.discovery import reader_of

    return reader_of(path.absolute().as_posix(), _read_head(path).decode("utf-8", "replace")) is not None


def _is_template(path: Path) -> bool:
    if path.suffix in _SUFFIXES or path.name.lower().startswith(("dockerfile", "containerfile")):
        return True
    if path.suffix == ".tfplan" or path.name == "tfplan":
        return True
    if path.suffix not in (".json", ".jsonc"):
        return False
    head = _read_head(path)
    if _CHANGE in head or _CHANGES in head:
        from nephoscope.collect.templates.arm.what_if import is_what_if

        if is_what_if(path.name, head.decode("utf-8", "replace")):
            return True
    if _has_outermost(_TEMPLATE, head) or _has_outermost(_BUILT, head):
        return True
    return (_has_outermost(_FORMAT, head) and _has_outermost(_PLAN, head)) or _is_sorted_plan(path, head)


def _is_sorted_plan(path: Path, head: bytes) -> bool:
    """Return whether a file is a plan in which a program sorted the members, so that a large one comes before what tells it."""
    if len(head) < _HEAD or b'"configuration"' not in head:
        return False
    from nephoscope.collect.templates.arm.template_repository import open_repository
    from nephoscope.collect.templates.terraform.plan_repository import plan_names

    repository, names = open_repository(path)
    return bool(plan_names(repository, names[:1]))


def _read_head(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return as_utf8(file.read(_HEAD))
    except OSError:
        return b""


def _has_outermost(pattern: re.Pattern[bytes], head: bytes) -> bool:
    found = pattern.search(head)
    return found is not None and _is_outermost(head[: found.start()])


def _is_outermost(before: bytes) -> bool:
    """Return whether what follows is a member of the outermost object: a body in a snapshot may hold a template as well."""
    return before.count(b"{") == before.count(b"}") + 1 and before.count(b"[") == before.count(b"]")
