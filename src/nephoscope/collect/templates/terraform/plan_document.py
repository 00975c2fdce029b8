"""The JSON of a plan or a state: which files are one, and their text as a document."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from nephoscope.collect.templates.discovery import UnreadableFileError

if TYPE_CHECKING:
    from nephoscope_policy.arm.template.document import TemplateDocument

MAX_SIZE = 16 * 1024 * 1024
_PLAN = re.compile(r'"(?:resource_changes|planned_values|terraform_version)"\s*:')
_VERSION = re.compile(r'"format_version"\s*:')


def is_plan(name: str, head: str) -> bool:
    """Return whether a file by its name and head is JSON with the format version and the members of a plan."""
    return (
        name.lower().endswith((".json", ".tfplan"))
        and bool(_VERSION.search(head))
        and bool(_PLAN.search(head))
    )


def parse_plan(text: str | bytes, name: str) -> TemplateDocument:
    """Read the JSON of a plan; raises UnreadableFileError."""
    # only a plan needs the engine
    from nephoscope_policy.arm.template.document import TemplateDocument
    from nephoscope_policy.arm.template.errors import TemplateError

    try:
        document = TemplateDocument.parse(text, name, MAX_SIZE)
    except TemplateError as error:
        place = error.problem.place
        raise UnreadableFileError(error.problem.message, place.line or 1, place.column or 1) from error
    if not isinstance(document.value, dict):
        raise UnreadableFileError("a plan must be an object with resource_changes")
    return document
