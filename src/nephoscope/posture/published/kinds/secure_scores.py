"""Microsoft.Security/secureScores and their controls: the score of every subscription that could be judged.

Source: https://learn.microsoft.com/rest/api/defenderforcloud/secure-scores (2020-01-01)
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from nephoscope.posture.published.document import Document, arm

if TYPE_CHECKING:
    from nephoscope.posture.comparison import Past
    from nephoscope.posture.report import Report
    from nephoscope.posture.score import ControlScore, ScopeScore
    from nephoscope.posture.subject import Subject

TYPE = "Microsoft.Security/secureScores"
CONTROLS = f"{TYPE}/secureScoreControls"
DEFINITIONS = "Microsoft.Security/secureScoreControlDefinitions"


def documents(report: Report, past: Mapping[Subject, Past]) -> Iterator[Document]:  # noqa: ARG001 - a kind's signature
    """A score a subscription with its controls, and what the controls are."""
    for scope in report.score.subscriptions:
        if scope.scored:
            yield from _scored(scope)
    for control in report.controls.controls:
        properties = {
            "displayName": control.name,
            "maxScore": control.max_score,
            "source": {"sourceType": "BuiltIn"},
        }
        yield Document.of(
            arm(f"/providers/{DEFINITIONS}/{control.id}", DEFINITIONS, properties), title=control.name
        )


def _scored(scope: ScopeScore) -> Iterator[Document]:
    score = f"/subscriptions/{scope.subscription}/providers/{TYPE}/ascScore"
    points = {"max": scope.max, "current": round(scope.current, 2), "percentage": scope.percentage}
    properties = {"displayName": "ASC score", "score": points, "weight": scope.weight}
    yield Document.of(arm(score, TYPE, properties), title="Secure score")
    for control in scope.controls:
        id_ = f"{score}/secureScoreControls/{control.control.id}"
        yield Document.of(arm(id_, CONTROLS, _control(control)), title=control.control.name)


def _control(control: ControlScore) -> dict[str, Any]:
    """Resources that could not be judged stand apart: they are neither healthy nor unhealthy."""
    points = {"max": control.max, "current": round(control.current, 2), "percentage": control.percentage}
    return {
        "displayName": control.control.name,
        "healthyResourceCount": control.healthy,
        "unhealthyResourceCount": control.unhealthy,
        "notApplicableResourceCount": control.not_applicable,
        "notAssessedResourceCount": control.unknown,
        "score": points,
        "weight": control.weight,
        "definition": {
            "id": f"/providers/{DEFINITIONS}/{control.control.id}",
            "name": control.control.id,
            "type": DEFINITIONS,
            "properties": {"displayName": control.control.name, "maxScore": control.control.max_score},
        },
    }
