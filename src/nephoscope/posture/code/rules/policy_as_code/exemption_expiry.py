"""Exemptions should end."""

from __future__ import annotations

from collections.abc import Iterator

from nephoscope.collect.templates.policy_as_code import PolicyDocument
from nephoscope.posture.code.code_rule import CodeRule
from nephoscope.posture.code.rule_match import CodeMatch
from nephoscope_policy.model.state import Severity

RULE = CodeRule(
    id="policy-exemption-expiry",
    title="Exemptions should end",
    severity=Severity.MEDIUM,
    description=(
        "An exemption without an end outlives its reason: nobody looks again whether the risk is still accepted."
    ),
    steps=("Set expiresOn to a day on which somebody looks again.",),
)


def check(policy: PolicyDocument) -> Iterator[CodeMatch]:
    """Give an exemption that never ends, at its category."""
    properties = policy.properties
    if policy.is_definition or "exemptionCategory" not in properties or properties.get("expiresOn"):
        return
    within = "properties." if "properties" in policy.document.value else ""
    yield CodeMatch(policy.find_span(f"{within}exemptionCategory"), "the exemption has no expiresOn")
