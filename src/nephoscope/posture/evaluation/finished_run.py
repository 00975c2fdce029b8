"""Finished run: what was evaluated, by what, when, and every outcome."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property

import msgspec
from msgspec.structs import replace

from nephoscope.analyze.discovery import list_assessment_keys as analyzer_keys
from nephoscope.estate.estate import Estate
from nephoscope.posture.evaluation.analyzer_results import Analysis
from nephoscope.posture.evaluation.assessments import Assessments, Decisions
from nephoscope.posture.evaluation.check_layout import Layout, Roster
from nephoscope.posture.evaluation.compiled_rules import Rules
from nephoscope.posture.evaluation.evaluator import Verdicts
from nephoscope.posture.evaluation.program import PolicyCheck, PolicyRequirement, Program
from nephoscope.posture.policies.evaluation_plan import EvaluationPlan
from nephoscope.posture.recommendations.recommendation import Recommendation
from nephoscope_policy.catalog import PolicyCatalog
from nephoscope_policy.catalog_entry import ContentProblem
from nephoscope_policy.context import EvaluationContext
from nephoscope_policy.data_gap import ANALYZER_FAILED
from nephoscope_policy.evaluation_result import Result
from nephoscope_policy.exemption import Exemption
from nephoscope_policy.model.assessment import Assessment, Reason
from nephoscope_policy.model.coverage import Coverage
from nephoscope_policy.model.resource import Resource
from nephoscope_policy.model.source_location import Place, Quarantined
from nephoscope_policy.model.state import ComplianceState
from nephoscope_policy.rule import Rule
from nephoscope_policy.snapshot import Snapshot


class Engine(msgspec.Struct, frozen=True):
    """The working parts of a run, which the next run takes over; `base` is the snapshot without what analyzers wrote."""

    program: Program
    roster: Roster
    layout: Layout
    verdicts: Verdicts
    rules: Rules
    base: Snapshot
    snapshot: Snapshot


@dataclass(frozen=True)
class EvaluationRun:
    """A finished evaluation, frozen: the estate, the plan and the time it stands for, and one assessment per (resource, member).

    `scope` is the lower-cased scope that was asked for ('' = everything). `analysis` is what the analyzers added. Assessments
    carry no reasons; `reasons` works them out for those that are shown.
    """

    now: datetime
    scope: str
    estate: Estate
    plan: EvaluationPlan
    analysis: Analysis
    engine: Engine = field(repr=False)

    @property
    def coverage(self) -> Coverage:
        """Return what the snapshot has read."""
        return self.estate.coverage

    def is_read_everywhere(self, type_: str) -> bool:
        """Tell whether a type was read in every subscription."""
        known = self._coverage_cache
        if type_ not in known:
            known[type_] = all(self.coverage.covers(type_, one) for one in self.estate.subscriptions or ("",))
        return known[type_]

    @cached_property
    def _coverage_cache(self) -> dict[str, bool]:
        return {}

    @property
    def quarantine(self) -> tuple[Quarantined, ...]:
        """The input records that could not be used."""
        return self.estate.quarantine

    @property
    def catalog(self) -> PolicyCatalog:
        """The content that was judged by."""
        return self.plan.catalog

    @cached_property
    def _decisions(self) -> Decisions:
        return Decisions(self.plan, self.engine.program, self.now)

    @cached_property
    def assessments(self) -> Assessments:
        """One assessment for every (resource, assignment, member), made as they are iterated."""
        engine = self.engine
        return Assessments(engine.program, engine.roster, engine.layout, engine.verdicts, self._decisions)

    @cached_property
    def assessments_without_exemptions(self) -> Assessments:
        """The assessments as they would end if nothing were exempt."""
        engine, plan = self.engine, msgspec.structs.replace(self.plan, exemptions=())
        decisions = Decisions(plan, engine.program, self.now)
        return Assessments(engine.program, engine.roster, engine.layout, engine.verdicts, decisions)

    @cached_property
    def errors(self) -> tuple[ContentProblem, ...]:
        """Return what could not be used, does not fit together or failed: documents, references, scopes, exemptions, analyzers."""
        found = [*self.plan.problems, *self.engine.program.problems]
        found.extend(_build_out_of_scope_problem(exemption) for exemption in self._decisions.misplaced)
        found.extend(
            self._build_unused_exemption_problem(exemption) for exemption in self._decisions.orphaned
        )
        found.extend(self._list_unknown_member_problems())
        found.extend(self._list_failed_analyzers())
        return tuple(found)

    def _list_failed_analyzers(self) -> Iterator[ContentProblem]:
        """A problem for each assessment key that an analyzer failed on: a fault of the product is no data gap."""
        for key in sorted({one.key for one in self.analysis.assessments if one.cause == ANALYZER_FAILED}):
            title = analyzer_keys()[key].title
            yield ContentProblem(
                Place(title), "the analyzer has a fault, so that verdicts are Unknown: see the log"
            )

    def _build_unused_exemption_problem(self, exemption: Exemption) -> ContentProblem:
        """An exemption whose assignment is not judged by: the estate has it, or nobody has."""
        if exemption.assignment in self.plan.unevaluated:
            reason = f"the exemption has no effect: {exemption.assignment} is evaluated with --assigned only"
            return ContentProblem(Place(exemption.id), reason, error=False)
        return ContentProblem(
            Place(exemption.id),
            f"the exemption names an assignment that is not there: {exemption.assignment}",
        )

    def _list_unknown_member_problems(self) -> Iterator[ContentProblem]:
        """Exemptions that name members which their assignment does not have, as far as its members were read."""
        members: defaultdict[str, set[str]] = defaultdict(set)
        for one in self.engine.program.requirements:
            members[one.assignment.id].add(one.reference.lower())
        unread = {
            one.assignment.id for one in self.engine.program.requirements if one.fault and not one.definition
        }
        for exemption in self.plan.exemptions:
            if exemption.assignment in unread:
                continue
            strangers = exemption.references - members.get(exemption.assignment, exemption.references)
            if strangers:
                names = ", ".join(sorted(strangers))
                reason = f"the exemption names members that {exemption.assignment} does not have: {names}"
                yield ContentProblem(
                    Place(exemption.id, path="properties.policyDefinitionReferenceIds"), reason
                )

    @cached_property
    def requirements(self) -> dict[tuple[str, str], PolicyRequirement]:
        """The requirements by (assignment id, lower-cased reference id)."""
        return {(one.assignment.id, one.reference.lower()): one for one in self.engine.program.requirements}

    @cached_property
    def counts(self) -> Counter[tuple[str, ComplianceState, str]]:
        """Count how many assessments ended how: (recommendation key, state, cause)."""
        return self.assessments.counts()

    def states(self) -> Counter[ComplianceState]:
        """Count how many assessments ended in each state."""
        total: Counter[ComplianceState] = Counter()
        for (_, state, _), count in self.counts.items():
            total[state] += count
        return total

    def causes(self, state: ComplianceState) -> Counter[str]:
        """Count how many assessments of a state have each cause."""
        total: Counter[str] = Counter()
        for (_, ended, cause), count in self.counts.items():
            if ended is state:
                total[cause] += count
        return total

    def metadata(self, key: str) -> Recommendation:
        """Return what is known of a recommendation; a key that no content explains is named by itself."""
        return self.engine.program.recommendations.find_recommendation(key)

    def standard_exemptions(self, exemption: Exemption) -> tuple[Exemption, ...]:
        """An exemption by recommendation as the plain ones that Azure knows: one per assignment that holds a recommendation."""
        held: dict[str, set[str]] = {}
        for requirement in self.engine.program.requirements:
            if requirement.key in exemption.recommendations:
                held.setdefault(requirement.assignment.id, set()).add(requirement.reference.lower())
        return tuple(
            replace(
                exemption,
                id=f"{exemption.id}-{number}",
                assignment=assignment,
                references=frozenset(references - {""}),
                recommendations=frozenset(),
            )
            for number, (assignment, references) in enumerate(held.items(), 1)
        )

    def resource(self, assessment: Assessment) -> Resource | None:
        """The resource of an assessment, None for one that speaks of a scope."""
        return self.estate.resources.get(assessment.resource.rstrip("/").lower())

    def reasons(self, assessment: Assessment) -> tuple[Reason, ...]:
        """The leaf conditions that decided an assessment, worked out now."""
        result = self.explain(assessment)
        return () if result is None else result.reasons

    def with_reasons(self, assessment: Assessment) -> Assessment:
        """The assessment with its reasons."""
        return msgspec.structs.replace(assessment, reasons=self.reasons(assessment))

    def explain(self, assessment: Assessment) -> Result | None:
        """The whole result behind an assessment, by the interpreter; None where no rule judged it."""
        found = self.find_rule(assessment)
        resource = self.resource(assessment)
        if found is None or resource is None:
            return None
        check, rule = found
        return rule.explain(resource, self.engine.snapshot, self.context(check))

    def context(self, check: PolicyCheck) -> EvaluationContext:
        """Return what a check's rule is told beside the resources."""
        return (
            self._unbound_context
            if check.bound_to is None
            else EvaluationContext(now=self.now, policy=check.bound_to)
        )

    @cached_property
    def _unbound_context(self) -> EvaluationContext:
        return EvaluationContext(now=self.now)

    def find_rule(self, assessment: Assessment) -> tuple[PolicyCheck, Rule] | None:
        """The check and the bound rule behind an assessment, None where no rule judged it."""
        resource = self.resource(assessment)
        if resource is None:
            return None
        program = self.engine.program
        for index in program.members.get((assessment.assignment, assessment.reference), ()):
            requirement = program.requirements[index]
            if not requirement.applies_to(resource):
                continue
            check = program.checks[
                program.find_check(index, resource if requirement.varies_by_resource else None)
            ]
            rule = self.engine.rules.bind_rule(check)
            return (check, rule) if isinstance(rule, Rule) else None
        return None


def _build_out_of_scope_problem(exemption: Exemption) -> ContentProblem:
    reason = f"the exemption is outside the scope of {exemption.assignment} and is not applied (DoNotValidate would)"
    return ContentProblem(Place(exemption.id), reason)
