"""Microsoft.PolicyInsights/policyMetadata: what the loaded initiatives say of the controls that their groups stand for.

Source: https://learn.microsoft.com/rest/api/policyinsights/policy-metadata (2019-10-01)
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from nephoscope.posture.published.document import PublishedDocument, build_arm_body, drop_empty

if TYPE_CHECKING:
    from nephoscope.posture.history.evaluation_diff import RememberedState
    from nephoscope.posture.recommendations.finding_subject import Subject
    from nephoscope.posture.reports.report import Report

TYPE = "Microsoft.PolicyInsights/policyMetadata"
_ROOT = f"/providers/{TYPE}/".lower()


def build_documents(report: Report, past: Mapping[Subject, RememberedState]) -> Iterator[PublishedDocument]:  # noqa: ARG001 - a kind's signature
    """One document a control that a group names; the requirement's own text is Microsoft's, and in no initiative."""
    seen: set[str] = set()
    for entry in report.run.catalog.initiatives():
        for group in _read_groups(entry.document()):
            key = str(group.get("additionalMetadataId") or "").rstrip("/")
            if key.lower().startswith(_ROOT) and key.lower() not in seen:
                seen.add(key.lower())
                yield PublishedDocument.of(
                    _build_body(key, group), title=str(group.get("displayName") or group.get("name") or "")
                )


def _read_groups(initiative: Mapping[str, object]) -> Iterator[Mapping[str, object]]:
    properties = initiative.get("properties")
    groups = properties.get("policyDefinitionGroups") if isinstance(properties, dict) else None
    return (one for one in groups or () if isinstance(one, dict))


def _build_body(key: str, group: Mapping[str, object]) -> dict[str, object]:
    name = key.rpartition("/")[2]
    said = {
        "metadataId": name,
        "category": group.get("category"),
        "title": group.get("displayName") or group.get("name"),
        "description": group.get("description"),
    }
    return build_arm_body(f"/providers/{TYPE}/{name}", TYPE, dict(drop_empty(said.items())))
