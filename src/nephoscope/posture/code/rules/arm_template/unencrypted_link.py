"""Links to templates and scripts should be encrypted."""

from __future__ import annotations

from collections.abc import Iterator

from nephoscope.collect.templates.arm.template_source import ArmSource
from nephoscope.collect.templates.source_text import TextSpan
from nephoscope.posture.code.code_rule import CodeRule
from nephoscope.posture.code.rule_match import CodeMatch
from nephoscope_policy.arm.template.document import Path
from nephoscope_policy.model.state import Severity

RULE = CodeRule(
    id="arm-unencrypted-link",
    title="Links to templates and scripts should be encrypted",
    severity=Severity.HIGH,
    description="Who sits on the way of a plain link changes what is deployed.",
    steps=("Use https.",),
)

_KEYS = frozenset(
    {"uri", "fileuris", "primaryscripturi", "scripturi", "artifactslocation", "packageuri", "url"}
)


def check(template: ArmSource) -> Iterator[CodeMatch]:
    """Give each link over plain HTTP that a deployment fetches."""
    for where, text in template.texts:
        if text[:7].lower() == "http://" and _find_owner_name(where) in _KEYS and "metadata" not in where:
            span = template.find_span(where)
            scheme_end = span.start + len('"http')
            is_plain = '"' not in text and "\\" not in text
            edits = ((TextSpan(scheme_end, scheme_end), "s"),) if is_plain else ()
            yield CodeMatch(span, "the link is not encrypted", edits)


def _find_owner_name(where: Path) -> str:
    """The lower-cased name of the member that a path leads to, or whose list."""
    return next((step.lower() for step in reversed(where) if isinstance(step, str)), "")
