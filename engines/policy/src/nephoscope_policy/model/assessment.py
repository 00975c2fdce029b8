"""The state of a resource against a recommendation, with the conditions that decided it."""

from __future__ import annotations

from typing import Any

import msgspec

from nephoscope_policy.model.state import ComplianceState


class Reason(msgspec.Struct, frozen=True):
    """A leaf condition that decided a verdict.

    `path` is the JSON path of the condition inside the definition (`policyRule.if.allOf[1]`), `subject` what it read
    (an alias, a field, a value expression), `operator` its keyword, `expected` and `actual` JSON values, `resource` the
    id that was read where that is not the evaluated resource ('' otherwise), `message` a sentence for a person. `at` is where the
    body has what was read, or would have it: keys in any case and 0-based indexes, () where it is no field. `inside` are the
    places below `at` for which a count took the member there. `members` are names of the members that a count took, the first ones.
    """

    path: str
    subject: str
    operator: str
    expected: object
    actual: object
    resource: str = ""
    message: str = ""
    at: tuple[str | int, ...] = ()
    inside: tuple[tuple[str | int, ...], ...] = ()
    members: tuple[str, ...] = ()


class SubAssessment(msgspec.Struct, frozen=True):
    """One finding inside an assessment, such as one open rule or one CVE.

    `id` tells it from others of the assessment; `reported` are texts that its source told of it, by Azure's names of them: the id of
    the vulnerability, category, description, impact, remediation. `status` is its own code with its `cause`, '' where it stands as its
    assessment does.
    """

    id: str
    title: str
    severity: str
    details: dict[str, Any]
    reported: dict[str, str] = {}
    status: str = ""
    cause: str = ""


class Assessment(msgspec.Struct, frozen=True):
    """Result of one evaluation of one resource against one recommendation.

    `resource` is the id as its source spelled it. `key` names the recommendation: a policy definition's name (its GUID)
    or an assessment key of Defender for Cloud. `cause` is the short machine word behind Unknown, Error, NotApplicable and
    Exempt, `description` the same for a person.
    """

    resource: str
    key: str
    state: ComplianceState
    effect: str = ""
    cause: str = ""
    description: str = ""
    reasons: tuple[Reason, ...] = ()
    sub_assessments: tuple[SubAssessment, ...] = ()
    assignment: str = ""
    initiative: str = ""
    reference: str = ""


def get_failure_title(name: str) -> str:
    """Return what a failure of a recommendation is called: its name where that says what should be done.

    A name that says how things are ("Disks are encrypted") would read as if they were, and leads with `Not met: `.
    """
    return name if " should " in name else f"Not met: {name}"
