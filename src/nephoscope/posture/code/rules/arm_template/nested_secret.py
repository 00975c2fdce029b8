"""Nested deployments with secrets should have their own scope."""

from __future__ import annotations

from collections.abc import Iterator

from nephoscope.collect.templates.arm.template_source import (
    ArmSource,
    find_nested_template,
    has_own_scope,
    list_texts,
)
from nephoscope.posture.code.code_rule import CodeRule
from nephoscope.posture.code.rule_match import CodeMatch
from nephoscope_policy.model.state import Severity

RULE = CodeRule(
    id="arm-nested-secret",
    title="Nested deployments with secrets should have their own scope",
    severity=Severity.HIGH,
    description="A nested template in the outer scope is recorded with the secrets that its expressions give.",
    steps=("Set expressionEvaluationOptions.scope to inner and pass the secret as a secure parameter.",),
    equivalents=("psrule:Azure.Deployment.OuterSecret",),
)


def check(template: ArmSource) -> Iterator[CodeMatch]:
    """Give each secret in a nested template that the outer one evaluates."""
    for one in template.templates():
        for path, resource in one.resources():
            inner = find_nested_template(path, resource)
            if inner is None or has_own_scope(resource):
                continue
            for where, text in list_texts(*inner):
                if one.holds_secret(text) and "outputs" not in where:
                    yield CodeMatch(one.find_span(where), "the nested template is recorded with this secret")
                    break
