"""Diagnostic settings of storage services should log reads, writes and deletions.

Source: https://learn.microsoft.com/azure/storage/blobs/monitor-blob-storage (categories of resource logs).
"""

from __future__ import annotations

from collections.abc import Iterator

from nephoscope.collect.templates.arm.template_source import ArmSource, find_member
from nephoscope.posture.code.code_rule import CodeRule
from nephoscope.posture.code.rule_match import CodeMatch
from nephoscope_policy.arm.template.document import member
from nephoscope_policy.model.state import Severity

RULE = CodeRule(
    id="arm-partial-storage-logs",
    title="Diagnostic settings of storage services should log reads, writes and deletions",
    severity=Severity.LOW,
    description=(
        "A setting that leaves one kind of request out shows half of what happened: a copy of all data is a read, its loss a deletion."
    ),
    steps=("Enable the categories StorageRead, StorageWrite and StorageDelete in the setting.",),
    equivalents=("kics:43f6e60c-9cdb-4e77-864d-a66595d26518",),
)

_CATEGORIES = ("StorageRead", "StorageWrite", "StorageDelete")


def check(template: ArmSource) -> Iterator[CodeMatch]:
    """Give each setting that names some of the categories and does not enable all; what an expression may enable counts as enabled."""
    for one in template.templates():
        for path, resource in one.resources():
            if not _read_text(resource, "type").lower().endswith("diagnosticsettings"):
                continue
            properties = find_member(resource, path, "properties")
            logs = (
                find_member(properties[1], properties[0], "logs")
                if properties and isinstance(properties[1], dict)
                else None
            )
            if logs is None or not isinstance(logs[1], list):
                continue
            missing = _list_missing(logs[1])
            if missing:
                yield CodeMatch(
                    one.span(logs[0]),
                    f"{' and '.join(missing)} {'is' if len(missing) == 1 else 'are'} not enabled",
                    subject=_read_text(resource, "name"),
                )


def _list_missing(logs: list[object]) -> list[str]:
    """The categories of storage that logs do not enable, none where they name no such category."""
    entries = [one for one in logs if isinstance(one, dict)]
    if len(entries) < len(logs):  # an expression may stand for any
        return []
    named = {_read_text(one, "category") for one in entries}
    if not named.intersection(_CATEGORIES) or any(name.startswith("[") for name in named):
        return []
    enabled = {_read_text(one, "category") for one in entries if _may_be_enabled(one)}
    return [category for category in _CATEGORIES if category not in enabled]


def _may_be_enabled(entry: dict[str, object]) -> bool:
    found = member(entry, "enabled")
    return found is not None and found[1] is not False


def _read_text(entry: dict[str, object], name: str) -> str:
    found = member(entry, name)
    return found[1] if found and isinstance(found[1], str) else ""
