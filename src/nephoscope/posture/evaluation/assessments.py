"""The assessments of a run, made from its verdicts when they are asked for; exemptions and attestations are laid over here."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from itertools import accumulate
from typing import overload

from nephoscope.posture.evaluation.check_layout import EvaluationBlock, Layout, Roster
from nephoscope.posture.evaluation.evaluator import Verdicts
from nephoscope.posture.evaluation.outcome import NONE, EvaluationOutcome
from nephoscope.posture.evaluation.program import PolicyCheck, PolicyRequirement, Program
from nephoscope.posture.policies.attestation import PolicyAttestation
from nephoscope.posture.policies.evaluation_plan import EvaluationPlan
from nephoscope_policy.data_gap import NOT_COLLECTED
from nephoscope_policy.exemption import Exemption
from nephoscope_policy.model.assessment import Assessment
from nephoscope_policy.model.resource import Resource
from nephoscope_policy.model.state import ComplianceState


class Decisions:
    """Decisions of people about the requirements of a program, in force at a time."""

    def __init__(self, plan: EvaluationPlan, program: Program, now: datetime) -> None:
        self._groups = program.management_groups
        scopes = {assignment.id: assignment.scope for assignment in plan.assignments}
        self.misplaced = tuple(
            exemption
            for exemption in plan.exemptions
            if exemption.assignment in scopes
            and exemption.is_misplaced(scopes[exemption.assignment], self._groups)
        )
        refused = {exemption.id for exemption in self.misplaced}
        held = [one for one in plan.exemptions if one.is_active(now) and one.id not in refused]
        self._partial = [one for one in held if one.gaps]
        self.orphaned = tuple(
            exemption
            for exemption in plan.exemptions
            if exemption.assignment
            and exemption.assignment not in scopes
            and not exemption.recommendations
            and not exemption.gaps
        )
        self._by_assignment: dict[str, list[Exemption]] = {}
        self._by_recommendation: dict[str, list[Exemption]] = {}
        for exemption in held:
            if not exemption.gaps:
                self._by_assignment.setdefault(exemption.assignment, []).append(exemption)
                for key in exemption.recommendations:
                    self._by_recommendation.setdefault(key, []).append(exemption)
        self._attestations: dict[tuple[str, str], list[PolicyAttestation]] = {}
        self._partial_attestations = [one for one in plan.attestations if one.active(now) and one.gaps]
        for attestation in plan.attestations:
            if attestation.active(now) and not attestation.gaps:
                self._attestations.setdefault((attestation.assignment, attestation.reference), []).append(
                    attestation
                )

    def list_exemptions(self, requirement: PolicyRequirement) -> dict[str, list[Exemption]]:
        """The exemptions that speak of a requirement, or may where they were partly read, by their scope."""
        if not self._by_assignment and not self._by_recommendation and not self._partial:
            return {}
        assignment, reference = requirement.assignment.id, requirement.reference.lower()
        found: dict[str, list[Exemption]] = {}
        near = (*self._by_assignment.get(assignment, ()), *self._by_recommendation.get(requirement.key, ()))
        for exemption in near:
            if exemption.names_member(assignment, reference, requirement.key):
                found.setdefault(exemption.scope, []).append(exemption)
        for exemption in self._partial:
            if exemption.may_name_member(assignment, reference, requirement.key):
                found.setdefault(exemption.scope, []).append(exemption)
        return found

    def map_attestations(self, requirement: PolicyRequirement) -> dict[str, PolicyAttestation]:
        """The attestation that counts for a requirement, or may where it was partly read, by resource id."""
        if not self._attestations and not self._partial_attestations:
            return {}
        assignment, reference = requirement.assignment.id, requirement.reference.lower()
        found = [
            *self._attestations.get((assignment, ""), ()),
            *self._attestations.get((assignment, reference), ()),
        ]
        counting = {
            attestation.scope: attestation for attestation in sorted(found, key=lambda one: one.precedence)
        }
        partial = [one for one in self._partial_attestations if one.may_cover(assignment, reference)]
        return {**counting, **{one.scope: one for one in partial}}

    def find_exemption(
        self, resource: Resource, reference: str, exemptions: Mapping[str, list[Exemption]]
    ) -> Exemption | None:
        """The exemption that covers a resource, of several a Mitigated one before a Waiver; else one that was partly read."""
        ancestors = self._groups.get(resource.id.subscription_id, ())
        found = [
            exemption
            for scope in (*_list_scopes(resource.key), *ancestors, "")
            for exemption in exemptions.get(scope, ())
            if exemption.covers(resource, ancestors, reference)
        ]
        return min(found, key=lambda one: (bool(one.gaps), one.category, one.id), default=None)


def _list_scopes(key: str) -> Iterator[str]:
    """An id and every id that begins it, up to the first segment."""
    while key:
        yield key
        key = key.rpartition("/")[0]


class Assessments(Sequence[Assessment]):
    """One assessment for every (resource, assignment, member), in the order of assignments, members, types and ids."""

    def __init__(
        self, program: Program, roster: Roster, layout: Layout, verdicts: Verdicts, decisions: Decisions
    ) -> None:
        self._program = program
        self._roster = roster
        self._layout = layout
        self._verdicts = verdicts
        self._decisions = decisions
        sizes = [len(block.positions) for block in layout.blocks]
        self._ends = list(accumulate(sizes)) or [0]
        self._unplaced = [
            _make_unplaced_assessment(program.requirements[index], program.checks[check])
            for index, check in layout.unplaced
        ]

    def __len__(self) -> int:
        return self._ends[-1] + len(self._unplaced)

    def __iter__(self) -> Iterator[Assessment]:
        for block in self._layout.blocks:
            yield from self.list_assessments_of_block(block, block.positions)
        yield from self._unplaced

    def with_resources(self) -> Iterator[tuple[Assessment, Resource | None]]:
        """The assessments, each with the resource that was judged; None for one that ends once for a scope."""
        for block in self._layout.blocks:
            resources = self._roster.types[block.type]
            requirement = self._program.requirements[block.requirement]
            for at, outcome in self.outcomes(block, block.positions):
                yield _build_assessment(resources[at], requirement, outcome), resources[at]
        yield from ((one, None) for one in self._unplaced)

    def list_applicable(self) -> Iterator[Assessment]:
        """The assessments of resources, without those that end NotApplicable."""
        for block in self._layout.blocks:
            resources = self._roster.types[block.type]
            requirement = self._program.requirements[block.requirement]
            for at, outcome in self.outcomes(block, block.positions):
                if outcome.state is not ComplianceState.NOT_APPLICABLE:
                    yield _build_assessment(resources[at], requirement, outcome)

    @overload
    def __getitem__(self, index: int) -> Assessment: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Assessment]: ...
    def __getitem__(self, index: int | slice) -> Assessment | Sequence[Assessment]:
        if isinstance(index, slice):
            return [self[at] for at in range(*index.indices(len(self)))]
        at = index + len(self) if index < 0 else index
        if not 0 <= at < len(self):
            raise IndexError(index)
        if at >= self._ends[-1]:
            return self._unplaced[at - self._ends[-1]]
        number = bisect_right(self._ends, at)
        block = self._layout.blocks[number]
        inside = at - (self._ends[number - 1] if number else 0)
        return next(self.list_assessments_of_block(block, [block.positions[inside]]))

    def list_assessments_of_block(
        self, block: EvaluationBlock, positions: Sequence[int]
    ) -> Iterator[Assessment]:
        """The assessments of some positions of a block."""
        requirement = self._program.requirements[block.requirement]
        resources = self._roster.types[block.type]
        for at, outcome in self.outcomes(block, positions):
            yield _build_assessment(resources[at], requirement, outcome)

    def outcomes(
        self, block: EvaluationBlock, positions: Sequence[int]
    ) -> Iterator[tuple[int, EvaluationOutcome]]:
        """Yield how some positions of a block ended, exemptions and attestations laid over."""
        requirement = self._program.requirements[block.requirement]
        rows = self._verdicts.outcomes.rows
        numbers = self._verdicts.columns[self._program.checks[block.check].key, block.type]
        exemptions = self._decisions.list_exemptions(requirement)
        attestations = self._decisions.map_attestations(requirement)
        if not exemptions and not attestations:
            yield from ((at, rows[numbers[at]]) for at in positions)
            return
        for at in positions:
            resource = self._roster.types[block.type][at]
            outcome = _apply_attestation(rows[numbers[at]], attestations.get(resource.key))
            if outcome.state is not ComplianceState.NOT_APPLICABLE:
                exemption = self._decisions.find_exemption(resource, requirement.reference, exemptions)
                outcome = outcome if exemption is None else _exempt_outcome(outcome, exemption)
            yield at, outcome

    def assessments_of_resource(self, key: str) -> Iterator[Assessment]:
        """The assessments of the resource with a lower-cased id."""
        place = self._roster.place(key)
        for block in self._layout.blocks if place is not None else ():
            if place is not None and block.type == place[0] and place[1] in block.positions:
                yield from self.list_assessments_of_block(block, [place[1]])

    def counts(self) -> Counter[tuple[str, ComplianceState, str]]:
        """Count how many assessments ended how: (recommendation key, state, cause), without making them."""
        total: Counter[tuple[str, ComplianceState, str]] = Counter()
        for block in self._layout.blocks:
            key = self._program.requirements[block.requirement].key
            for outcome, count in self._tally_outcomes(block).items():
                total[key, outcome.state, outcome.cause] += count
        total.update((one.key, one.state, one.cause) for one in self._unplaced)
        return total

    def _tally_outcomes(self, block: EvaluationBlock) -> Mapping[EvaluationOutcome, int]:
        requirement = self._program.requirements[block.requirement]
        if self._decisions.list_exemptions(requirement) or self._decisions.map_attestations(requirement):
            return Counter(outcome for _, outcome in self.outcomes(block, block.positions))
        numbers = self._verdicts.columns[self._program.checks[block.check].key, block.type]
        whole = isinstance(block.positions, range) and len(block.positions) == len(numbers)
        counted = Counter(numbers if whole else [numbers[at] for at in block.positions])
        return {
            self._verdicts.outcomes.rows[number]: count for number, count in counted.items() if number != NONE
        }


def _build_assessment(
    resource: Resource, requirement: PolicyRequirement, outcome: EvaluationOutcome
) -> Assessment:
    return Assessment(
        resource=str(resource.body.get("id") or resource.key),
        key=requirement.key,
        state=outcome.state,
        effect=outcome.effect,
        cause=outcome.cause,
        description=outcome.description,
        assignment=requirement.assignment.id,
        initiative=requirement.initiative,
        reference=requirement.reference,
    )


def _make_unplaced_assessment(requirement: PolicyRequirement, check: PolicyCheck) -> Assessment:
    """A requirement without a loaded definition (or with a static one) ends once for its whole scope."""
    fault = check.fault
    return Assessment(
        resource=requirement.assignment.scope or "/",
        key=requirement.key,
        state=fault.state if fault else ComplianceState.UNKNOWN,
        cause=fault.cause if fault else "not-held",
        description=fault.description
        if fault
        else f"no loaded content holds the definition {requirement.definition!r}",
        assignment=requirement.assignment.id,
        initiative=requirement.initiative,
        reference=requirement.reference,
    )


def _apply_attestation(
    outcome: EvaluationOutcome, attestation: PolicyAttestation | None
) -> EvaluationOutcome:
    """The attested state in place of a manual policy's default."""
    if (
        attestation is None
        or outcome.effect.lower() != "manual"
        or outcome.state is ComplianceState.NOT_APPLICABLE
    ):
        return outcome
    if attestation.gaps:
        return _make_undecided_outcome(outcome, attestation.gaps)
    until = f" until {attestation.expires_on.isoformat()}" if attestation.expires_on else ""
    text = f"attested as {attestation.state.value}{until}" + (
        f": {attestation.comments}" if attestation.comments else ""
    )
    return EvaluationOutcome(attestation.state, outcome.effect, "attested", text)


def _exempt_outcome(outcome: EvaluationOutcome, exemption: Exemption) -> EvaluationOutcome:
    if exemption.gaps:
        return _make_undecided_outcome(outcome, exemption.gaps)
    until = f" until {exemption.expires_on.isoformat()}" if exemption.expires_on else ""
    name = exemption.display_name or exemption.id
    return EvaluationOutcome(
        ComplianceState.EXEMPT,
        outcome.effect,
        exemption.category,
        f"exempt ({exemption.category}) by {name}{until}",
    )


def _make_undecided_outcome(outcome: EvaluationOutcome, gaps: Sequence[tuple[str, str]]) -> EvaluationOutcome:
    """Unknown, because a record that may change the outcome was not read in full."""
    if outcome.state is ComplianceState.UNKNOWN:
        return outcome
    return EvaluationOutcome(ComplianceState.UNKNOWN, outcome.effect, NOT_COLLECTED, gaps[0][1])
