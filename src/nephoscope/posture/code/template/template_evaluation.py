"""Template evaluation: each planned resource by each applicable policy, with a finding at the deciding place."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from copy import copy
from datetime import datetime
from functools import cached_property, partial
from types import MappingProxyType
from typing import TYPE_CHECKING, TypeAlias

import msgspec
from msgspec.structs import replace

from nephoscope.posture.code.code_rule import CodeRule
from nephoscope.posture.code.finding import CodeFinding, Edit, FindingState, Region
from nephoscope.posture.code.planned_resources import PlannedPlace
from nephoscope.posture.code.template.analyzer_evidence import find_analyzer_assessment, find_planned_rules
from nephoscope.posture.code.template.assumed_parents import build_implied_parents
from nephoscope.posture.code.template.equivalent_tool_checks import load_foreign_checks
from nephoscope.posture.code.template.finding_message import describe_counted_members, format_message
from nephoscope.posture.code.template.fixes import build_edit, propose_values
from nephoscope.posture.code.template.list_member_places import locate_deciding_value
from nephoscope.posture.code.template.planned_estate import PlannedEstate, plan_estate
from nephoscope.posture.code.template.source_locations import BodyPath, ValueLocation, ValueLocator
from nephoscope.posture.code.template.template_suppressions import TemplateSuppressions
from nephoscope.posture.code.template.time_dependence import WatchedTime
from nephoscope.posture.code.template.verdict_explanation import ExplainedVerdict, Wanted
from nephoscope.posture.reports.reason_text import format_reasons
from nephoscope_policy.data_gap import ANALYZER_FAILED, UNDECIDED, describe_gap
from nephoscope_policy.model.state import ComplianceState

if TYPE_CHECKING:
    from nephoscope.posture.code.template.template_resource import WrittenResource
    from nephoscope.posture.evaluation.evaluation_run import PreparedPlan
    from nephoscope.posture.evaluation.finished_run import EvaluationRun
    from nephoscope.posture.exposure.allowed_openings import AllowedOpenings
    from nephoscope.posture.policies.evaluation_plan import EvaluationPlan
    from nephoscope.posture.recommendations.recommendation import Recommendation
    from nephoscope_policy.aliases import Aliases
    from nephoscope_policy.model.assessment import Assessment, Reason

Content: TypeAlias = "Callable[[], tuple[EvaluationPlan, Aliases]]"
_IDENTIFYING = frozenset({"type", "name", "fullname", "id", "kind", "location"})
_STATES = {
    ComplianceState.NON_COMPLIANT: FindingState.FAILED,
    ComplianceState.UNKNOWN: FindingState.UNKNOWN,
    ComplianceState.ERROR: FindingState.UNKNOWN,
    ComplianceState.EXEMPT: FindingState.SUPPRESSED,
}


class TemplateJudgement(msgspec.Struct):
    """Result of evaluating templates: findings, planned resources, assessments by state, and those decided elsewhere by cause.

    `unjudged` are the places of planned resources that no policy can judge, with the reason. `asked_time` is True where the time was
    asked for: at another time the verdicts may be others.
    """

    findings: list[CodeFinding] = msgspec.field(default_factory=list)
    states: Counter[ComplianceState] = msgspec.field(default_factory=Counter)
    elsewhere: Counter[str] = msgspec.field(default_factory=Counter)
    resources: list[PlannedPlace] = msgspec.field(default_factory=list)
    unjudged: list[tuple[Region, str]] = msgspec.field(default_factory=list)
    asked_time: bool = False


class TemplateEvaluator:
    """Judges planned resources by one plan; the plan is built, and its rules are made ready, once and when they are needed.

    `content` builds the plan and the aliases. Verdicts on resources that `explains` wants are kept in `explained`, whatever they are.
    With `allowed`, openings to the internet that it does not name are findings too.
    """

    def __init__(self, content: Content, now: datetime, allowed: AllowedOpenings | None = None) -> None:
        self.now = now
        self.allowed = allowed
        self.rules: dict[str, CodeRule] = {}
        self.explains: Wanted | None = None
        self.explained: list[ExplainedVerdict] = []
        self._build = content
        self._places = ValueLocator()
        self._suppressions = TemplateSuppressions(now)

    def with_openings(self, allowed: AllowedOpenings | None) -> TemplateEvaluator:
        """Return a judge with another list of allowed openings; what was made ready is shared."""
        other = copy(self)
        other.allowed = allowed
        return other

    @cached_property
    def _prepared_plan(self) -> tuple[EvaluationPlan, Aliases, PreparedPlan]:
        from nephoscope.posture.evaluation.evaluation_run import prepare_plan

        plan, aliases = self._build()
        return plan, aliases, prepare_plan(plan, aliases, {})

    @cached_property
    def _evaluate(self) -> Callable[..., EvaluationRun]:
        """Evaluates estates by the plan; what that takes is loaded where something is judged."""
        from nephoscope.posture.code.template.planned_analysis import analyze_planned_estate
        from nephoscope.posture.evaluation.evaluation_run import evaluate_estate

        plan, aliases, prepared = self._prepared_plan
        return partial(
            evaluate_estate, plan=plan, analyzers=analyze_planned_estate, aliases=aliases, prepared=prepared
        )

    def has_critical(self) -> bool:
        """Return whether some policy of the plan is Critical, so that a finding can be."""
        return self._prepared_plan[2].program.recommendations.has_critical()

    def list_recommendation_names(self) -> list[str]:
        """Return the names of the recommendations that findings can be of."""
        return self._prepared_plan[2].program.recommendations.list_names()

    def map_assignment_members(self) -> Mapping[str, frozenset[str]]:
        """Return the lower-cased references that exemptions may name, by the lower-cased id of each assignment that judges."""
        found = {one.id.lower(): set[str]() for one in self._prepared_plan[0].assignments}
        for one in self._prepared_plan[2].program.requirements:
            found.setdefault(one.assignment.id.lower(), set()).add(one.reference.lower())
        return {id_: frozenset(references) for id_, references in found.items()}

    def make_ready(self) -> None:
        """Build the plan; raises what `content` raises."""
        self._evaluate  # noqa: B018 - computes it

    def assess(
        self, listed: Iterable[WrittenResource], unlisted: Mapping[str, str] = MappingProxyType({})
    ) -> TemplateJudgement:
        """Judge what one deployment, or one apply, makes; `unlisted` as an expansion has it."""
        planned, now = plan_estate(listed, unlisted), WatchedTime.of(self.now)
        run = self._evaluate(planned.estate, now=now)
        found = TemplateJudgement()
        self._assess_implied_parents(planned, now, found)
        passed: dict[str, list[str]] = {}
        for assessment in run.assessments.list_applicable():
            self._add_assessment(assessment, run, planned, found)
            if assessment.state is ComplianceState.COMPLIANT:
                passed.setdefault(assessment.resource.lower(), []).append(assessment.key)
        found.resources += self._list_resources(planned, passed)
        found.unjudged += ((self._places.find(one, ()).region, reason) for one, reason in planned.unplaced)
        found.unjudged += self._list_failures(run, planned)
        if self.allowed is not None:
            found.findings += self._find_openings(planned, self.allowed)
        found.asked_time = now.asked
        return found

    def _find_openings(self, planned: PlannedEstate, allowed: AllowedOpenings) -> Iterator[CodeFinding]:
        from nephoscope.posture.code.template.planned_openings import OPENING, find_openings

        self.rules[OPENING.id] = OPENING
        return find_openings(planned, allowed, self.now, self._places, self._suppressions)

    def _list_failures(self, run: EvaluationRun, planned: PlannedEstate) -> list[tuple[Region, str]]:
        """The places of resources that an analyzer failed on, with its fault."""
        failures = [one for one in run.analysis.assessments if one.cause == ANALYZER_FAILED]
        sources = ((_find_source(one, run, planned), one.description) for one in failures)
        return [(self._places.find(one, ()).region, reason) for one, reason in sources if one is not None]

    def _assess_implied_parents(
        self, planned: PlannedEstate, now: datetime, found: TemplateJudgement
    ) -> None:
        """Judge what the deployment gives to parents that it does not make, and take what a child of these decides."""
        implied = build_implied_parents(planned)
        if implied is None:
            return
        from nephoscope.posture.evaluation.analyzer_results import run_no_analyzers

        run = self._evaluate(implied.estate, now=now, analyzers=run_no_analyzers)
        for assessment in run.assessments.list_applicable():
            if assessment.resource.lower() in implied.implied:
                self._add_assessment(assessment, run, implied, found)

    def _list_resources(
        self, planned: PlannedEstate, passed: Mapping[str, Sequence[str]]
    ) -> Iterator[PlannedPlace]:
        for key, resource in planned.planned.items():
            if not resource.existing:
                yield PlannedPlace(
                    id=resource.id,
                    type=resource.type,
                    region=self._places.find(resource, ()).region,
                    conditional=resource.condition is not True,
                    passed=tuple(sorted(set(passed.get(key, ())))),
                )

    def _add_assessment(
        self, assessment: Assessment, run: EvaluationRun, planned: PlannedEstate, found: TemplateJudgement
    ) -> None:
        resource = _find_source(assessment, run, planned)
        if resource is None:
            return
        found.states[assessment.state] += 1
        if self.explains is not None and self.explains(resource.id):
            self._explain_assessment(assessment, resource, run, planned)
        state = _STATES.get(assessment.state)
        if state is FindingState.UNKNOWN and assessment.cause not in UNDECIDED:
            found.elsewhere[assessment.cause] += 1
        elif state is FindingState.SUPPRESSED and _is_met(assessment, run):
            return  # what holds needs no exemption
        elif state is not None:
            found.findings.append(self._make_finding(assessment, state, resource, run, planned))

    def _explain_assessment(
        self, assessment: Assessment, resource: WrittenResource, run: EvaluationRun, planned: PlannedEstate
    ) -> None:
        reasons = []
        for reason in _list_reasons(assessment, run, planned):
            found = _locate_part(resource, reason.resource, reason.at, planned)
            reasons.append((reason, self._places.find(*found).region if found is not None else None))
        rule = self._build_rule(run.metadata(assessment.key))
        analyzed = find_analyzer_assessment(run, (one for one, _ in reasons))
        said = analyzed.description if analyzed is not None else assessment.description
        verdict = ExplainedVerdict(
            assessment.resource, rule, assessment.state, assessment.cause, said, tuple(reasons)
        )
        if verdict not in self.explained:
            self.explained.append(verdict)

    def _make_finding(
        self,
        assessment: Assessment,
        state: FindingState,
        resource: WrittenResource,
        run: EvaluationRun,
        planned: PlannedEstate,
    ) -> CodeFinding:
        rule = self._build_rule(run.metadata(assessment.key))
        key = assessment.resource.lower()
        inline = planned.inline_place(key)
        made_by_azure = key in planned.derived and not inline
        reasons = _list_reasons(assessment, run, planned)
        analyzed = find_analyzer_assessment(run, reasons)
        named = find_planned_rules(analyzed, planned) if analyzed is not None else ()
        place = self._locate_value(resource, [*named, *_list_read_parts(resource, reasons, planned)], inline)
        said = (
            analyzed.description if analyzed is not None else format_reasons(reasons)
        ) or assessment.description
        if state is FindingState.UNKNOWN and assessment.description not in said:
            said = assessment.description
        if analyzed is None:
            said += describe_counted_members(reasons, assessment.resource, place.evidence, planned)
        around = self._places.locate_resource(resource)
        failed = state is FindingState.FAILED
        ignored = self._suppressions.reason(rule, resource, around, place) if failed else None
        if ignored is not None:
            state = FindingState.SUPPRESSED
        elif failed:
            unreasoned = self._suppressions.describe_missing_reason(rule, resource, around, place)
            said = f"{said} ({unreasoned})" if unreasoned else said
        return CodeFinding(
            rule=rule.id,
            exempt=state is FindingState.SUPPRESSED and ignored is None,
            region=place.region,
            message=format_message(rule, resource, said),
            severity=rule.severity,
            state=state,
            evidence=place.evidence,
            subject=assessment.resource if key in planned.derived else resource.id,
            reason=ignored
            or (
                ""
                if state is FindingState.FAILED
                else describe_gap(assessment.cause, assessment.description) or assessment.cause
            ),
            remediation=rule.steps,
            fix=self._find_fixes(resource, reasons, planned)
            if state is FindingState.FAILED and not made_by_azure
            else (),
            related=place.related,
        )

    def _find_fixes(
        self, resource: WrittenResource, reasons: Iterable[Reason], planned: PlannedEstate
    ) -> tuple[Edit, ...]:
        for target, at, subject, value in propose_values(reasons):
            found = _locate_part(resource, target, at, planned)
            edit = build_edit(self._places, *found, subject, value) if found is not None else None
            if edit is not None:
                return (edit,)
        return ()

    def _locate_value(
        self, resource: WrittenResource, read: Iterable[tuple[WrittenResource, BodyPath]], around: BodyPath
    ) -> ValueLocation:
        places = [self._places.find(*one) for one in sorted(dict.fromkeys(read), key=_is_of_tier)]
        first = next((one for one in places if not one.absent), places[0] if places else None)
        if first is None:
            return self._places.find(resource, around)
        others = (one.region for one in places if one.region != first.region)
        return replace(first, related=tuple(dict.fromkeys((*first.related, *others))))

    def _build_rule(self, known: Recommendation) -> CodeRule:
        rule = self.rules.get(known.key)
        if rule is None:
            rule = self.rules[known.key] = CodeRule(
                id=known.key,
                title=known.name,
                severity=known.severity,
                description=known.description,
                steps=known.remediation.steps,
                tags=(*known.controls, *known.tactics),
                equivalents=load_foreign_checks().get(known.key, ()),
            )
        return rule


def _is_of_tier(read: tuple[WrittenResource, BodyPath]) -> bool:
    """Return whether a condition read the tier alone: it says for whom a policy is, and changes last."""
    return bool(read[1]) and str(read[1][0]).lower() == "sku"


def _is_met(assessment: Assessment, run: EvaluationRun) -> bool:
    """Return whether an exempt assessment would be compliant without its exemption."""
    own = (assessment.key, assessment.assignment, assessment.reference)
    return any(
        one.state is ComplianceState.COMPLIANT
        for one in run.assessments_without_exemptions.assessments_of_resource(assessment.resource.lower())
        if (one.key, one.assignment, one.reference) == own
    )


def _find_source(
    assessment: Assessment, run: EvaluationRun, planned: PlannedEstate
) -> WrittenResource | None:
    """The planned resource that an assessment is about, or with which Azure makes what it is about; None for what is elsewhere.

    Of a parent that the deployment does not make it is the child that decides.
    """
    key = assessment.resource.lower()
    if key in planned.implied:
        deciding = (
            _locate_part(None, one.resource, one.at, planned)
            for one in _list_reasons(assessment, run, planned)
        )
        return next((one[0] for one in deciding if one is not None), None)
    return planned.planned.get(planned.derived[key][0] if key in planned.derived else key)


def _list_reasons(assessment: Assessment, run: EvaluationRun, planned: PlannedEstate) -> Sequence[Reason]:
    """The reasons of an assessment; those about what the template does not write (a child that Azure makes, a parent) say so."""
    found = run.reasons(assessment)
    if assessment.resource.lower() in planned.planned:
        return found
    return [replace(one, resource=one.resource or assessment.resource) for one in found]


def _list_read_parts(
    resource: WrittenResource, reasons: Iterable[Reason], planned: PlannedEstate
) -> Iterator[tuple[WrittenResource, BodyPath]]:
    """Yield what the reasons read that a template can change, as planned resources and paths in their bodies."""
    for reason in reasons:
        if not reason.at or str(reason.at[0]).lower() in _IDENTIFYING:
            continue
        found = _locate_part(resource, reason.resource, reason.at, planned)
        if found is not None:
            counted = not found[1] or isinstance(reason.at[-1], int)
            yield (
                (found[0], locate_deciding_value(*found, _locate_counted_members(found[0], reason, planned)))
                if counted
                else found
            )


def _locate_counted_members(owner: WrittenResource, reason: Reason, planned: PlannedEstate) -> list[BodyPath]:
    """The places for which a count took a member, as paths in the body of the resource that has it."""
    places = (_locate_part(owner, reason.resource, at, planned) for at in reason.inside)
    return [one[1] for one in places if one is not None and one[0] is owner]


def _locate_part(
    resource: WrittenResource | None, target: str, at: BodyPath, planned: PlannedEstate
) -> tuple[WrittenResource, BodyPath] | None:
    """The planned resource, and the part of its body, that has what a condition read of `target` ('' = the resource itself)."""
    key = target.lower()
    derived = planned.derived.get(key)
    if derived is not None:
        source = tuple(one for one in derived[1] if isinstance(one, str | int))
        return planned.planned[derived[0]], (*source, *at[1:]) if source else ()
    owner = planned.planned.get(key) if key else resource
    child = planned.repeated.locate_child(key or (owner.id.lower() if owner is not None else ""), at)
    if child is not None and child[0] in planned.planned:
        return planned.planned[child[0]], child[1]
    return (owner, at) if owner is not None else None
