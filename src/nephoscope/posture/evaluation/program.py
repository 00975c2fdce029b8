"""A plan made ready to run: requirements (an assignment's members) over checks (each evaluated once per resource)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import msgspec

from nephoscope.posture.recommendations.recommendation_sources import Recommendations
from nephoscope_policy.assignment import EFFECT, VERSION, Assignment, Override, is_management_group
from nephoscope_policy.catalog import NotHeldError
from nephoscope_policy.catalog_entry import CatalogEntry, ContentProblem, digest
from nephoscope_policy.data_gap import NOT_COLLECTED, describe_gap
from nephoscope_policy.errors import PolicyError
from nephoscope_policy.model.source_location import Place
from nephoscope_policy.model.state import ComplianceState
from nephoscope_policy.resource_view import NotCollected
from nephoscope_policy.selector import REFERENCE
from nephoscope_policy.version import Pin

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from nephoscope.posture.policies.evaluation_plan import EvaluationPlan
    from nephoscope_policy.catalog import PolicyCatalog
    from nephoscope_policy.initiative import Initiative, InitiativeMember
    from nephoscope_policy.model.resource import Resource


class CheckFault(msgspec.Struct, frozen=True):
    """Fault for which a check cannot be evaluated; every resource that it would judge ends in `state` with this cause."""

    state: ComplianceState
    cause: str
    description: str

    @classmethod
    def from_gap(cls, what: str) -> CheckFault:
        """Unknown, because the record that decides was not read in full."""
        return cls(ComplianceState.UNKNOWN, NOT_COLLECTED, what)


#: What a definition of policyType Static ends in: an auditor of Microsoft's own platform answers for it, not the estate.
STATIC = CheckFault(
    ComplianceState.NOT_APPLICABLE,
    "microsoft-managed",
    "Microsoft answers for this control; nothing in the estate is judged",
)


class PolicyCheck(msgspec.Struct, frozen=True):
    """One definition with its parameter values and effect; assignments and initiatives that agree on these share it.

    `effect` is the overriding one ('' = the definition's own). `bound_to` is the assignment and member that the rule asks policy()
    about ('' where it does not ask). `entry` is None where no version of the definition is loaded.
    """

    key: str
    entry: CatalogEntry | None
    parameters: Mapping[str, Any] = msgspec.field(default_factory=dict)
    effect: str = ""
    bound_to: Mapping[str, str] | None = None
    fault: CheckFault | None = None

    @property
    def types(self) -> frozenset[str] | None:
        """The lower-cased types that it can judge, None for any."""
        return frozenset() if self.is_scope_wide else self.entry.types if self.entry is not None else None

    @property
    def is_scope_wide(self) -> bool:
        """Return whether it ends once for its whole scope and not on resources."""
        return self.entry is None or self.entry.static or (self.fault is not None and self.entry.is_unparsed)


@dataclass(frozen=True, slots=True, eq=False)
class PolicyRequirement:
    """A member of an assignment: `key` is the definition's name, `initiative` the initiative's ('' for a single definition).

    `overrides` are those that may change the effect or version of this member. Where overrides pick the initiative's version by
    resource, `only` is the one behind this version and `never` are those that come after it.
    """

    assignment: Assignment
    initiative: str
    reference: str
    key: str
    definition: str
    pin: Pin | None
    parameters: Mapping[str, Any]
    groups: tuple[str, ...] = ()
    overrides: tuple[Override, ...] = ()
    only: Override | None = None
    never: tuple[Override, ...] = ()
    fault: CheckFault | None = None

    @property
    def varies_by_resource(self) -> bool:
        """Return whether the effect or version depends on the resource."""
        return any(override.reads_resource for override in self.overrides)

    def applies_to(self, resource: Resource) -> bool:
        """Return whether it is this version of the initiative that judges the resource."""
        if self.only is not None and not self.only.matches(resource, self.reference):
            return False
        return not any(override.matches(resource, self.reference) for override in self.never)

    def find_override(self, resource: Resource | None) -> tuple[str, Pin | None]:
        """The effect ('' = the definition's own) and pin for a resource; of several overrides the last that matches counts."""
        effect, pin = "", self.pin
        for override in self.overrides:
            if resource is not None and not override.matches(resource, self.reference):
                continue
            if override.kind == EFFECT:
                effect = override.value
            elif override.kind == VERSION:
                pin = Pin.parse(override.value)
        return effect, pin


class Program:
    """The requirements of a plan, and the checks they need; checks are made when they are first asked for."""

    def __init__(self, plan: EvaluationPlan, management_groups: Mapping[str, tuple[str, ...]]) -> None:
        self.catalog: PolicyCatalog = plan.catalog
        self.recommendations = Recommendations(plan.catalog)
        self.management_groups = management_groups
        self.checks: list[PolicyCheck] = []
        self.problems: list[ContentProblem] = []
        self._known: dict[str, int] = {}
        self._chosen: dict[tuple[int, str, str], int] = {}
        self._looked_up, self._gathered = frozenset[str](), 0
        self.requirements: tuple[PolicyRequirement, ...] = tuple(
            requirement
            for assignment in plan.assignments
            for requirement in self._list_requirements(assignment)
        )

    @cached_property
    def members(self) -> Mapping[tuple[str, str], Sequence[int]]:
        """The numbers of the requirements by (assignment id, reference), rising: several where versions depend on the resource."""
        found: dict[tuple[str, str], list[int]] = {}
        for index, requirement in enumerate(self.requirements):
            found.setdefault((requirement.assignment.id, requirement.reference), []).append(index)
        return found

    def list_lookup_types(self) -> frozenset[str]:
        """Give the lower-cased types that the definitions of the checks made so far look up."""
        fresh = [check.entry for check in self.checks[self._gathered :] if check.entry is not None]
        if fresh:
            self._looked_up = self._looked_up.union(*(entry.related_types for entry in fresh))
        self._gathered = len(self.checks)
        return self._looked_up

    def find_check(self, index: int, resource: Resource | None = None) -> int:
        """The check that a requirement means for a resource; None asks where it does not depend on the resource."""
        requirement = self.requirements[index]
        effect, pin = requirement.find_override(resource)
        chosen = (index, effect, str(pin))
        if chosen not in self._chosen:
            self._chosen[chosen] = self._intern_check(self._make_check(requirement, effect, pin))
        return self._chosen[chosen]

    def _intern_check(self, check: PolicyCheck) -> int:
        if check.key not in self._known:
            self._known[check.key] = len(self.checks)
            self.checks.append(check)
        return self._known[check.key]

    def _list_requirements(self, assignment: Assignment) -> Iterator[PolicyRequirement]:
        self._report_unknown_scope(assignment)
        gap = next((CheckFault.from_gap(what) for _, what in assignment.gaps), None)
        try:
            if not assignment.target:
                yield self._make_broken(assignment, gap or CheckFault.from_gap(assignment.id))
            elif self._is_initiative(assignment):
                members = self._list_members(assignment)
                yield from members if gap is None else (replace(one, fault=gap) for one in members)
            else:
                single = self._build_single_requirement(assignment)
                yield single if gap is None else replace(single, fault=gap)
        except NotCollected as missing:
            yield self._make_broken(assignment, CheckFault.from_gap(str(missing)))
        except NotHeldError as error:
            yield self._make_broken(
                assignment, CheckFault(ComplianceState.UNKNOWN, error.cause, error.message)
            )
        except PolicyError as error:
            yield self._make_broken(
                assignment, CheckFault(ComplianceState.ERROR, "initiative-error", str(error))
            )

    def _is_initiative(self, assignment: Assignment) -> bool:
        if "/policysetdefinitions/" in assignment.target:
            return True
        if "/policydefinitions/" in assignment.target:
            return False
        try:
            self.catalog.find("initiative", assignment.target.removeprefix("/"))
        except NotHeldError as error:
            return error.cause == "ambiguous"
        return True

    def _list_members(self, assignment: Assignment) -> Iterator[PolicyRequirement]:
        """The members of the assigned initiative, once for every version that an override without a member gives resources."""
        versions = [override for override in assignment.overrides if _selects_initiative_version(override)]
        for index, override in enumerate((None, *versions)):
            pin = assignment.pin if override is None else Pin.parse(override.value)
            if what := self.catalog.find("initiative", _build_reference(assignment), pin).unread:
                raise NotCollected(what)
            initiative = self.catalog.get_initiative(_build_reference(assignment), pin)
            unread = assignment.unread_parameters
            bound = (
                initiative.bind_partly(assignment.parameters, unread)
                if unread
                else initiative.bind(assignment.parameters)
            )
            for member in initiative.members:
                requirement = self._build_member(assignment, initiative, member, bound)
                yield replace(requirement, only=override, never=tuple(versions[index:]))

    def _build_member(
        self,
        assignment: Assignment,
        initiative: Initiative,
        member: InitiativeMember,
        bound: Mapping[str, object],
    ) -> PolicyRequirement:
        fault: CheckFault | None = None
        parameters: Mapping[str, object] = {}
        try:
            parameters = initiative.evaluate_member_parameters(member, bound)
        except PolicyError as error:
            fault = CheckFault(ComplianceState.ERROR, "parameter-error", str(error))
        except NotCollected as missing:
            fault = CheckFault.from_gap(str(missing))
        return PolicyRequirement(
            assignment=assignment,
            initiative=initiative.name,
            reference=member.reference,
            key=_extract_name(member.definition),
            definition=member.definition,
            pin=member.pin,
            parameters=parameters,
            groups=member.groups,
            overrides=tuple(
                override
                for override in assignment.overrides
                if override.selects_member(member.reference) and not _selects_initiative_version(override)
            ),
            fault=fault,
        )

    def _build_single_requirement(self, assignment: Assignment) -> PolicyRequirement:
        reference = _build_reference(assignment)
        return PolicyRequirement(
            assignment=assignment,
            initiative="",
            reference="",
            key=_extract_name(reference),
            definition=reference,
            pin=assignment.pin,
            parameters=assignment.parameters,
            overrides=tuple(o for o in assignment.overrides if o.selects_member("")),
            fault=next((CheckFault.from_gap(what) for what in assignment.unread_parameters.values()), None),
        )

    def _make_broken(self, assignment: Assignment, fault: CheckFault) -> PolicyRequirement:
        failed = fault.cause != NOT_COLLECTED
        self.problems.append(
            ContentProblem(Place(assignment.id), describe_gap(fault.cause, fault.description), error=failed)
        )
        name = _extract_name(assignment.target) or assignment.name
        return PolicyRequirement(assignment, name, "", name, "", None, {}, fault=fault)

    def _make_check(self, requirement: PolicyRequirement, effect: str, pin: Pin | None) -> PolicyCheck:
        if requirement.fault is not None and not requirement.definition:
            return _build_faulty_check(requirement, None, requirement.fault)
        try:
            entry = self.catalog.find("definition", requirement.definition, pin)
        except NotHeldError as error:
            return self._make_missing_definition_check(requirement, error)
        fault = requirement.fault or _find_fault(entry) or (STATIC if entry.static else None)
        if fault is not None:
            return _build_faulty_check(requirement, entry, fault)
        bound_to = _build_policy_function(requirement, entry) if "policy" in entry.calls else None
        parameters = {name.lower(): value for name, value in requirement.parameters.items()}
        key = msgspec.json.encode([entry.digest, parameters, effect.lower(), bound_to], order="sorted")
        return PolicyCheck(digest(key), entry, parameters, effect, bound_to)

    def _make_missing_definition_check(
        self, requirement: PolicyRequirement, error: NotHeldError
    ) -> PolicyCheck:
        fault = CheckFault(ComplianceState.UNKNOWN, error.cause, error.message)
        entry = None
        if error.cause == "version-not-held":
            entry = self.catalog.find("definition", requirement.definition)
        self.problems.append(
            # Its resources end Unknown and say so; nothing went wrong (docs/decisions/0030).
            ContentProblem(
                Place(requirement.assignment.id, path=requirement.reference), error.message, error=False
            )
        )
        return _build_faulty_check(requirement, entry, fault)

    def _report_unknown_scope(self, assignment: Assignment) -> None:
        """A management group that no loaded subscription is known to be under judges nothing: say so."""
        for scope in (assignment.scope, *assignment.not_scopes):
            if is_management_group(scope) and not any(
                scope in line for line in self.management_groups.values()
            ):
                reason = f"no loaded subscription is known to lie under {scope}; load the subscriptions with their ancestors"
                self.problems.append(ContentProblem(Place(assignment.id, path="scope"), reason))


def _build_faulty_check(
    requirement: PolicyRequirement, entry: CatalogEntry | None, fault: CheckFault
) -> PolicyCheck:
    identity = [
        entry.digest if entry else requirement.definition or requirement.assignment.id,
        fault.cause,
        fault.description,
    ]
    return PolicyCheck(digest(msgspec.json.encode(identity)), entry, fault=fault)


def _find_fault(entry: CatalogEntry) -> CheckFault | None:
    if entry.unread:
        return CheckFault.from_gap(entry.unread)
    return (
        CheckFault(ComplianceState.ERROR, "definition-error", f"{entry.place}: {entry.fault}")
        if entry.fault
        else None
    )


def _build_policy_function(requirement: PolicyRequirement, entry: CatalogEntry) -> dict[str, str]:
    """Return what the template function policy() returns for a member.

    Source: https://learn.microsoft.com/azure/governance/policy/concepts/definition-structure-policy-rule#policy-functions
    """
    in_set = bool(requirement.initiative)
    return {
        "assignmentId": requirement.assignment.id,
        "definitionId": entry.id,
        "setDefinitionId": requirement.assignment.target if in_set else "",
        "definitionReferenceId": requirement.reference if in_set else "",
    }


def _selects_initiative_version(override: Override) -> bool:
    """Return whether an override gives the version of the assigned initiative itself: it names no member."""
    return override.kind == VERSION and not any(selector.kind == REFERENCE for selector in override.selectors)


def _build_reference(assignment: Assignment) -> str:
    """The target as the catalog is asked for it: a bare name is written as an id of one segment."""
    return assignment.target if assignment.target.count("/") > 1 else assignment.target.removeprefix("/")


def _extract_name(reference: str) -> str:
    return reference.rstrip("/").rsplit("/", 1)[-1].lower()
