"""The standards of a run: every initiative that was judged, read as a regulatory standard."""

from __future__ import annotations

from collections.abc import Sequence

from nephoscope.posture.evaluation.finished_run import EvaluationRun
from nephoscope.posture.evaluation.program import PolicyCheck
from nephoscope.posture.reports.compliance import AssessmentMethod, ComplianceMember, Standard, build_standard
from nephoscope_policy.catalog import NotHeldError
from nephoscope_policy.initiative import Initiative
from nephoscope_policy.keywords import SCANNED_MODES
from nephoscope_policy.model.assessment import Assessment
from nephoscope_policy.rule import Rule


def build_standards(run: EvaluationRun, assessments: Sequence[Assessment] | None = None) -> list[Standard]:
    """The standards of all assigned initiatives, in the order of the assignments; see `standard`."""
    names = dict.fromkeys(item.initiative for item in run.engine.program.requirements if item.initiative)
    return [build_assigned_standard(run, name, assessments) for name in names]


def build_assigned_standard(
    run: EvaluationRun, name: str, assessments: Sequence[Assessment] | None = None
) -> Standard:
    """One assigned initiative as a standard, of some of the run's assessments (None: all); NotHeldError where it is not loaded."""
    initiative = run.catalog.get_initiative(name)
    checks = _index_checks(run, initiative)
    members = [
        ComplianceMember(item.reference, item.definition.rsplit("/", 1)[-1].lower(), item.groups)
        for item in initiative.members
    ]
    return build_standard(
        initiative.id,
        initiative.display_name or initiative.name,
        initiative.groups,
        members,
        (
            item
            for item in (run.assessments if assessments is None else assessments)
            if item.initiative == initiative.name
        ),
        lambda member: _classify_method(run, checks.get(member.reference.lower())),
        lambda member: _is_check_covered(run, checks.get(member.reference.lower())),
    )


def _index_checks(run: EvaluationRun, initiative: Initiative) -> dict[str, PolicyCheck]:
    """The check of every member that does not depend on the resource."""
    program = run.engine.program
    return {
        item.reference.lower(): program.checks[program.find_check(index)]
        for index, item in enumerate(program.requirements)
        if item.initiative == initiative.name
    }


def _classify_method(run: EvaluationRun, check: PolicyCheck | None) -> AssessmentMethod:
    """Return how a member is judged; one whose definition is not loaded counts as automatic, and ends unknown."""
    if check is None or check.entry is None:
        return AssessmentMethod.AUTOMATIC
    if check.entry.static:
        return AssessmentMethod.DOCUMENT
    rule = run.engine.rules.bind_rule(check)
    effect = (check.effect or (rule.effect if isinstance(rule, Rule) else "")).lower()
    return {"manual": AssessmentMethod.MANUAL, "disabled": AssessmentMethod.DISABLED}.get(
        effect, AssessmentMethod.AUTOMATIC
    )


def _is_check_covered(run: EvaluationRun, check: PolicyCheck | None) -> bool:
    """Return whether every type that the member judges was read in every subscription: then no verdict means no such resource."""
    if check is None or check.entry is None or check.fault is not None:
        return False
    rule = run.engine.rules.bind_rule(check)
    if not isinstance(rule, Rule) or rule.mode.lower() not in SCANNED_MODES:
        return False
    return check.types is not None and all(map(run.is_read_everywhere, check.types))


def find_judged_initiative(run: EvaluationRun, wanted: str) -> str:
    """The name of a judged initiative that a person named by id, name or part of its title; NotHeldError otherwise."""
    text = wanted.rsplit("/", 1)[-1].casefold()
    names = {item.initiative for item in run.engine.program.requirements if item.initiative}
    titles = {name: run.catalog.get_initiative(name).display_name.casefold() for name in names}
    found = [name for name in names if name == text] or [name for name in names if text in titles[name]]
    if len(found) != 1:
        listed = ", ".join(sorted(names)) or "none"
        raise NotHeldError(
            f"{len(found)} of the evaluated initiatives match {wanted!r}; evaluated: {listed}", "not-held"
        )
    return found[0]
