"""Alert templates: names and descriptions with values of the first row."""

from __future__ import annotations

import re

from nephoscope.alerts.rules.query_result import RuleResultRow
from nephoscope.model.secret_redaction import redact_text

MAX_NAME, MAX_DESCRIPTION, MAX_VALUE = 256, 5000, 1024
_FIELD = re.compile(r"\{\{\s*([^{}]+?)\s*\}\}")


def list_template_columns(template: str) -> list[str]:
    """The columns that a template names, in order."""
    return _FIELD.findall(template)


def fill_template(template: str, finding: RuleResultRow, most: int) -> str:
    """The template with each {{Column}} replaced by the row's value, '' where the row has no such column; at most so long."""
    text = _FIELD.sub(lambda match: redact_text(finding.get_text(match[1]))[:MAX_VALUE], template)
    return text if len(text) <= most else text[: most - 1] + "…"
