"""Finding parents: the recommendation that analyzer findings on the same resource belong to (decision 0203)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from nephoscope.posture.recommendations.finding_subject import Subject, choose_worst_state
from nephoscope_policy.model.resource_id import ResourceId

if TYPE_CHECKING:
    from nephoscope.posture.evaluation.finished_run import EvaluationRun
    from nephoscope_policy.model.assessment import Assessment


def find_judging_recommendations(run: EvaluationRun) -> dict[Subject, str]:
    """The key of the recommendation that reads what an analyzer found, by the resource and the analyzer's key.

    Every subject with findings is in it; where no recommendation reads it there, under the analyzer's own key. Where several do,
    the worst that it ended with has the findings, so that each is told once.
    """
    found = {_build_subject(item): item.key for item in run.analysis.assessments if item.sub_assessments}
    if not found:
        return found
    judged: dict[Subject, Assessment] = {}
    for subject, item in _list_readers(run):
        known = judged.get(subject)
        if subject in found and (known is None or _is_worse(item, known)):
            judged[subject] = item
    return found | {subject: item.key for subject, item in judged.items()}


def _list_readers(run: EvaluationRun) -> Iterator[tuple[Subject, Assessment]]:
    """The assessments of a run that are judged by an assessment of the same resource, with what they are judged by."""
    keys = {one.key for one in run.engine.program.requirements}
    reads = {key: run.metadata(key).reads for key in keys}
    for item, resource in run.assessments.with_resources():
        name = reads[item.key]
        if name:
            key = resource.key if resource is not None else ResourceId.parse(item.resource).key
            yield (key, name), item


def _is_worse(one: Assessment, other: Assessment) -> bool:
    return choose_worst_state(one.state, other.state) is not other.state


def _build_subject(item: Assessment) -> Subject:
    return ResourceId.parse(item.resource).key, item.key.lower()
