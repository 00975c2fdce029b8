"""Evaluation plan: content, assignments, exemptions and attestations, from files and the estate."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from enum import Enum
from typing import Any, TypeVar

import msgspec
from msgspec.structs import replace

from nephoscope.estate.estate import Estate
from nephoscope.posture.policies import attestation
from nephoscope.posture.policies.attestation import PolicyAttestation
from nephoscope_policy import assignment, exemption
from nephoscope_policy.assignment import Assignment
from nephoscope_policy.catalog import PolicyCatalog
from nephoscope_policy.catalog_entry import DEFINITION_TYPE, INITIATIVE_TYPE, ContentProblem
from nephoscope_policy.documents import ContentDocument, ContentError
from nephoscope_policy.errors import PolicyError
from nephoscope_policy.exemption import CATEGORY, Exemption
from nephoscope_policy.model.resource_id import ResourceId
from nephoscope_policy.model.source_location import Place

_T = TypeVar("_T")
_PARSERS: dict[str, Callable[..., Assignment | Exemption | PolicyAttestation]] = {
    assignment.TYPE_NAME: Assignment.parse,
    exemption.TYPE_NAME: Exemption.parse,
    attestation.TYPE_NAME: PolicyAttestation.parse,
}


class EvaluationPlan(msgspec.Struct, frozen=True):
    """Everything but the estate and the time that decides an evaluation; `problems` are documents that could not be used.

    `unevaluated` are the ids of assignments that the estate has and that are not judged by.
    """

    catalog: PolicyCatalog
    assignments: tuple[Assignment, ...] = ()
    exemptions: tuple[Exemption, ...] = ()
    attestations: tuple[PolicyAttestation, ...] = ()
    problems: tuple[ContentProblem, ...] = ()
    unevaluated: frozenset[str] = frozenset()

    def reading(self, documents: Iterable[ContentDocument]) -> EvaluationPlan:
        """Return this plan with the assignments, exemptions and attestations of documents (ARM bodies, arrays or lists of them)."""
        bodies: list[tuple[object, Place]] = []
        problems: list[ContentProblem] = []
        for document in documents:
            try:
                bodies += [
                    (body, replace(document.place, path=path)) for path, body in _read_flat(document.json())
                ]
            except ContentError as error:
                problems.append(ContentProblem(error.place, error.message))
        return _with_bodies(replace(self, problems=(*self.problems, *problems)), bodies, DocumentSource.FILE)

    def with_estate(self, estate: Estate) -> EvaluationPlan:
        """Return this plan with the estate's own custom definitions and initiatives, assignments, exemptions, attestations.

        What the plan has under the same id stays as it is.
        """
        policies = [*estate.list_of_type(DEFINITION_TYPE), *estate.list_of_type(INITIATIVE_TYPE)]
        own = PolicyCatalog.from_bodies(
            (resource.body, Place("estate", path=resource.key)) for resource in policies
        )
        plan = self
        if policies:
            problems = (*self.problems, *(one for one in own.problems if one.error))
            plan = replace(self, catalog=self.catalog.include(own), problems=problems)
        bodies = [
            (resource.body, Place("estate", path=resource.key))
            for type_ in _PARSERS
            for resource in estate.list_of_type(type_)
        ]
        return _with_bodies(plan, bodies, DocumentSource.SNAPSHOT)

    def with_people(self, bodies: Iterable[Mapping[str, object]]) -> EvaluationPlan:
        """Return this plan with documents that people put: definitions and initiatives, assignments, exemptions, attestations.

        What cannot be used is among the problems. What the plan has under the same id stays as it is.
        """
        given = [(body, Place("put", path=str(body.get("id", "")))) for body in bodies]
        policies = [one for one in given if _read_type(one[0]) in (DEFINITION_TYPE, INITIATIVE_TYPE)]
        plan = self
        if policies:
            own = PolicyCatalog.from_bodies(policies)
            problems = (*self.problems, *(one for one in own.problems if one.error))
            plan = replace(plan, catalog=plan.catalog.include(own), problems=problems)
        return _with_bodies(plan, given, DocumentSource.PERSON)

    def with_assignment(self, target: str, parameters: Mapping[str, object] | None = None) -> EvaluationPlan:
        """Return this plan with a definition or initiative, by id or name, assigned to the whole tenant."""
        name = target.rstrip("/").rsplit("/", 1)[-1].replace(" ", "-")
        return replace(
            self, assignments=(*self.assignments, Assignment.for_whole_tenant(target, name, parameters))
        )

    def assign_every_definition(self, of: Iterable[PolicyCatalog] | None = None) -> EvaluationPlan:
        """Assign the newest version of every definition, of some catalogs or of this plan's, to the whole tenant."""
        entries = {
            entry.id: entry.name for catalog in of or (self.catalog,) for entry in catalog.definitions()
        }
        added = [Assignment.for_whole_tenant(id_, name) for id_, name in entries.items()]
        return replace(self, assignments=(*self.assignments, *added))

    def with_exemptions(self, *exemptions: Exemption) -> EvaluationPlan:
        """Return this plan with more exemptions."""
        return replace(self, exemptions=_merge_by_key(self.exemptions, exemptions))


class DocumentSource(Enum):
    """Source of documents: a file holds nothing else, and what a person put was validated as a whole before."""

    FILE = "file"
    PERSON = "person"
    SNAPSHOT = "snapshot"


def _with_bodies(
    plan: EvaluationPlan, bodies: Iterable[tuple[object, Place]], source: DocumentSource
) -> EvaluationPlan:
    found: dict[str, list[Any]] = {type_: [] for type_ in _PARSERS}
    problems = list(plan.problems)
    for body, place in bodies:
        type_ = _read_type(body) or (_read_declared_type(body) if source is DocumentSource.FILE else "")
        if type_ not in _PARSERS:
            if source is DocumentSource.FILE:
                problems.append(
                    ContentProblem(place, "not an assignment, exemption or attestation", error=False)
                )
            continue
        partial = source is DocumentSource.SNAPSHOT or (
            source is DocumentSource.FILE and isinstance(body, dict) and _cut_out_truncated_text(body)
        )
        try:
            record = _PARSERS[type_](body, partial=partial)
        except PolicyError as error:
            between = "." if source is DocumentSource.FILE else " "
            path = f"{place.path}{between}{error.path}".strip(between)
            problems.append(ContentProblem(replace(place, path=path), error.message))
            continue
        found[type_].append(record)
        problems += [ContentProblem(place, f"not read: {what}", error=False) for _, what in record.gaps]
    return replace(
        plan,
        assignments=_merge_by_key(plan.assignments, found[assignment.TYPE_NAME]),
        exemptions=_merge_by_key(plan.exemptions, found[exemption.TYPE_NAME]),
        attestations=_merge_by_key(plan.attestations, found[attestation.TYPE_NAME]),
        problems=tuple(problems),
    )


def _cut_out_truncated_text(body: dict[str, object]) -> bool:
    # a scan of templates has no such files, and loads no reader of snapshots
    from nephoscope.collect.resources.truncated_values import remove_truncated_values

    return remove_truncated_values(body)


def _read_flat(value: object) -> list[tuple[str, object]]:
    """The bodies of a document with their paths: itself, or those of an array or a list answer."""
    within = ""
    if isinstance(value, dict) and isinstance(value.get("value"), list):
        within, value = "value", value["value"]
    if not isinstance(value, list):
        return [("", value)]
    return [(f"{within}[{index}]", body) for index, body in enumerate(value)]


def _read_declared_type(body: object) -> str:
    """The type that a body without an id says that it has, or that only its properties can be of; '' where none does."""
    if not isinstance(body, dict) or "id" in body:
        return ""
    properties = body.get("properties")
    if isinstance(properties, dict) and CATEGORY in properties:
        return exemption.TYPE_NAME
    return str(body.get("type", "")).lower()


def _read_type(body: object) -> str:
    if not isinstance(body, dict) or not isinstance(body.get("id"), str):
        return ""
    try:
        return ResourceId.parse(body["id"]).type
    except ValueError:
        return ""


def _merge_by_key(known: Iterable[_T], added: Iterable[_T]) -> tuple[_T, ...]:
    by_id: dict[str, _T] = {}
    for item in (*known, *added):
        by_id.setdefault(item.id, item)  # type: ignore[attr-defined]
    return tuple(by_id.values())
