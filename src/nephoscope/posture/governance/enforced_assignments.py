"""Enforced assignments: assignments whose effects apply to requests for planned resources."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from nephoscope.posture.evaluation.compiled_rules import Rules
from nephoscope.posture.evaluation.program import PolicyCheck, PolicyRequirement, Program
from nephoscope.posture.policies.evaluation_plan import EvaluationPlan
from nephoscope_policy.aliases import Aliases
from nephoscope_policy.assignment import is_management_group, is_within_scope
from nephoscope_policy.model.resource import Resource
from nephoscope_policy.rule import Rule
from nephoscope_policy.selector import matches_any

#: Effects that refuse or change a request; audit only reports it.
ACTING = frozenset({"deny", "append", "modify"})
AUDIT = "audit"


@dataclass(frozen=True, slots=True, eq=False)
class EnforcedRule:
    """A rule that holds where a resource is planned, and the member of an assignment that it is of."""

    requirement: PolicyRequirement
    check: PolicyCheck
    rule: Rule

    def document(self) -> dict[str, str]:
        """Return what it is known by in Azure: the ids of its definition and assignment, and of its initiative where it is of one."""
        one = self.requirement
        found = {
            "policyDefinitionId": self.check.entry.id if self.check.entry is not None else one.definition,
            "policyAssignmentId": one.assignment.id,
        }
        if one.initiative:
            found |= {
                "policySetDefinitionId": one.assignment.target,
                "policyDefinitionReferenceId": one.reference,
            }
        return found


@dataclass(frozen=True)
class EnforcedAssignments:
    """A plan made ready to be asked; `ancestors` maps a subscription (`/subscriptions/ID`) to its management groups."""

    plan: EvaluationPlan
    aliases: Aliases
    ancestors: Mapping[str, tuple[str, ...]]
    program: Program = field(init=False)
    rules: Rules = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "program", Program(self.plan, self.ancestors))
        object.__setattr__(self, "rules", Rules(self.plan.catalog, self.aliases))

    def list_rules_for(
        self, resource: Resource, effects: frozenset[str], now: datetime
    ) -> Iterator[EnforcedRule]:
        """The rules of some effects that hold for a planned resource; a rule that cannot be bound acts on nothing."""
        above = self.list_ancestor_groups(resource.key)
        for index, one in enumerate(self.program.requirements):
            if not self._concerns(one, resource, above, now):
                continue
            check = self.program.checks[
                self.program.find_check(index, resource if one.varies_by_resource else None)
            ]
            rule = self.rules.bind_rule(check)
            if isinstance(rule, Rule) and rule.effect_key in effects:
                yield EnforcedRule(one, check, rule)

    def list_ancestor_groups(self, key: str) -> tuple[str, ...]:
        """The management groups above a lower-cased id; one of a management group itself is above what is planned in it."""
        if is_management_group(key):
            lines = (line for line in self.ancestors.values() if key in line)
            return next((line[line.index(key) :] for line in lines), ())
        return self.ancestors.get("/".join(key.split("/")[:3]), ())

    def _concerns(
        self, one: PolicyRequirement, resource: Resource, above: tuple[str, ...], now: datetime
    ) -> bool:
        assignment = one.assignment
        return (
            assignment.enforcement_mode.lower() == "default"
            and is_within_scope(resource.key, assignment.scope, above)
            and not any(is_within_scope(resource.key, other, above) for other in assignment.not_scopes)
            and matches_any(assignment.resource_selectors, resource, one.reference)
            and one.applies_to(resource)
            and not self._is_exempt(one, resource, above, now)
        )

    def _is_exempt(
        self, one: PolicyRequirement, resource: Resource, above: tuple[str, ...], now: datetime
    ) -> bool:
        return any(
            exemption.is_active(now)
            and not exemption.gaps
            and exemption.names_member(one.assignment.id, one.reference.lower(), one.key)
            and exemption.covers(resource, above, one.reference)
            for exemption in self.plan.exemptions
        )
