"""Partial loading: evaluate a snapshot larger than memory in parts, with the same results.

Policies look up within a subscription, and a part holds whole subscriptions. Analyzers look across subscriptions: they run once,
over the resources of the types that they read, and what they write is laid over the parts it belongs to. Memory holds one part,
the resources that analyzers read, and the compiled rules.
"""

from __future__ import annotations

import dataclasses
from collections import defaultdict
from collections.abc import Iterator
from copy import copy
from datetime import datetime

from msgspec.structs import replace

from nephoscope.analyze import analyzer_runner, assessment_overlay
from nephoscope.collect.resources.subscription_spool import PART, Survey
from nephoscope.estate.estate import Estate
from nephoscope.posture.evaluation.analyzer_results import Analysis, Analyzers, run_all_analyzers
from nephoscope.posture.evaluation.evaluation_run import Progress, evaluate_estate, prepare_plan
from nephoscope.posture.evaluation.finished_run import EvaluationRun
from nephoscope.posture.policies import attestation
from nephoscope.posture.policies.evaluation_plan import EvaluationPlan
from nephoscope_policy import assignment, exemption
from nephoscope_policy.aliases import Aliases
from nephoscope_policy.catalog_entry import DEFINITION_TYPE, INITIATIVE_TYPE
from nephoscope_policy.data_gap import Gap
from nephoscope_policy.model.assessment import Assessment
from nephoscope_policy.model.resource import Resource
from nephoscope_policy.model.resource_id import ResourceId

#: What must be surveyed so that Plan.with_estate finds what an estate itself holds.
PLANNED = frozenset(
    {DEFINITION_TYPE, INITIATIVE_TYPE, assignment.TYPE_NAME, exemption.TYPE_NAME, attestation.TYPE_NAME}
)


def list_types_needed_whole() -> frozenset[str]:
    """The types of which an evaluation by parts must see the whole: what plans hold, what analyzers read and what they write."""
    return PLANNED | analyzer_runner.list_analyzed_types() | {assessment_overlay.TYPE.lower()}


def evaluate_parts(
    survey: Survey,
    plan: EvaluationPlan,
    now: datetime,
    *,
    scope: str = "",
    analyzers: Analyzers = run_all_analyzers,
    aliases: Aliases | None = None,
    size: int = PART,
    progress: Progress | None = None,
) -> Iterator[EvaluationRun]:
    """Judge a tenant's surveyed snapshot part by part; together the runs have the assessments of one run over the whole.

    The survey must have been asked for `list_types_needed_whole()`; it lets its resources go when the analyzers have run.
    What ends once for a whole scope is in the run that holds the scope's subscription, else in the first; the quarantine is the
    survey's and in no run. A run that is let go gives its memory back. `progress` is told resources.
    """
    aliases = aliases or Aliases.load_builtin()
    prepared = prepare_plan(plan, aliases, survey.whole.management_groups)
    overlaid = _split_by_subscription(analyzers(survey.whole, now))
    survey.release_memory()
    done = 0
    homes = survey.subscriptions
    first = True
    for estate in _list_estate_parts(survey, size):
        mine = _select_analysis_part(overlaid, estate)
        run = evaluate_estate(
            estate,
            plan,
            now,
            scope=scope,
            analyzers=lambda *_, mine=mine: mine,
            aliases=aliases,
            prepared=prepared,
        )
        done += len(estate.resources)
        del estate  # one part at a time: nothing of it may be bound while the next one is read
        yield _with_unplaced(run, homes, first=first)
        del run, mine
        first = False
        if progress is not None:
            progress(done, survey.records)


def _list_estate_parts(survey: Survey, size: int) -> Iterator[Estate]:
    """The parts; of a snapshot with nothing in it the empty whole, so that there always is a run."""
    if survey.records:
        return survey.iterate_parts(size)
    return iter((survey.whole,))


def _split_by_subscription(analysis: Analysis) -> dict[str, Analysis]:
    """Return what analyzers say, by the subscription of the resource that they say it of ('' = none)."""
    resources: defaultdict[str, list[Resource]] = defaultdict(list)
    unknown: defaultdict[str, dict[str, Gap]] = defaultdict(dict)
    assessments: defaultdict[str, list[Assessment]] = defaultdict(list)
    for resource in analysis.overlay:
        resources[resource.id.subscription].append(resource)
    for key, reason in analysis.unknown.items():
        unknown[ResourceId.parse(key).subscription][key] = reason
    for assessment in analysis.assessments:
        assessments[ResourceId.parse(assessment.resource).subscription].append(assessment)
    return {
        name: Analysis(tuple(resources[name]), unknown[name], tuple(assessments[name]))
        for name in resources.keys() | unknown.keys() | assessments.keys()
    }


def _select_analysis_part(overlaid: dict[str, Analysis], estate: Estate) -> Analysis:
    """Return what analyzers say of the resources of a part."""
    names = dict.fromkeys(resource.id.subscription for resource in estate.resources.values())
    found = [overlaid[name] for name in names if name in overlaid]
    return Analysis(
        tuple(one for part in found for one in part.overlay),
        {key: reason for part in found for key, reason in part.unknown.items()},
        tuple(one for part in found for one in part.assessments),
    )


def _with_unplaced(run: EvaluationRun, homes: frozenset[str], *, first: bool) -> EvaluationRun:
    """The run with what ends once for a whole scope only where the part holds the scope's subscription, or is the first."""
    mine = {one.id.subscription for one in run.estate.resources.values()}
    layout = copy(run.engine.layout)
    layout.unplaced = [
        (index, check)
        for index, check in layout.unplaced
        if (
            home := ResourceId.parse(
                run.engine.program.requirements[index].assignment.scope or "/"
            ).subscription
        )
        in mine
        or (first and home not in homes)
    ]
    return dataclasses.replace(run, engine=replace(run.engine, layout=layout))
