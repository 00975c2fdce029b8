"""The schemas by which deployment files are recognized, wherever in a file they stand."""

from __future__ import annotations

import re

_NAMED = r"""schema["']?\s*:\s*["'][^"'\n]*/[A-Za-z]*deployment{kind}\.json"""
_TEMPLATE = re.compile(_NAMED.format(kind="Template"), re.IGNORECASE)
_PARAMETERS = re.compile(_NAMED.format(kind="Parameters"), re.IGNORECASE)


def names_template_schema(text: str) -> bool:
    """Say whether a text names the schema of a deployment template."""
    return find_template_schema(text) >= 0


def find_template_schema(text: str) -> int:
    """Give the offset at which a text names the schema of a deployment template; -1 where it does not."""
    found = _TEMPLATE.search(text) if "deploymenttemplate.json" in text.lower() else None
    return -1 if found is None else found.start()


def names_parameters_schema(text: str) -> bool:
    """Say whether a text names the schema of a parameters file."""
    return "deploymentparameters.json" in text.lower() and _PARAMETERS.search(text) is not None
