"""Suppressions in templates: comments within a resource, and Checkov's list in its metadata."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nephoscope.collect.templates.source_text import SourceText
from nephoscope.posture.code.suppression import CodeSuppressions

if TYPE_CHECKING:
    from datetime import datetime

    from nephoscope.posture.code.code_rule import CodeRule
    from nephoscope.posture.code.finding import Region
    from nephoscope.posture.code.template.source_locations import ValueLocation
    from nephoscope.posture.code.template.template_resource import WrittenResource
    from nephoscope_policy.arm.template import TemplateDocument

_NO_COMMENT = "the skip in the metadata of the resource does not count: a comment must say why"


class TemplateSuppressions:
    """Reads the suppressions of documents, each once."""

    def __init__(self, now: datetime) -> None:
        self._now = now
        self._comments: dict[int, tuple[TemplateDocument, CodeSuppressions]] = {}

    def reason(
        self, rule: CodeRule, resource: WrittenResource, around: Region, place: ValueLocation
    ) -> str | None:
        """Explain why a rule is ignored at a place, or in the lines of the resource; None where it is not."""
        own = self._load_suppressions(resource.source_location.document).reason(rule, around)
        if own is None:
            own = self._load_suppressions(place.written.document).reason(rule, place.region)
        return own if own is not None else _find_skip(resource, rule) or None

    def describe_missing_reason(
        self, rule: CodeRule, resource: WrittenResource, around: Region, place: ValueLocation
    ) -> str:
        """Return what is wrong with a comment that would ignore a rule had it a reason; '' where there is none."""
        own = self._load_suppressions(resource.source_location.document).describe_missing_reason(rule, around)
        own = own or self._load_suppressions(place.written.document).describe_missing_reason(
            rule, place.region
        )
        return own or ("" if _find_skip(resource, rule) is None else _NO_COMMENT)

    def _load_suppressions(self, document: TemplateDocument) -> CodeSuppressions:
        found = self._comments.get(id(document))
        if found is None:
            found = (document, CodeSuppressions(SourceText(document.file, document.text), self._now))
            self._comments[id(document)] = found
        return found[1]


def _find_skip(resource: WrittenResource, rule: CodeRule) -> str | None:
    """Return the comment of Checkov's list in the metadata of a resource that skips a rule, '' without one; None where none skips."""
    metadata = resource.member("metadata")
    found: object = metadata[1] if metadata else None
    for name in ("checkov", "skip"):
        found = found.get(name) if isinstance(found, dict) else None
    for entry in found if isinstance(found, list) else []:
        if isinstance(entry, dict) and f"checkov:{entry.get('id')}" in rule.equivalents:
            return str(entry.get("comment") or "").strip()
    return None
