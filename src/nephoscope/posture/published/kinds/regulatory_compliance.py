"""Microsoft.Security/regulatoryComplianceStandards: every judged initiative as a standard, its controls and their policies.

Source: https://learn.microsoft.com/rest/api/defenderforcloud/regulatory-compliance-standards (2019-01-01-preview)
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from nephoscope.posture.published.document import PublishedDocument, build_arm_body
from nephoscope.posture.reports.compliance import StandardState
from nephoscope.posture.reports.control_domains import find_domain
from nephoscope.posture.reports.standards import build_standards
from nephoscope_policy.model.resource_id import ResourceId
from nephoscope_policy.model.state import ComplianceState

if TYPE_CHECKING:
    from nephoscope.posture.history.evaluation_diff import RememberedState
    from nephoscope.posture.recommendations.finding_subject import Subject
    from nephoscope.posture.reports.compliance import ComplianceRequirement, ControlCompliance, Standard
    from nephoscope.posture.reports.report import Report
    from nephoscope_policy.model.assessment import Assessment

TYPE = "Microsoft.Security/regulatoryComplianceStandards"
CONTROLS = f"{TYPE}/regulatoryComplianceControls"
ASSESSMENTS = f"{CONTROLS}/regulatoryComplianceAssessments"
#: Azure's words; what is unknown is Skipped there, and never passed.
STATES = {
    StandardState.FAILED: "Failed",
    StandardState.UNKNOWN: "Skipped",
    StandardState.PASSED: "Passed",
    StandardState.NOT_APPLICABLE: "Skipped",
    StandardState.UNAVAILABLE: "Unsupported",
}
_ODD = re.compile(r"[^A-Za-z0-9._-]+")


def build_documents(report: Report, past: Mapping[Subject, RememberedState]) -> Iterator[PublishedDocument]:  # noqa: ARG001 - a kind's signature
    """The standards of every subscription of which something was judged."""
    by_subscription: defaultdict[str, list[Assessment]] = defaultdict(list)
    for item in report.run.assessments:
        if item.initiative and (subscription := ResourceId.parse(item.resource).subscription):
            by_subscription[subscription].append(item)
    for subscription in sorted(by_subscription):
        yield from _build_subscription_documents(report, subscription, by_subscription[subscription])


def _build_subscription_documents(
    report: Report, subscription: str, judged: Sequence[Assessment]
) -> Iterator[PublishedDocument]:
    for standard in build_standards(report.run, judged):
        id_ = f"/subscriptions/{subscription}/providers/{TYPE}/{to_id_segment(standard.name or standard.id)}"
        yield _build_standard(id_, standard)
        for control in standard.controls:
            below = f"{id_}/regulatoryComplianceControls/{to_id_segment(control.name)}"
            yield _build_control(below, control)
            for requirement in control.requirements:
                yield _build_assessment(
                    report, f"{below}/regulatoryComplianceAssessments/{requirement.key}", requirement
                )


def to_id_segment(text: str) -> str:
    """A display name as the last part of an id."""
    return _ODD.sub("-", text).strip("-") or "standard"


def _build_standard(id_: str, standard: Standard) -> PublishedDocument:
    counts = standard.outcomes
    properties = {
        "displayName": standard.name,
        "state": _choose_worst_state(counts),
        "passedControls": counts[StandardState.PASSED],
        "failedControls": counts[StandardState.FAILED],
        "skippedControls": counts[StandardState.UNKNOWN] + counts[StandardState.NOT_APPLICABLE],
        "unsupportedControls": counts[StandardState.UNAVAILABLE],
    }
    return PublishedDocument.of(build_arm_body(id_, TYPE, properties), title=standard.name)


def _choose_worst_state(counts: Counter[StandardState]) -> str:
    order = (StandardState.FAILED, StandardState.UNKNOWN, StandardState.PASSED, StandardState.NOT_APPLICABLE)
    return STATES[next((one for one in order if counts[one]), StandardState.UNAVAILABLE)]


def _build_control(id_: str, control: ControlCompliance) -> PublishedDocument:
    outcomes = Counter(one.outcome for one in control.requirements)
    properties = {
        "description": control.title or control.name,
        "state": STATES[control.outcome],
        "passedAssessments": outcomes[StandardState.PASSED],
        "failedAssessments": outcomes[StandardState.FAILED],
        "skippedAssessments": sum(outcomes.values())
        - outcomes[StandardState.PASSED]
        - outcomes[StandardState.FAILED],
    }
    if domain := find_domain(control.name, control.category):
        properties["domain"] = domain  # Azure has no such property; its portal groups controls by it
    return PublishedDocument.of(
        build_arm_body(id_, CONTROLS, properties), title=control.title or control.name
    )


def _build_assessment(report: Report, id_: str, requirement: ComplianceRequirement) -> PublishedDocument:
    known = report.metadata(requirement.key)
    counts = requirement.counts
    passed = counts[ComplianceState.COMPLIANT] + counts[ComplianceState.EXEMPT]
    properties = {
        "description": known.name,
        "assessmentType": "Assessment",
        "assessmentDetailsLink": f"/providers/Microsoft.Security/assessmentMetadata/{requirement.key}",
        "state": STATES[requirement.outcome],
        "passedResources": passed,
        "failedResources": counts[ComplianceState.NON_COMPLIANT],
        "skippedResources": sum(counts.values()) - passed - counts[ComplianceState.NON_COMPLIANT],
        "unsupportedResources": 0,
    }
    return PublishedDocument.of(
        build_arm_body(id_, ASSESSMENTS, properties),
        key=requirement.key.lower(),
        severity=known.severity.value,
        title=known.name,
    )
