"""Passwords should not be literals."""

from __future__ import annotations

from collections.abc import Iterator

from nephoscope.collect.templates.arm.template_source import ArmSource
from nephoscope.posture.code.code_rule import CodeRule
from nephoscope.posture.code.rule_match import CodeMatch
from nephoscope_policy.model.state import Severity

RULE = CodeRule(
    id="arm-literal-password",
    title="Passwords should not be literals",
    severity=Severity.CRITICAL,
    description="Everybody who reads the template reads the password, and it stays in the history of the repository.",
    steps=("Make the password a secure parameter, and change the password that was written here.",),
    conceals=True,
    equivalents=("psrule:Azure.Deployment.SecureValue",),
)

_KEYS = frozenset({"adminpassword", "administratorloginpassword", "accountkey", "storageaccountkey"})


def check(template: ArmSource) -> Iterator[CodeMatch]:
    """Give each password of a resource that is a literal."""
    for one in template.templates():
        for path, resource in one.resources():
            for where, text in one.iterate_resource_texts(path, resource):
                if (
                    str(where[-1]).lower() in _KEYS
                    and text
                    and not text.startswith("[")
                    and "template" not in where
                ):
                    yield CodeMatch(one.find_span(where), f"{where[-1]} is a literal")
