"""The lists of findings about repositories: of their settings, and of resources that a template passed and Azure does not."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nephoscope.estate.devops_documents import extract_repository_name
from nephoscope.model.resource_names import shorten_name
from nephoscope.posture.published.findings import ListedFinding
from nephoscope.service.code_to_cloud import ViolatedPass
from nephoscope.web.lists.column_headers import ListColumn
from nephoscope.web.lists.column_kinds import build_text_column
from nephoscope.web.lists.list_cell import CellMark, ListCell, build_text_cell
from nephoscope.web.lists.list_view import RowList
from nephoscope.web.lists.row_facets import RowFacet
from nephoscope.web.lists.severity_column import build_severity_column, build_severity_facet
from nephoscope.web.rendering.formatting import format_finding

if TYPE_CHECKING:
    from nephoscope.web.visits.request_context import Visit


def _build_title_cell(visit: Visit, one: ListedFinding) -> ListCell:
    return build_text_cell(format_finding(one.title), visit.link(f"/recommendations/{one.recommendation}"))


def build_setting_list(visit: Visit) -> RowList[ListedFinding]:
    """Describe the list of unhealthy settings of repositories."""

    def build_repository_cell(one: ListedFinding) -> ListCell:
        return build_text_cell(
            extract_repository_name(one.resource), visit.link(f"/resource{one.resource.lower()}")
        )

    return RowList(
        "repository-settings", "finding",
        (
            build_severity_column(lambda one: one.severity.value),
            ListColumn("title", "Recommendation", lambda one: _build_title_cell(visit, one), main=True, width="title"),
            ListColumn("repository", "Repository", build_repository_cell, optional=True),
            build_text_column("reason", "Reason", lambda one: one.why),
        ),
        lambda one: one.id,
        (
            build_severity_facet(lambda one: one.severity.value),
            RowFacet("repository", "Repository", lambda one: (extract_repository_name(one.resource),)),
        ),
        lambda one: f"{one.title} {extract_repository_name(one.resource)} {one.why}", hint="Recommendation or repository",
        about_of=lambda one: one.why,
    )  # fmt: skip


def build_violation_list(visit: Visit) -> RowList[ViolatedPass]:
    """Describe the list of recommendations that a template passes and its resource fails."""

    def build_resource_cell(one: ViolatedPass) -> ListCell:
        id_ = one.finding.resource
        return build_text_cell(shorten_name(id_), visit.link(f"/resource{id_.lower()}"), whole=id_)

    def build_template_cell(one: ViolatedPass) -> ListCell:
        planned = one.origin.planned
        marks = (
            ()
            if one.origin.certain
            else (CellMark("possibly", title="The template does not contain the complete ID"),)
        )
        return build_text_cell(
            f"{planned.file}:{planned.line}", visit.link(f"/pipelines/runs/{planned.run}"), marks=marks
        )

    return RowList(
        "violations", "violation",
        (
            build_severity_column(lambda one: one.finding.severity.value),
            ListColumn("title", "Recommendation", lambda one: _build_title_cell(visit, one.finding), main=True, width="title"),
            ListColumn("resource", "Resource", build_resource_cell, optional=True),
            ListColumn("template", "Template", build_template_cell, optional=True),
            build_text_column("repository", "Repository", lambda one: one.origin.planned.repository),
        ),
        lambda one: f"{one.finding.id} {one.origin.planned.run}",
        (
            build_severity_facet(lambda one: one.finding.severity.value),
            RowFacet("repository", "Repository", lambda one: (one.origin.planned.repository,)),
            RowFacet("file", "Template", lambda one: (one.origin.planned.file,)),
        ),
        lambda one: f"{one.finding.title} {one.finding.resource} {one.origin.planned.file}",
        hint="Recommendation, resource or template", about_of=lambda one: one.finding.explanation,
    )  # fmt: skip
