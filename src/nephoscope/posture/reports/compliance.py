"""Regulatory compliance: the controls of an initiative, from the verdicts on its policies.

Source: https://learn.microsoft.com/azure/defender-for-cloud/concept-regulatory-compliance-standards
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from nephoscope_policy.model.assessment import Assessment
from nephoscope_policy.model.state import State


class Kind(StrEnum):
    """How a policy is judged: by evaluation, by a person's attestation, or by nobody (a document)."""

    AUTOMATIC = "automatic"
    MANUAL = "manual"
    DOCUMENT = "document"
    DISABLED = "disabled"


class Outcome(StrEnum):
    """How a policy or a control of a standard stands."""

    FAILED = "failed"
    UNKNOWN = "unknown"
    PASSED = "passed"
    NOT_APPLICABLE = "notApplicable"
    UNAVAILABLE = "unavailable"


class Share(StrEnum):
    """Who answers for a policy; every policy of a standard is in exactly one share."""

    AUTOMATIC = "automatic"
    MANUAL = "manual"
    UNKNOWN = "unknown"
    UNAVAILABLE = "unavailable"


@dataclass(frozen=True, slots=True)
class Requirement:
    """One policy of a standard: the reference in the initiative, its definition key, how it is judged and what its resources are.

    `covered` says whether the types it asks about were read: without a verdict and without coverage it is unknown, not passed.
    """

    reference: str
    key: str
    kind: Kind
    counts: Counter[State]
    covered: bool = True

    @property
    def outcome(self) -> Outcome:
        """Failed where a resource fails, passed only where nothing failed and nothing was left unknown."""
        if self.kind in (Kind.DOCUMENT, Kind.DISABLED):
            return Outcome.UNAVAILABLE
        if self.counts[State.NON_COMPLIANT]:
            return Outcome.FAILED
        if self.counts[State.UNKNOWN] or self.counts[State.ERROR]:
            return Outcome.UNKNOWN
        if self.counts[State.COMPLIANT] or self.counts[State.EXEMPT]:
            return Outcome.PASSED
        return Outcome.NOT_APPLICABLE if self.covered and self.kind is Kind.AUTOMATIC else Outcome.UNKNOWN

    @property
    def share(self) -> Share:
        """The share it counts in."""
        if self.kind is Kind.MANUAL:
            return Share.MANUAL
        if self.outcome is Outcome.UNAVAILABLE:
            return Share.UNAVAILABLE
        return Share.UNKNOWN if self.outcome is Outcome.UNKNOWN else Share.AUTOMATIC


_WORST = (Outcome.FAILED, Outcome.UNKNOWN, Outcome.PASSED, Outcome.NOT_APPLICABLE, Outcome.UNAVAILABLE)


@dataclass(frozen=True, slots=True)
class ControlCompliance:
    """One control (a policy definition group) of a standard."""

    name: str
    title: str
    requirements: tuple[Requirement, ...]

    @property
    def outcome(self) -> Outcome:
        """The worst of its policies; unavailable where none of them can be evaluated."""
        return min(
            (item.outcome for item in self.requirements), key=_WORST.index, default=Outcome.UNAVAILABLE
        )


@dataclass(frozen=True, slots=True)
class Standard:
    """A standard: an initiative read as controls; `ungrouped` are policies that no group names."""

    id: str
    name: str
    controls: tuple[ControlCompliance, ...]
    requirements: tuple[Requirement, ...]

    @property
    def outcomes(self) -> Counter[Outcome]:
        """Count how many controls ended in each outcome."""
        return Counter(control.outcome for control in self.controls)

    @property
    def shares(self) -> Counter[Share]:
        """Count how many policies are in each share; they add up to the policies of the standard."""
        return Counter(item.share for item in self.requirements)

    @property
    def percentage(self) -> float | None:
        """Passed controls over passed and failed ones, 0 to 1 with 4 decimals; None where neither exists."""
        judged = self.outcomes[Outcome.PASSED] + self.outcomes[Outcome.FAILED]
        return round(self.outcomes[Outcome.PASSED] / judged, 4) if judged else None


@dataclass(frozen=True, slots=True)
class Member:
    """What `comply` needs to know of a policy in an initiative."""

    reference: str
    key: str
    groups: tuple[str, ...]


def comply(
    id_: str,
    name: str,
    groups: Sequence[tuple[str, str]],
    members: Sequence[Member],
    assessments: Iterable[Assessment],
    kind_of: Callable[[Member], Kind],
    covered: Callable[[Member], bool],
) -> Standard:
    """Read a standard out of the assessments of its initiative; `groups` are (name, title) in the initiative's order."""
    counts: dict[str, Counter[State]] = {member.reference.casefold(): Counter() for member in members}
    for item in assessments:
        tally = counts.get(item.reference.casefold())
        if tally is not None:
            tally[item.state] += 1
    requirements = {
        member.reference: Requirement(
            member.reference,
            member.key,
            kind_of(member),
            counts[member.reference.casefold()],
            covered(member),
        )
        for member in members
    }
    return Standard(id_, name, _controls(groups, members, requirements), tuple(requirements.values()))


def _controls(
    groups: Sequence[tuple[str, str]], members: Sequence[Member], requirements: Mapping[str, Requirement]
) -> tuple[ControlCompliance, ...]:
    grouped: dict[str, list[Requirement]] = {name.casefold(): [] for name, _ in groups}
    for member in members:
        for group in member.groups:
            grouped.setdefault(group.casefold(), []).append(requirements[member.reference])
    titles = {name.casefold(): (name, title) for name, title in groups}
    return tuple(
        ControlCompliance(*titles.get(key, (key, "")), requirements=tuple(items))
        for key, items in grouped.items()
    )
