"""Attestations: what a person states about a resource under a manual policy.

Source: https://learn.microsoft.com/azure/governance/policy/concepts/attestation-structure
"""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec

from nephoscope_policy.assignment import get_containing_scope, normalize_scope
from nephoscope_policy.model.state import ComplianceState
from nephoscope_policy.partial_record import ControlRecordReader

TYPE_NAME = "microsoft.policyinsights/attestations"
_STATES = {
    "Compliant": ComplianceState.COMPLIANT,
    "NonCompliant": ComplianceState.NON_COMPLIANT,
    "Unknown": ComplianceState.UNKNOWN,
}
ASSIGNMENT = "policyAssignmentId"
REFERENCE = "policyDefinitionReferenceId"
_NEVER = datetime.min.replace(tzinfo=UTC)


class PolicyAttestation(msgspec.Struct, frozen=True):
    """One attestation; `scope` is the lower-cased id of the very resource it speaks of, `reference` '' means every member.

    `since` is when the state was last changed, or else when the evidence was assessed. `gaps` are the fields that were not read, each
    with what is missing: one with some states nothing for certain.
    """

    id: str
    scope: str
    assignment: str
    state: ComplianceState
    reference: str = ""
    expires_on: datetime | None = None
    since: datetime = _NEVER
    comments: str = ""
    gaps: tuple[tuple[str, str], ...] = ()

    @classmethod
    def parse(cls, document: object, *, partial: bool = False) -> PolicyAttestation:
        """Read an ARM body of Microsoft.PolicyInsights/attestations; PolicyError with the JSON path when it is not usable.

        Where the body may be `partial`, what cannot be read of its properties is a gap and no error.
        """
        reader = ControlRecordReader(document, partial=partial)
        body, properties = reader.body, reader.properties
        id_ = normalize_scope(body.require_text("id"))
        changed = [
            reader.read_field(name, lambda name=name: properties.get_instant(name), None)  # type: ignore[misc]
            for name in ("lastComplianceStateChangeAt", "assessmentDate")
        ]
        return cls(
            id=id_,
            scope=get_containing_scope(id_, TYPE_NAME, body.build_path("id")),
            assignment=normalize_scope(reader.read_required_field(ASSIGNMENT)),
            state=reader.read_field(
                "complianceState",
                lambda: _STATES[properties.get_choice("complianceState", tuple(_STATES), "Unknown")],
                ComplianceState.UNKNOWN,
            ),
            reference=reader.read_field(REFERENCE, lambda: properties.get_text(REFERENCE).lower(), ""),
            expires_on=reader.read_field("expiresOn", lambda: properties.get_instant("expiresOn"), None),
            since=changed[0] or changed[1] or _NEVER,
            comments=reader.read_label("comments"),
            gaps=reader.gaps,
        )

    def may_cover(self, assignment: str, reference: str) -> bool:
        """Return whether it speaks of this member of this assignment, or does for some value of what was not read."""
        unread = {name for name, _ in self.gaps}
        return (ASSIGNMENT in unread or self.assignment == assignment) and self.reference in ("", reference)

    def active(self, now: datetime) -> bool:
        """Return whether it has not expired: from the second of `expiresOn` on the policy's default state is back."""
        return self.expires_on is None or now < self.expires_on

    @property
    def precedence(self) -> tuple[bool, datetime, str]:
        """Return the precedence, of which the highest wins: for the member before the whole assignment, then the latest."""
        return (bool(self.reference), self.since, self.id)
