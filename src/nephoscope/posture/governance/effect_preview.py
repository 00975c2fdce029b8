"""Effect preview: the change that the effect behind a finding would make, without making it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import nephoscope_policy as policy
from nephoscope.posture.evaluation.compiled_rules import get_effect_parameter
from nephoscope_policy.model.state import ComplianceState

if TYPE_CHECKING:
    from nephoscope.posture.evaluation.finished_run import EvaluationRun
    from nephoscope.posture.evaluation.program import PolicyCheck
    from nephoscope_policy.definition import Definition
    from nephoscope_policy.model.assessment import Assessment

#: The effects that change something when they are enforced or remediated.
CHANGING = frozenset({"modify", "append", "deployifnotexists"})


def preview_remediation(run: EvaluationRun, assessment: Assessment) -> policy.Preview | None:
    """The JSON patch or the deployment that would fix a finding; None for what is no failing modify, append or deployIfNotExists.

    Raises PolicyError for operations that cannot be applied and ArmError where an expression of the effect fails.
    """
    if assessment.state is not ComplianceState.NON_COMPLIANT or assessment.effect.lower() not in CHANGING:
        return None
    judged = run.find_rule(assessment)
    resource = run.resource(assessment)
    if judged is None or resource is None or judged[0].entry is None:
        return None
    check = judged[0]
    definition = run.catalog.parse_entry(judged[0].entry)
    parameters = _bind_parameters(definition, check)
    if parameters is None:
        return None
    return policy.preview(definition, resource, run.engine.snapshot, parameters, run.context(check))


def _bind_parameters(definition: Definition, check: PolicyCheck) -> dict[str, object] | None:
    """The values to bind, an overridden effect included; None where the definition's effect is fixed and another one overrides it."""
    if not check.effect:
        return dict(check.parameters)
    name = get_effect_parameter(definition)
    return None if not name else {**check.parameters, name: check.effect}
