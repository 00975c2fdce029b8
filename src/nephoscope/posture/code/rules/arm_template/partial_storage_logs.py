"""Diagnostic settings of storage services should log reads, writes and deletions.

Source: https://learn.microsoft.com/azure/storage/blobs/monitor-blob-storage (categories of resource logs).
"""

from __future__ import annotations

import re
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
    equivalents=(
        "checkov:CKV_AZURE_33",
        "kics:0d29e3cf-0033-4ca6-9b97-fa3e6c4d25b8",
        "kics:43f6e60c-9cdb-4e77-864d-a66595d26518",
    ),
)

_CATEGORIES = ("StorageRead", "StorageWrite", "StorageDelete")
_STORAGE_SERVICE = re.compile(
    r"Microsoft\.Storage/storageAccounts/(?:blob|queue|table|file)Services/providers/diagnosticSettings",
    re.IGNORECASE,
)


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
            missing = _list_missing_categories(logs[1]) if logs[1] else _list_all_missing_categories(resource)
            if missing:
                yield CodeMatch(
                    one.find_span(logs[0]),
                    f"{' and '.join(missing)} {'is' if len(missing) == 1 else 'are'} not enabled",
                    subject=_read_text(resource, "name"),
                )


def _list_missing_categories(logs: list[object]) -> list[str]:
    """The categories of storage that logs do not enable, none where they name no such category."""
    entries = [one for one in logs if isinstance(one, dict)]
    if len(entries) < len(logs):  # an expression may stand for any
        return []
    named = {_read_text(one, "category") for one in entries}
    if not named.intersection(_CATEGORIES) or any(name.startswith("[") for name in named):
        return []
    enabled = {_read_text(one, "category") for one in entries if _may_be_enabled(one)}
    return [category for category in _CATEGORIES if category not in enabled]


def _list_all_missing_categories(resource: dict[str, object]) -> list[str]:
    """The categories that an empty list leaves out: all, where the setting is one of a storage service and sends no metrics either."""
    metrics = find_member(resource, (), "properties", "metrics")
    is_storage = _STORAGE_SERVICE.fullmatch(_read_text(resource, "type"))
    return list(_CATEGORIES) if is_storage and not (metrics and metrics[1]) else []


def _may_be_enabled(entry: dict[str, object]) -> bool:
    found = member(entry, "enabled")
    return found is not None and found[1] is not False


def _read_text(entry: dict[str, object], name: str) -> str:
    found = member(entry, name)
    return found[1] if found and isinstance(found[1], str) else ""
