"""Plan builder: turns the options of a request into an evaluation plan."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Protocol

from msgspec.structs import replace

from nephoscope.content.loader import load_documents
from nephoscope.estate.estate import Estate
from nephoscope.posture.policies.assignment_parameters import share_parameters
from nephoscope.posture.policies.evaluation_plan import EvaluationPlan
from nephoscope.posture.policies.policy_packs import Packs
from nephoscope_policy.catalog import PolicyCatalog
from nephoscope_policy.documents import ContentError
from nephoscope_policy.model.source_location import Place

OWN_INITIATIVE = "nephoscope"


class PlanRequest(Protocol):
    """Requested policies of an evaluation: folders of policies, names of initiatives, their parameters, files of decisions."""

    @property
    def policies(self) -> tuple[str, ...]:
        """Folders or files of definitions and initiatives."""

    @property
    def initiatives(self) -> tuple[str, ...]:
        """Names or ids of initiatives."""

    @property
    def parameters(self) -> tuple[tuple[str, object], ...]:
        """Names and values of the initiatives' parameters."""

    @property
    def decisions(self) -> tuple[str, ...]:
        """Files of assignments, exemptions and attestations."""

    @property
    def assigned(self) -> bool:
        """Return whether the assignments of the estate and of the decisions judge instead."""


def build_plan(
    request: PlanRequest, packs: Packs, estate: Estate, put: Iterable[Mapping[str, object]] = ()
) -> EvaluationPlan:
    """Build what an estate is judged by; NotHeldError when an initiative is not loaded. `put` are documents that people put."""
    folders = [Path(folder) for folder in request.policies]
    alone = bool(folders) and not request.initiatives and not request.assigned
    given = [packs.folder(folder) for folder in folders]
    _require_policies(folders, given)
    held = packs.catalog() if not alone else PolicyCatalog([])
    catalog = held.include(*given)
    plan = EvaluationPlan(catalog, problems=catalog.problems[len(held.problems) :])
    decided = plan.reading(document for path in request.decisions for document in load_documents(Path(path)))
    _check_decisions(request, decided)
    theirs = decided.with_people(put)
    known = theirs.with_estate(estate)
    if request.assigned:
        share_parameters((), dict(request.parameters))
        return known
    unevaluated = frozenset(one.id for one in known.assignments)
    known = replace(known, assignments=decided.assignments, unevaluated=unevaluated)
    names = request.initiatives or (() if alone or known.assignments else (OWN_INITIATIVE,))
    initiatives = [known.catalog.get_initiative(name) for name in names]
    values = share_parameters(initiatives, dict(request.parameters))
    for name, parameters in zip(names, values, strict=True):
        known = known.with_assignment(name, parameters)
    known = replace(known, assignments=(*known.assignments, *theirs.assignments[len(decided.assignments) :]))
    return known.assign_every_definition(given) if alone else known


def _check_decisions(request: PlanRequest, plan: EvaluationPlan) -> None:
    """ContentError where the files of decisions hold none, not even a broken one."""
    found = plan.assignments or plan.exemptions or plan.attestations
    if request.decisions and not found and not any(problem.error for problem in plan.problems):
        raise ContentError(
            "no assignment, exemption or attestation found", Place(", ".join(request.decisions))
        )


def _require_policies(folders: Sequence[Path], given: Sequence[PolicyCatalog]) -> None:
    """ContentError where a folder holds no policy at all, not even a broken one: it is hardly the folder that was meant."""
    for folder, catalog in zip(folders, given, strict=True):
        if not catalog.entries and not any(problem.error for problem in catalog.problems):
            raise ContentError("no policy definition or initiative found", Place(str(folder)))
