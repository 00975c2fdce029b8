"""Assessment overlay: verdicts as Microsoft.Security/assessments resources that policies can read.

Source: https://learn.microsoft.com/rest/api/defenderforcloud/assessments/get (2021-06-01)
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from nephoscope_policy.model.resource import Resource
from nephoscope_policy.model.state import ComplianceState

if TYPE_CHECKING:
    from nephoscope.analyze.assessment_key import Key
    from nephoscope_policy.model.assessment import Assessment

TYPE = "Microsoft.Security/assessments"

_CODES = {
    ComplianceState.COMPLIANT: "Healthy",
    ComplianceState.NON_COMPLIANT: "Unhealthy",
    ComplianceState.NOT_APPLICABLE: "NotApplicable",
}
_STATES = {code.lower(): state for state, code in _CODES.items()}

# The cause of a verdict on something that was never assessed: Azure then has an assessment without a status at most.
NOT_ASSESSED = "not-assessed"


def build_assessment_id(resource: str, key: str) -> str:
    """The id of the assessment of a key on a resource."""
    return f"{resource}/providers/{TYPE}/{key}"


def to_arm_body(assessment: Assessment, key: Key) -> dict[str, object]:
    """The ARM body of a verdict that is not Unknown."""
    properties: dict[str, object] = {
        "displayName": key.title,
        "resourceDetails": {"source": "Azure", "id": assessment.resource},
        "status": {
            "code": _CODES[assessment.state],
            "cause": assessment.cause,
            "description": assessment.description,
        },
        "additionalData": {"source": "nephoscope", **_summarize_findings(assessment)},
    }
    if assessment.cause == NOT_ASSESSED:
        del properties["status"]
    return {
        "id": build_assessment_id(assessment.resource, assessment.key),
        "name": assessment.key,
        "type": TYPE,
        "properties": properties,
    }


def _summarize_findings(assessment: Assessment) -> dict[str, str]:
    if not assessment.sub_assessments:
        return {}
    titles = [part.title for part in assessment.sub_assessments]
    return {"findings": str(len(titles)), "titles": json.dumps(titles[:100])}


def to_resource(assessment: Assessment, key: Key) -> Resource:
    """A verdict as a resource."""
    return Resource.of(to_arm_body(assessment, key))


def parse_state(resource: Resource) -> ComplianceState | None:
    """The state that a collected assessment says, None where it says none."""
    properties: Any = resource.body.get("properties") or {}
    status: Any = properties.get("status") or {}
    return _STATES.get(str(status.get("code", "")).lower()) if isinstance(status, dict) else None
