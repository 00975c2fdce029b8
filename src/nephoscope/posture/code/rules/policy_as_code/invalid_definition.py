"""Policy definitions should be ones that Azure takes."""

from __future__ import annotations

from collections.abc import Iterator

from nephoscope.collect.templates.policy_as_code import PolicyDocument
from nephoscope.posture.code.code_rule import CodeRule
from nephoscope.posture.code.rule_match import CodeMatch
from nephoscope_policy import Aliases, Definition
from nephoscope_policy.errors import PolicyError
from nephoscope_policy.model.state import Severity

RULE = CodeRule(
    id="policy-definition-invalid",
    title="Policy definitions should be ones that Azure takes",
    severity=Severity.HIGH,
    description="A definition with a fault is refused when it is sent, and what it was to forbid stays allowed.",
    steps=("Mend what the message names.", "Test the definition: nephoscope content test <folder>."),
)
_ALIAS = "is in no loaded alias table"


def check(policy: PolicyDocument) -> Iterator[CodeMatch]:
    """Give each fault of a definition; an alias that no table has is Unknown, as Azure may know it."""
    if not policy.is_definition:
        return
    try:
        Definition.parse(policy.document.value).check(Aliases.load_builtin())
    except PolicyError as error:
        for one in (error, *error.others):
            unknown = one.message if _ALIAS in one.message else ""
            yield CodeMatch(policy.find_span(one.path), f"{one.path}: {one.message}", unknown=unknown)
