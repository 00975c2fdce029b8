"""Deployments should not record their content."""

from __future__ import annotations

from collections.abc import Iterator

from nephoscope.collect.templates.arm.template_source import ArmSource, find_member
from nephoscope.posture.code.code_rule import CodeRule
from nephoscope.posture.code.rule_match import CodeMatch
from nephoscope_policy.model.state import Severity

RULE = CodeRule(
    id="arm-deployment-debug",
    title="Deployments should not record their content",
    severity=Severity.MEDIUM,
    description="A debug setting keeps requests and answers of a nested deployment, secrets among them, in its history.",
    steps=("Remove debugSetting.",),
)


def check(template: ArmSource) -> Iterator[CodeMatch]:
    """Give each nested deployment with a debug setting other than none."""
    for one in template.templates():
        for path, resource in one.resources():
            found = find_member(resource, path, "properties", "debugSetting", "detailLevel")
            if found is not None and str(found[1]).lower() != "none":
                yield CodeMatch(one.find_span(found[0]), f"the deployment records {found[1]}")
