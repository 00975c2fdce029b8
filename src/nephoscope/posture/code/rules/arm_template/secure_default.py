"""Secure parameters should have no default."""

from __future__ import annotations

import re
from collections.abc import Iterator

from nephoscope.collect.templates.arm.template_source import ArmSource, is_secure
from nephoscope.posture.code.code_rule import CodeRule
from nephoscope.posture.code.rule_match import CodeMatch
from nephoscope_policy.arm.template.document import member
from nephoscope_policy.model.state import Severity

RULE = CodeRule(
    id="arm-secure-parameter-default",
    title="Secure parameters should have no default",
    severity=Severity.HIGH,
    description="A default of a secure parameter is a secret that everybody reads who reads the template.",
    steps=("Remove defaultValue, or make it newGuid(), and pass the secret at deployment from Key Vault.",),
    equivalents=("checkov:CKV_AZURE_131", "kics:4d2cf896-c053-4be5-9c95-8b4771112f29"),
    conceals=True,
)

_MADE_ANEW = re.compile(r"^\[.*\bnewGuid\s*\(", re.IGNORECASE)


def check(template: ArmSource) -> Iterator[CodeMatch]:
    """Give each secure parameter with a default that is neither empty nor made anew."""
    for one in template.templates():
        for name, path, declared in one.iterate_section("parameters"):
            default = member(declared, "defaultValue")
            if default is None or not is_secure(declared) or default[1] in ("", None, {}):
                continue
            if not (isinstance(default[1], str) and _MADE_ANEW.search(default[1])):
                where = one.find_span((*path, default[0]))
                yield CodeMatch(where, f"the secure parameter '{name}' has a default", subject=name)
