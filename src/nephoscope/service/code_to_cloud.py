"""Code to cloud: the template that made a resource, its open work items, and what the gate passed and the cloud violates."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from nephoscope.posture.pipelines.resource_origins import CodeOrigin, OriginIndex, get_resource_type
from nephoscope.posture.published.findings import FindingQuery
from nephoscope.service.pipelines import list_readable_repositories
from nephoscope.state.estate.pipeline_records import WorkItem, WorkItemStatus
from nephoscope_policy.model.state import ComplianceState

if TYPE_CHECKING:
    from nephoscope.model.read_scope import Reach
    from nephoscope.posture.published.findings import Findings, ListedFinding
    from nephoscope.service.service_context import ServiceContext

#: Findings of the cloud that are compared at most.
MOST_COMPARED = 20_000
_FAILING = FindingQuery(states=frozenset({ComplianceState.NON_COMPLIANT.value}))


@dataclass(frozen=True, slots=True)
class ViolatedPass:
    """A finding in the cloud, and the place of a template that passed the same recommendation."""

    finding: ListedFinding
    origin: CodeOrigin


def find_origins(context: ServiceContext, id_: str) -> list[CodeOrigin]:
    """Return the places that made a resource, in the repositories that the actor may read."""
    return find_origins_of_all(context, [id_]).get(id_, [])


def find_origins_of_all(context: ServiceContext, ids: Iterable[str]) -> dict[str, list[CodeOrigin]]:
    """Return the places that made resources, by the ids as they are given; those that no readable repository made are left out."""
    names = [one.name for one in list_readable_repositories(context)]
    keys = {id_: id_.lower().rstrip("/") for id_ in ids} if names else {}
    if not keys:
        return {}
    types = {get_resource_type(key) for key in keys.values()}
    index = OriginIndex(context.state.pipelines.list_planned_origins({*keys.values()}, types, names))
    found = {id_: index.find_origins(key) for id_, key in keys.items()}
    return {id_: origins for id_, origins in found.items() if origins}


def list_open_items(context: ServiceContext, id_: str) -> list[WorkItem]:
    """Return the open work items about a resource, in the repositories that the actor may read."""
    names = [one.name for one in list_readable_repositories(context)]
    key = id_.lower().rstrip("/")
    return context.state.pipelines.items(names, [WorkItemStatus.OPEN], key) if names else []


def list_violated_passes(
    context: ServiceContext, findings: Findings, reach: Reach, repositories: Collection[str]
) -> list[ViolatedPass]:
    """Return what a template passes and the resource that it made violates, the gravest first.

    `repositories` are lower-cased names that the actor may read.
    """
    planned = context.state.pipelines.list_planned_origins(repositories=repositories) if repositories else []
    if not planned:
        return []
    index = OriginIndex(planned)
    wanted = replace(_FAILING, recommendations=frozenset(rule for one in planned for rule in one.passed))
    if not wanted.recommendations:
        return []
    failing = findings.page(reach, wanted, order="severity", most=MOST_COMPARED)
    return [
        one
        for finding in failing
        for one in _list_passed_findings(finding, index.find_origins(finding.resource))
    ]


def _list_passed_findings(finding: ListedFinding, origins: Collection[CodeOrigin]) -> Iterator[ViolatedPass]:
    for one in origins:
        if finding.recommendation in one.planned.passed:
            yield ViolatedPass(finding, one)
