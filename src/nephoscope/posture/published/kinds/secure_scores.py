"""Microsoft.Security/secureScores and their controls: the score of every subscription that could be judged.

Source: https://learn.microsoft.com/rest/api/defenderforcloud/secure-scores (2020-01-01)
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from nephoscope.posture.published.document import PublishedDocument, build_arm_body
from nephoscope.posture.published.kinds.assessment_metadata import TYPE as METADATA

if TYPE_CHECKING:
    from nephoscope.posture.history.evaluation_diff import RememberedState
    from nephoscope.posture.recommendations.finding_subject import Subject
    from nephoscope.posture.recommendations.score import ControlScore, ScopeScore, SecurityControl
    from nephoscope.posture.reports.report import Report

TYPE = "Microsoft.Security/secureScores"
CONTROLS = f"{TYPE}/secureScoreControls"
DEFINITIONS = "Microsoft.Security/secureScoreControlDefinitions"


def build_documents(report: Report, past: Mapping[Subject, RememberedState]) -> Iterator[PublishedDocument]:  # noqa: ARG001 - a kind's signature
    """A score a subscription with its controls, and what the controls are."""
    members = _group_members(report)
    definitions = {one.id: _build_definition(one, members[one.id]) for one in report.controls.controls}
    for scope in report.score.subscriptions:
        if scope.is_scored:
            yield from _make_scores(scope, definitions)
    for control in report.controls.controls:
        properties = definitions[control.id]
        yield PublishedDocument.of(
            build_arm_body(f"/providers/{DEFINITIONS}/{control.id}", DEFINITIONS, properties),
            title=control.name,
        )


def _group_members(report: Report) -> defaultdict[str, list[str]]:
    """The id of a control -> the keys of the judged recommendations that move it, sorted."""
    found: defaultdict[str, list[str]] = defaultdict(list)
    for key in sorted({one.key for one in report.run.engine.program.requirements}):
        control = report.find_control(key)
        if control is not None:
            found[control.id].append(key)
    return found


def _build_definition(control: SecurityControl, members: Sequence[str]) -> dict[str, object]:
    return {
        "displayName": control.name,
        "maxScore": control.max_score,
        "source": {"sourceType": "BuiltIn"},
        "assessmentDefinitions": [{"id": f"/providers/{METADATA}/{key}"} for key in members],
    }


def _make_scores(
    scope: ScopeScore, definitions: Mapping[str, dict[str, object]]
) -> Iterator[PublishedDocument]:
    score = f"/subscriptions/{scope.subscription}/providers/{TYPE}/ascScore"
    points = {"max": scope.max, "current": round(scope.current, 2), "percentage": scope.percentage}
    properties = {"displayName": "ASC score", "score": points, "weight": scope.weight}
    yield PublishedDocument.of(build_arm_body(score, TYPE, properties), title="Secure score")
    for control in scope.controls:
        id_ = f"{score}/secureScoreControls/{control.control.id}"
        score_control = _build_control(control, definitions[control.control.id])
        yield PublishedDocument.of(build_arm_body(id_, CONTROLS, score_control), title=control.control.name)


def _build_control(control: ControlScore, definition: Mapping[str, object]) -> dict[str, object]:
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
            "properties": definition,
        },
    }
