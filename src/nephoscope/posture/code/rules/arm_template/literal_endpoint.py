"""Endpoints of the cloud should not be literals."""

from __future__ import annotations

import re
from collections.abc import Iterator

from nephoscope.collect.templates.arm.template_source import ArmSource
from nephoscope.posture.code.code_rule import CodeRule
from nephoscope.posture.code.rule_match import CodeMatch
from nephoscope_policy.model.state import Severity

RULE = CodeRule(
    id="arm-literal-endpoint",
    title="Endpoints of the cloud should not be literals",
    severity=Severity.LOW,
    description="A literal endpoint keeps the template from other clouds and from endpoints that change.",
    steps=("Use environment(), such as environment().resourceManager.",),
)

_ENDPOINT = re.compile(
    r"(?<![\w.-])(?:management\.(?:core\.windows\.net|azure\.com)|gallery\.azure\.com|graph\.windows\.net|login\.microsoftonline\.com|"
    r"login\.windows\.net|database\.windows\.net|core\.windows\.net|vault\.azure\.net|batch\.core\.windows\.net)",
    re.IGNORECASE,
)


#: What every such name has; most texts have neither.
_COM, _NET = ".com", ".net"


def check(template: ArmSource) -> Iterator[CodeMatch]:
    """Give each text outside of metadata and schemas that names an endpoint of Azure."""
    for where, text in template.texts:
        if _names_endpoint(text) and "metadata" not in where and where[-1:] != ("$schema",):
            yield CodeMatch(template.find_span(where), "the endpoint is a literal")


def _names_endpoint(text: str) -> bool:
    folded = text.lower()
    return (_COM in folded or _NET in folded) and _ENDPOINT.search(text) is not None
