"""Outputs should hold no secrets."""

from __future__ import annotations

import re
from collections.abc import Iterator

from nephoscope.collect.templates.arm.template_source import ArmSource, is_secure, list_texts
from nephoscope.posture.code.code_rule import CodeRule
from nephoscope.posture.code.rule_match import CodeMatch
from nephoscope_policy.arm.template.document import member
from nephoscope_policy.model.state import Severity

RULE = CodeRule(
    id="arm-secret-output",
    title="Outputs should hold no secrets",
    severity=Severity.HIGH,
    description="Outputs are kept in the history of deployments in plain text.",
    steps=("Remove the output and let its readers ask Key Vault or the resource.",),
    equivalents=("psrule:Azure.Deployment.OutputSecretValue",),
)

_NAME = re.compile(r"passwo?r?d", re.IGNORECASE)


def check(template: ArmSource) -> Iterator[CodeMatch]:
    """Give each output that gives a secure parameter, the keys of a resource, or what its name calls a password."""
    for one in template.templates():
        for name, path, declared in one.iterate_section("outputs"):
            value = member(declared, "value") or member(declared, "copy")
            if value is None or is_secure(declared):
                continue
            held = next(
                (at for at, text in list_texts((*path, value[0]), value[1]) if one.holds_secret(text)), None
            )
            if held is not None or _NAME.search(name):
                yield CodeMatch(
                    one.find_span(held or (*path, value[0])),
                    f"the output '{name}' gives a secret",
                    subject=name,
                )
