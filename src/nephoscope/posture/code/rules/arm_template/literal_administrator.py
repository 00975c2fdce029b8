"""Names of administrators should not be literals."""

from __future__ import annotations

import re
from collections.abc import Iterator

from nephoscope.collect.templates.arm.template_source import ArmSource, is_written_expression
from nephoscope.posture.code.code_rule import CodeRule
from nephoscope.posture.code.rule_match import CodeMatch
from nephoscope_policy.arm.template.document import member
from nephoscope_policy.model.state import Severity

RULE = CodeRule(
    id="arm-literal-administrator-name",
    title="Names of administrators should not be literals",
    severity=Severity.MEDIUM,
    description="A name that every deployment shares, and that the template tells, is half of what a guesser needs.",
    steps=("Make the name a parameter without a default.",),
    equivalents=("psrule:Azure.Deployment.AdminUsername",),
)

_KEY = re.compile(r"admin(?:istrator)?(?:user(?:name)?|login)$", re.IGNORECASE)
_VARIABLE = re.compile(r"^\[\s*variables\(\s*'([^']+)'\s*\)\s*\]$", re.IGNORECASE)


def check(template: ArmSource) -> Iterator[CodeMatch]:
    """Give each adminUsername that is a literal, by itself, by a variable or as the default of a parameter."""
    for one in template.templates():
        for path, resource in one.resources():
            for where, text in one.iterate_resource_texts(path, resource):
                if _KEY.match(str(where[-1])) and "template" not in where:
                    found = _find_literal(one, text)
                    if found:
                        yield CodeMatch(
                            one.find_span(where), f"the administrator's name is the literal {found!r}"
                        )
        for name, path, declared in one.iterate_section("parameters"):
            default = member(declared, "defaultValue")
            if (
                name.lower() == "adminusername"
                and default is not None
                and default[1]
                and isinstance(default[1], str)
                and not is_written_expression(default[1])
            ):
                yield CodeMatch(
                    one.find_span((*path, default[0])), "the administrator's name has a default", subject=name
                )


def _find_literal(template: ArmSource, text: str) -> str:
    if not is_written_expression(text):
        return text
    named = _VARIABLE.match(text)
    variables = {name.lower(): value for name, _, value in template.iterate_section("variables")}
    value = variables.get(named[1].lower()) if named else None
    return value if isinstance(value, str) and not value.startswith("[") else ""
