"""Deployment templates of Azure Resource Manager, as they are written: what policies cannot ask is asked of their text."""

from __future__ import annotations

from nephoscope.collect.templates.arm.deployment_schema import names_template_schema
from nephoscope.collect.templates.arm.template_source import ArmSource
from nephoscope.collect.templates.discovery import UnreadableFileError
from nephoscope.collect.templates.source_text import SourceText
from nephoscope_policy.arm.template import TemplateDocument, TemplateError, find_template

TITLE = "ARM template"
PRECEDENCE = 10
_BICEP = ".bicep"


def recognizes(name: str, head: str) -> bool:
    """Claim JSON that names the schema of a deployment template, and Bicep."""
    file = name.lower()
    return file.endswith(_BICEP) or (file.endswith((".json", ".jsonc")) and names_template_schema(head))


def read(source: SourceText) -> ArmSource:
    """Parse a template; raises UnreadableFileError, for Bicep that is not compiled too."""
    if source.parsed is None and source.name.lower().endswith(_BICEP):
        raise UnreadableFileError("Bicep files must be compiled: install `bicep` and scan again")
    try:
        document = source.parsed or TemplateDocument.parse(source.text, source.name)
    except TemplateError as error:
        place = error.problem.place
        raise UnreadableFileError(error.problem.message, place.line or 1, place.column or 1) from error
    if not isinstance(document.value, dict):
        raise UnreadableFileError("a template must be a JSON object")
    try:
        return ArmSource(document, *find_template(document))
    except TemplateError:
        return ArmSource(document)
