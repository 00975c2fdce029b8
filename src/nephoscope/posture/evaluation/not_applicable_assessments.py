"""Not applicable assessments: a policy that accepts an assessment which says "not applicable" says no more than that.

Azure's policies accept `Healthy` and `NotApplicable` of an assessment alike. The policy is then met, but nothing was found to be
healthy: the secure score and recommendations leave such a resource out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from nephoscope.analyze.assessment_overlay import TYPE, parse_state
from nephoscope_policy import policy_evaluation, related_resources
from nephoscope_policy.model.state import ComplianceState

if TYPE_CHECKING:
    from collections.abc import Callable

    from nephoscope_policy.resource_view import View
    from nephoscope_policy.rule import Rule
    from nephoscope_policy.snapshot import Snapshot

#: The cause of a verdict that is NotApplicable because the assessment that its policy reads is.
DECLINED = "assessment-not-applicable"
_ASSESSMENTS = TYPE.lower()


def make_decline_test(rule: Rule, type_: str, snapshot: Snapshot) -> Callable[[View], str | None] | None:
    """Return what tells of a compliant resource of a type why its assessments do not apply, None where one of them does.

    None instead of a function for a rule that reads no assessment, or one that its parameters do not name.
    """
    wanted, name = rule.looked_up
    if wanted != _ASSESSMENTS or not name:
        return None
    plan = related_resources.plan_lookup(policy_evaluation.plan_lookup(rule, rule.fold.scope), type_)

    def find_reason(view: View) -> str | None:
        found = [one.resource for one in related_resources.find_candidates(plan, view, snapshot)]
        if not found or any(parse_state(one) is not ComplianceState.NOT_APPLICABLE for one in found):
            return None
        status = _read_object(_read_object(found[0].body.get("properties")).get("status"))
        return str(status.get("description") or status.get("cause") or "")

    return find_reason


def _read_object(value: object) -> dict[str, object]:
    return value if isinstance(value, dict) else {}
