"""Microsoft.Authorization policy definitions, initiatives and assignments that the evaluation went by."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from nephoscope.files.json_tree import get_tree
from nephoscope.posture.published.document import PublishedDocument, build_arm_body, drop_empty

if TYPE_CHECKING:
    from nephoscope.posture.history.evaluation_diff import RememberedState
    from nephoscope.posture.recommendations.finding_subject import Subject
    from nephoscope.posture.reports.report import Report
    from nephoscope_policy.assignment import Assignment
    from nephoscope_policy.catalog_entry import CatalogEntry

ASSIGNMENTS = "Microsoft.Authorization/policyAssignments"
_SPELLED = {
    "definition": "Microsoft.Authorization/policyDefinitions",
    "initiative": "Microsoft.Authorization/policySetDefinitions",
}


def build_documents(report: Report, past: Mapping[Subject, RememberedState]) -> Iterator[PublishedDocument]:  # noqa: ARG001 - a kind's signature
    """Yield what is loaded, newest versions, and what is assigned; what the estate itself holds is published with the estate."""
    held = report.run.estate.resources
    catalog = report.run.catalog
    for entry in (*catalog.definitions(), *catalog.initiatives()):
        if entry.id not in held:
            yield PublishedDocument.of(_load_definition(entry), title=entry.display_name or entry.name)
    for assignment in report.run.plan.assignments:
        if assignment.id not in held:
            yield PublishedDocument.of(_build_assignment(assignment), title=assignment.display_name)


def _load_definition(entry: CatalogEntry) -> dict[str, object]:
    """A loaded definition; what stands over every subscription is built in, as Azure calls it: nobody made it in the estate."""
    body = {**entry.document(), "type": _SPELLED[entry.kind]}
    if entry.id.startswith("/providers/microsoft.authorization/"):
        body["properties"] = {**get_tree(body, "properties"), "policyType": "BuiltIn"}
    return body


def _build_assignment(one: Assignment) -> dict[str, object]:
    properties = drop_empty(
        {
            "displayName": one.display_name,
            "description": one.description,
            "policyDefinitionId": one.target,
            "scope": one.scope or "/",
            "notScopes": list(one.not_scopes),
            "parameters": {name: {"value": value} for name, value in one.parameters.items()},
            "enforcementMode": one.enforcement_mode,
            # of the estate are those alone that it holds itself: a collector that reads a nephoscope server leaves these out
            "metadata": {"assignedBy": "nephoscope", **one.metadata},
        }.items()
    )
    return build_arm_body(one.id, ASSIGNMENTS, dict(properties))
