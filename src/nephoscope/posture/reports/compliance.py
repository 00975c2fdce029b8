"""Regulatory compliance: the controls of an initiative, from the verdicts on its policies.

Source: https://learn.microsoft.com/azure/defender-for-cloud/concept-regulatory-compliance-standards
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from enum import StrEnum

import msgspec

from nephoscope_policy.initiative import DefinitionGroup
from nephoscope_policy.model.assessment import Assessment
from nephoscope_policy.model.state import ComplianceState


class AssessmentMethod(StrEnum):
    """Method by which a policy is assessed: by evaluation, by a person's attestation, or by nobody (a document)."""

    AUTOMATIC = "automatic"
    MANUAL = "manual"
    DOCUMENT = "document"
    DISABLED = "disabled"


class StandardState(StrEnum):
    """State of a policy or a control in a standard."""

    FAILED = "failed"
    UNKNOWN = "unknown"
    PASSED = "passed"
    NOT_APPLICABLE = "notApplicable"
    UNAVAILABLE = "unavailable"


class Responsibility(StrEnum):
    """Responsibility for a policy; every policy of a standard is in exactly one share."""

    AUTOMATIC = "automatic"
    MANUAL = "manual"
    UNKNOWN = "unknown"
    UNAVAILABLE = "unavailable"


class ComplianceRequirement(msgspec.Struct, frozen=True):
    """One policy of a standard: the reference in the initiative, its definition key, how it is judged and what its resources are.

    `covered` says whether the types it asks about were read: without a verdict and without coverage it is unknown, not passed.
    """

    reference: str
    key: str
    kind: AssessmentMethod
    counts: Counter[ComplianceState]
    covered: bool = True

    @property
    def outcome(self) -> StandardState:
        """Failed where a resource fails, passed only where nothing failed and nothing was left unknown."""
        if self.kind in (AssessmentMethod.DOCUMENT, AssessmentMethod.DISABLED):
            return StandardState.UNAVAILABLE
        if self.counts[ComplianceState.NON_COMPLIANT]:
            return StandardState.FAILED
        if self.counts[ComplianceState.UNKNOWN] or self.counts[ComplianceState.ERROR]:
            return StandardState.UNKNOWN
        if self.counts[ComplianceState.COMPLIANT] or self.counts[ComplianceState.EXEMPT]:
            return StandardState.PASSED
        return (
            StandardState.NOT_APPLICABLE
            if self.covered and self.kind is AssessmentMethod.AUTOMATIC
            else StandardState.UNKNOWN
        )

    @property
    def share(self) -> Responsibility:
        """The share it counts in."""
        if self.kind is AssessmentMethod.MANUAL:
            return Responsibility.MANUAL
        if self.outcome is StandardState.UNAVAILABLE:
            return Responsibility.UNAVAILABLE
        return Responsibility.UNKNOWN if self.outcome is StandardState.UNKNOWN else Responsibility.AUTOMATIC


_WORST = (
    StandardState.FAILED,
    StandardState.UNKNOWN,
    StandardState.PASSED,
    StandardState.NOT_APPLICABLE,
    StandardState.UNAVAILABLE,
)


class ControlCompliance(msgspec.Struct, frozen=True):
    """One control (a policy definition group) of a standard; `category` is the domain that the initiative names ('' = none)."""

    name: str
    title: str
    requirements: tuple[ComplianceRequirement, ...]
    category: str = ""

    @property
    def outcome(self) -> StandardState:
        """The worst of its policies; unavailable where none of them can be evaluated."""
        return min(
            (item.outcome for item in self.requirements), key=_WORST.index, default=StandardState.UNAVAILABLE
        )


class Standard(msgspec.Struct, frozen=True):
    """A standard: an initiative read as controls; `ungrouped` are policies that no group names."""

    id: str
    name: str
    controls: tuple[ControlCompliance, ...]
    requirements: tuple[ComplianceRequirement, ...]

    @property
    def outcomes(self) -> Counter[StandardState]:
        """Count how many controls ended in each outcome."""
        return Counter(control.outcome for control in self.controls)

    @property
    def shares(self) -> Counter[Responsibility]:
        """Count how many policies are in each share; they add up to the policies of the standard."""
        return Counter(item.share for item in self.requirements)

    @property
    def percentage(self) -> float | None:
        """Passed controls over passed and failed ones, 0 to 1 with 4 decimals; None where neither exists."""
        judged = self.outcomes[StandardState.PASSED] + self.outcomes[StandardState.FAILED]
        return round(self.outcomes[StandardState.PASSED] / judged, 4) if judged else None


class ComplianceMember(msgspec.Struct, frozen=True):
    """Policy in an initiative with the facts that `comply` needs."""

    reference: str
    key: str
    groups: tuple[str, ...]


def build_standard(
    id_: str,
    name: str,
    groups: Sequence[DefinitionGroup],
    members: Sequence[ComplianceMember],
    assessments: Iterable[Assessment],
    kind_of: Callable[[ComplianceMember], AssessmentMethod],
    covered: Callable[[ComplianceMember], bool],
) -> Standard:
    """Read a standard out of the assessments of its initiative; its groups in their order."""
    counts: dict[str, Counter[ComplianceState]] = {
        member.reference.casefold(): Counter() for member in members
    }
    for item in assessments:
        tally = counts.get(item.reference.casefold())
        if tally is not None:
            tally[item.state] += 1
    requirements = {
        member.reference: ComplianceRequirement(
            member.reference,
            member.key,
            kind_of(member),
            counts[member.reference.casefold()],
            covered(member),
        )
        for member in members
    }
    return Standard(id_, name, _list_controls(groups, members, requirements), tuple(requirements.values()))


def _list_controls(
    groups: Sequence[DefinitionGroup],
    members: Sequence[ComplianceMember],
    requirements: Mapping[str, ComplianceRequirement],
) -> tuple[ControlCompliance, ...]:
    grouped: dict[str, list[ComplianceRequirement]] = {group.name.casefold(): [] for group in groups}
    for member in members:
        for name in member.groups:
            grouped.setdefault(name.casefold(), []).append(requirements[member.reference])
    known = {group.name.casefold(): group for group in groups}
    return tuple(
        _build_control(known.get(key) or DefinitionGroup(key), items) for key, items in grouped.items()
    )


def _build_control(
    group: DefinitionGroup, requirements: Sequence[ComplianceRequirement]
) -> ControlCompliance:
    title = group.display_name or group.description
    return ControlCompliance(group.name, title, tuple(requirements), group.category)
