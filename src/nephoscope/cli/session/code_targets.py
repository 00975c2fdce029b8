"""Tell targets that are templates or repositories from snapshots."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from nephoscope.cli.terminal.messages import exit_with_usage_error
from nephoscope.collect.templates.arm.deployment_schema import find_template_schema
from nephoscope_policy.arm.text_encoding import convert_to_utf8

if TYPE_CHECKING:
    from collections.abc import Sequence

_SUFFIXES = (".bicep", ".bicepparam", ".tf")
_PLAN = re.compile(r"\"(?:resource_changes|planned_values|terraform_version)\"\s*:")
_FORMAT = re.compile(r"\"format_version\"\s*:")
_BUILT = re.compile(r'"parametersJson"\s*:')
_RESOURCE = re.compile(r'"id"\s*:\s*"/')
_ARTIFACT = re.compile(
    r'"kind"\s*:\s*"template"|"type"\s*:\s*"Microsoft\.Blueprint/[^"]*artifacts"', re.IGNORECASE
)
_OWN_ID = re.compile(r'"id"\s*:')
_CHANGES = ('"changes"', '"changeType"')
_STRING = re.compile(r'"(?:[^"\\]|\\.)*"')
_MANIFESTS = (".yaml", ".yml")
_MANIFEST = "coverage.json"
_REPOSITORY = (".git", ".github", "Dockerfile", ".gitlab-ci.yml", "azure-pipelines.yml")
_CARRIED = 3
"""The objects around the members of a template in `properties.template`."""
_HEAD = 65_536
_MAX_BYTES = 16 * 1024 * 1024
_MAX_LOOKED_AT = 20_000


def is_code(targets: Sequence[str], since: str | None = None) -> bool:
    """Return whether the targets are templates or folders with templates; ends with code 2 where they are of both kinds."""
    kinds = {
        _is_code(Path(target)) or _is_gone(Path(target), since)
        for target in targets
        if target.strip() and not target.endswith(":")
    }
    if len(kinds) > 1 or (True in kinds and any(target.endswith(":") for target in targets)):
        exit_with_usage_error("templates and snapshots cannot be scanned together: use separate commands")
    return True in kinds


def _is_gone(target: Path, since: str | None) -> bool:
    """Return whether a target is not there, in a repository of git, and is compared with a commit: the change may remove it."""
    if since is None or target.exists() or Path(since).exists():
        return False
    return any((one / ".git").exists() for one in target.absolute().parents)


def _is_code(target: Path) -> bool:
    if target.is_file():
        return _is_template(target) or _is_path_claimed(target)
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
            if path.suffix.lower() == ".json":
                documents.append(path)
            elif path.suffix.lower() in _MANIFESTS:
                claimed = claimed or _is_path_claimed(path)
    return _holds_code(documents, claimed=claimed)


def _holds_code(documents: Sequence[Path], *, claimed: bool) -> bool:
    """Return whether a folder without a template is code: manifests, pipelines, policies, and no resource as a snapshot has."""
    from nephoscope.collect.templates import kubernetes_manifest, policy_as_code

    found = claimed
    for path in documents:
        text = _read_text(path)
        if _RESOURCE.search(text, 0, _HEAD):
            return False
        found = found or any(one.recognizes(path.name, text) for one in (policy_as_code, kubernetes_manifest))
    return found


def _is_path_claimed(path: Path) -> bool:
    """Return whether a reader of pipelines, manifests, policies or scripts claims a file."""
    if path.suffix.lower() == ".json":
        return _holds_code([path], claimed=False)
    from nephoscope.collect.templates.discovery import find_reader

    return find_reader(path.absolute().as_posix(), _read_text(path)) is not None


def _is_template(path: Path) -> bool:
    suffix = path.suffix.lower()
    if suffix in _SUFFIXES or path.name.lower().startswith(("dockerfile", "containerfile")):
        return True
    if suffix == ".tfplan" or path.name == "tfplan":
        return True
    if suffix not in (".json", ".jsonc"):
        return False
    text = _read_text(path)
    if any(one in text for one in _CHANGES):
        from nephoscope.collect.templates.arm.what_if import is_what_if

        if is_what_if(path.name, text):
            return True
    schema = find_template_schema(text)
    if _is_outermost(text, schema) or _is_carried_schema(text, schema) or _has_outermost(_BUILT, text):
        return True
    return (_has_outermost(_FORMAT, text) and _has_outermost(_PLAN, text)) or _is_sorted_plan(path, text)


def _is_carried_schema(text: str, schema: int) -> bool:
    """Return whether a template stands in the properties of what deploys it: a blueprint's artifact, or the body of a request.

    A deployment as Azure lists it has an id, and is part of a snapshot.
    """
    return _count_objects(text, schema) == _CARRIED and (
        _has_outermost(_ARTIFACT, text) or not _has_outermost(_OWN_ID, text)
    )


def _is_sorted_plan(path: Path, text: str) -> bool:
    """Return whether a file is a plan in which a program sorted the members, so that a large one comes before what tells it."""
    if path.stat().st_size <= _MAX_BYTES or '"configuration"' not in text:
        return False
    from nephoscope.collect.templates.arm.template_repository import open_repository
    from nephoscope.collect.templates.terraform.plan_repository import list_plan_names

    repository, names = open_repository(path)
    return bool(list_plan_names(repository, names[:1]))


def _read_text(path: Path) -> str:
    """Read a file within the bound of what is judged; of records of resources, which are never code, and of more the first 64 KiB."""
    try:
        with path.open("rb") as file:
            text = convert_to_utf8(file.read(_HEAD)).decode("utf-8", "replace")
            if path.stat().st_size <= _HEAD or path.stat().st_size > _MAX_BYTES or _RESOURCE.search(text):
                return text
            file.seek(0)
            return convert_to_utf8(file.read()).decode("utf-8", "replace")
    except OSError:
        return ""


def _has_outermost(pattern: re.Pattern[str], text: str) -> bool:
    found = pattern.search(text)
    return found is not None and _is_outermost(text, found.start())


def _is_outermost(text: str, start: int) -> bool:
    """Return whether what stands at an offset is a member of the outermost object: a body in a snapshot may hold a template too."""
    return _count_objects(text, start) == 1


def _count_objects(text: str, start: int) -> int:
    """Count the objects around what stands at an offset; 0 for no offset, and within a list."""
    if start < 0:
        return 0
    before = _STRING.sub("", text[:start])
    return before.count("{") - before.count("}") if before.count("[") == before.count("]") else 0
