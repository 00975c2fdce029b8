"""Policy definitions and exemptions of Azure Policy that a repository holds as JSON, to be sent from there."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from nephoscope.collect.templates.discovery import UnreadableFileError
from nephoscope.collect.templates.source_text import SourceText, TextSpan

if TYPE_CHECKING:
    from nephoscope_policy.arm.template.document import TemplateDocument

TITLE = "Azure Policy definition or exemption"
PRECEDENCE = 30
_MEMBER = re.compile(r'"(policyRule|exemptionCategory)"\s*:')
_STRING = re.compile(r'"(?:[^"\\]|\\.)*"')
_DEPTHS = frozenset({1, 2})
"""A definition has the rule among its members or those of its `properties`; deeper it belongs to an export or a template."""


@dataclass(frozen=True, slots=True, eq=False)
class PolicyDocument:
    """A definition or an exemption: its JSON with the places of its parts."""

    document: TemplateDocument

    @property
    def properties(self) -> dict[str, object]:
        """Return what it says, without the envelope of ARM."""
        held = self.document.value.get("properties", self.document.value)
        return held if isinstance(held, dict) else {}

    @property
    def is_definition(self) -> bool:
        """Return whether it is a definition; else it is an exemption."""
        return "policyRule" in self.properties

    def find_span(self, path: str) -> TextSpan:
        """The range of a part by its JSON path as the policy engine writes it (`properties.policyRule.if.allOf[0]`)."""
        # only these files need the engine
        from nephoscope_policy.arm.template.document import parse_shown_path

        return TextSpan(*self.document.find_span(parse_shown_path(path)))


def recognizes(name: str, head: str) -> bool:
    """Claim JSON in which a definition's rule or an exemption's category stands near the top."""
    if not name.lower().endswith(".json"):
        return False
    found = _MEMBER.search(head)
    if found is None:
        return False
    before = _STRING.sub("", head[: found.start()])
    depth = before.count("{") - before.count("}")
    return depth in _DEPTHS and before.count("[") == before.count("]")


def read(source: SourceText) -> PolicyDocument:
    """Parse a definition or an exemption; raises UnreadableFileError."""
    # only these files need the engine
    from nephoscope_policy.arm.template.document import TemplateDocument
    from nephoscope_policy.arm.template.errors import TemplateError

    try:
        document = TemplateDocument.parse(source.text, source.name)
    except TemplateError as error:
        place = error.problem.place
        raise UnreadableFileError(error.problem.message, place.line or 1, place.column or 1) from error
    if not isinstance(document.value, dict):
        raise UnreadableFileError("a definition or an exemption must be a JSON object")
    return PolicyDocument(document)
