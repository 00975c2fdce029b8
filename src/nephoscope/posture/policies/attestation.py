"""Attestations: what a person states about a resource under a manual policy.

Source: https://learn.microsoft.com/azure/governance/policy/concepts/attestation-structure
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from nephoscope_policy.arm_object import ArmObject
from nephoscope_policy.assignment import scope_id, scope_of
from nephoscope_policy.model.state import ComplianceState

TYPE_NAME = "microsoft.policyinsights/attestations"
_STATES = {
    "Compliant": ComplianceState.COMPLIANT,
    "NonCompliant": ComplianceState.NON_COMPLIANT,
    "Unknown": ComplianceState.UNKNOWN,
}
_NEVER = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class PolicyAttestation:
    """One attestation; `scope` is the lower-cased id of the very resource it speaks of, `reference` '' means every member.

    `since` is when the state was last changed, or else when the evidence was assessed.
    """

    id: str
    scope: str
    assignment: str
    state: ComplianceState
    reference: str = ""
    expires_on: datetime | None = None
    since: datetime = _NEVER
    comments: str = ""

    @classmethod
    def parse(cls, document: object) -> PolicyAttestation:
        """Read an ARM body of Microsoft.PolicyInsights/attestations; PolicyError with the JSON path when it is not usable."""
        body = ArmObject(document)
        properties = body.child("properties")
        id_ = scope_id(body.required("id"))
        changed = properties.instant("lastComplianceStateChangeAt") or properties.instant("assessmentDate")
        return cls(
            id=id_,
            scope=scope_of(id_, TYPE_NAME, body.at("id")),
            assignment=scope_id(properties.required("policyAssignmentId")),
            state=_STATES[properties.choice("complianceState", tuple(_STATES), "Unknown")],
            reference=properties.text("policyDefinitionReferenceId").lower(),
            expires_on=properties.instant("expiresOn"),
            since=changed or _NEVER,
            comments=properties.text("comments"),
        )

    def active(self, now: datetime) -> bool:
        """Return whether it has not expired: from the second of `expiresOn` on the policy's default state is back."""
        return self.expires_on is None or now < self.expires_on

    @property
    def precedence(self) -> tuple[bool, datetime, str]:
        """Of several for one resource the highest counts: one for the member before one for the whole assignment, then the latest."""
        return (bool(self.reference), self.since, self.id)
