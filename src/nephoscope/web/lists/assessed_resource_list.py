"""The list of the resources that a recommendation assesses: how each stands, why, and which template made it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING

from nephoscope.model.resource_names import shorten_name
from nephoscope.posture.published.findings import SHOWN_STATES, FindingQuery, ListedFinding
from nephoscope.web.lists.column_headers import ListColumn
from nephoscope.web.lists.list_cell import CellMark, ListCell, build_state_cell, build_text_cell
from nephoscope.web.lists.list_view import RowList
from nephoscope.web.lists.query_facets import Chosen, QueryFacet
from nephoscope.web.rendering.condition_labels import cite_conditions, humanize_conditions
from nephoscope.web.rendering.formatting import STATES, describe_cause_or_state, name_kind
from nephoscope_policy.model.state import ComplianceState

if TYPE_CHECKING:
    from nephoscope.posture.pipelines.resource_origins import CodeOrigin
    from nephoscope.web.visits.request_context import Visit

TICK = "selected"
STATE_FACETS = (
    QueryFacet(
        "state", "Status", lambda one: STATES[ComplianceState(one)], [one.value for one in SHOWN_STATES],
        frozenset({ComplianceState.NON_COMPLIANT.value}),
    ),
    QueryFacet("cause", "Reason", describe_cause_or_state),
)  # fmt: skip


def narrow_findings(key: str, chosen: Chosen, text: str) -> FindingQuery:
    """Return what the chosen values ask for, of one recommendation."""
    return FindingQuery(
        recommendations=frozenset({key}), states=chosen["state"], causes=chosen["cause"], text=text
    )


def build_assessed_list(
    visit: Visit,
    origins: Mapping[str, Sequence[CodeOrigin]],
    exemptable: Collection[str],
    held: Collection[str],
) -> RowList[ListedFinding]:
    """Describe the list; a resource of `exemptable` can be ticked, one of `held` is exempt from the next assessment on."""

    def build_title_cell(one: ListedFinding) -> ListCell:
        name = (
            shorten_name(one.resource) if "/providers/" in one.resource else visit.name_resource(one.resource)
        )
        tenant = visit.find_tenant(one.resource, one.tenant)
        note = f"{name_kind(one.resource)} tenant {tenant}" if tenant else name_kind(one.resource)
        waits = one.resource in held and one.state is ComplianceState.NON_COMPLIANT
        marks = [CellMark("exemption pending", title="exempt after the next assessment")] if waits else []
        return build_text_cell(name, visit.resource(one.resource, one.tenant), note=note, marks=marks)

    def build_origin_cell(one: ListedFinding) -> ListCell:
        first = next(iter(origins.get(one.resource, ())), None)
        if first is None:
            return ListCell()
        planned = first.planned
        note = planned.repository if first.certain else f"possibly, {planned.repository}"
        return build_text_cell(
            f"{planned.file}:{planned.line}", visit.link(f"/pipelines/runs/{planned.run}"), note=note
        )

    return RowList(
        "assessed-resources", "resource",
        (
            ListColumn("state", "Status", _build_state_cell, width="state"),
            ListColumn("resource", "Resource", build_title_cell, main=True, width="title"),
            ListColumn("reason", "Reason", _build_reason_cell, optional=True, sorted=False),
            *([ListColumn("origin", "Deployed by", build_origin_cell, optional=True, sorted=False)] if origins else []),
        ),
        lambda one: f"{one.resource} {one.tenant}".strip(), hint="Resource", order="resource",
        tick=TICK if exemptable else "", tick_of=lambda one: one.resource if one.resource in exemptable else "",
        about_of=lambda one: humanize_conditions(_explain_finding(one)),
    )  # fmt: skip


def _build_reason_cell(one: ListedFinding) -> ListCell:
    """Say the conditions in words; the whole has them as they were judged, too."""
    return build_text_cell(
        humanize_conditions(_explain_finding(one)), whole=cite_conditions(_explain_finding(one))
    )


def _explain_finding(one: ListedFinding) -> str:
    return one.explanation or describe_cause_or_state(one.cause)


def _build_state_cell(one: ListedFinding) -> ListCell:
    return build_state_cell(STATES[one.state], one.state.value.lower())
