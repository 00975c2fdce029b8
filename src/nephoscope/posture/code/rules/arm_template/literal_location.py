"""Locations should not be literals."""

from __future__ import annotations

from collections.abc import Iterator

from nephoscope.collect.templates.arm.template_source import ArmSource
from nephoscope.posture.code.code_rule import CodeRule
from nephoscope.posture.code.rule_match import CodeMatch
from nephoscope_policy.arm.template.document import member
from nephoscope_policy.model.state import Severity

RULE = CodeRule(
    id="arm-literal-location",
    title="Locations should not be literals",
    severity=Severity.LOW,
    description="A literal region deploys elsewhere than the resource group is, whatever regions are allowed.",
    steps=("Use a parameter whose default is resourceGroup().location.",),
)


def check(template: ArmSource) -> Iterator[CodeMatch]:
    """Give each resource, and each parameter named location, that has a literal region other than global."""
    for one in template.templates():
        for path, resource in one.resources():
            found = member(resource, "location")
            if found is not None and _is_region(found[1]):
                yield CodeMatch(one.find_span((*path, found[0])), f"the location is the literal {found[1]!r}")
        for name, path, declared in one.iterate_section("parameters"):
            default = member(declared, "defaultValue")
            if name.lower() == "location" and default is not None and _is_region(default[1]):
                yield CodeMatch(
                    one.find_span((*path, default[0])),
                    f"the location has the literal default {default[1]!r}",
                    subject=name,
                )


def _is_region(value: object) -> bool:
    return isinstance(value, str) and value != "" and not value.startswith("[") and value.lower() != "global"
