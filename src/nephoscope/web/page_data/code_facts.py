"""Facts for a resource's page about the code that deployed it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from nephoscope.service.code_to_cloud import find_origins, list_open_items
from nephoscope.service.pipelines import READ
from nephoscope_policy.model.state import ComplianceState

if TYPE_CHECKING:
    from nephoscope.posture.pipelines.resource_origins import CodeOrigin
    from nephoscope.posture.published.findings import ListedFinding
    from nephoscope.state.estate.pipeline_records import WorkItem
    from nephoscope.web.visits.request_context import Visit


@dataclass(frozen=True, slots=True)
class CodeFacts:
    """The templates that made a resource, the open work items about it, and what it violates though a template passes it."""

    origins: Sequence[CodeOrigin] = ()
    items: Sequence[WorkItem] = ()
    violated: Sequence[tuple[ListedFinding, CodeOrigin]] = ()


def list_code_rows(code: CodeFacts | None) -> Iterator[tuple[str, str, str, str, int, str]]:
    """Give the rows of the file of the section."""
    for one in code.origins if code else ():
        planned = one.planned
        word = "deployed by" if one.certain else "possibly deployed by"
        yield word, "", "", planned.file, planned.line, planned.repository
    for item in code.items if code else ():
        yield "open work item", item.severity, item.title, item.file, item.line, item.repository
    for finding, origin in code.violated if code else ():
        planned = origin.planned
        yield (
            "passed in the pipeline", finding.severity.value, finding.title, planned.file, planned.line, planned.repository
        )  # fmt: skip


def find_code_facts(visit: Visit, id_: str, findings: Sequence[ListedFinding]) -> CodeFacts | None:
    """Return what is known of the code behind a lower-cased id; None for who may read no repository."""
    if not visit.caller.has_in_any_repository(READ):
        return None
    origins = find_origins(visit.service, id_)
    violated = [
        (one, origin)
        for one in findings
        if one.state is ComplianceState.NON_COMPLIANT
        for origin in origins
        if one.recommendation in origin.planned.passed
    ]
    return CodeFacts(origins, list_open_items(visit.service, id_), violated)
