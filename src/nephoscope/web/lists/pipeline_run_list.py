"""The lists of pipelines: the runs of a repository, and the findings of a run."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from nephoscope.posture.pipelines.run_document import FindingStanding, RunFinding
from nephoscope.state.estate.pipeline_records import PipelineRun
from nephoscope.web.lists.column_headers import ListColumn
from nephoscope.web.lists.column_kinds import build_number_column, build_text_column, build_time_column
from nephoscope.web.lists.list_cell import CellMark, ListCell, build_state_cell, build_text_cell
from nephoscope.web.lists.list_view import RowList
from nephoscope.web.lists.row_facets import RowFacet
from nephoscope.web.lists.severity_column import build_severity_column, build_severity_facet
from nephoscope.web.rendering.condition_labels import humanize_conditions

if TYPE_CHECKING:
    from nephoscope.web.visits.request_context import Visit

_COUNTS = ("failed", "new", "fixed", "reopened", "unknown")
_TONES = {
    FindingStanding.NEW: "fail",
    FindingStanding.REOPENED: "fail",
    FindingStanding.FIXED: "pass",
}
_NO_NAMES: Mapping[str, str] = {}
_DECIDES = {"yes": "Default branch", "no": "Other branches"}


def build_run_list(visit: Visit, names: Mapping[str, str] = _NO_NAMES) -> RowList[PipelineRun]:
    """Describe the list of the runs of a repository, or of several: `names` are those that people know them by."""

    def build_title_cell(one: PipelineRun) -> ListCell:
        name = f"{one.branch} #{one.pull_request}" if one.pull_request else one.branch
        marks = () if one.decides else (CellMark("feature branch", title=one.note),)
        return build_text_cell(
            name, visit.link(f"/pipelines/runs/{one.id}"), note=one.commit_id[:10], marks=marks
        )

    def get_repository_name(one: PipelineRun) -> str:
        return names.get(one.repository, one.repository)

    def count(name: str) -> ListColumn[PipelineRun]:
        return build_number_column(
            name,
            name.capitalize(),
            lambda one: one.counts[name],
            optional=name not in ("failed", "new"),
            shown=name in ("failed", "new", "fixed"),
        )

    return RowList(
        "pipeline-runs", "run",
        (
            ListColumn("run", "Run", build_title_cell, main=True, width="title"),
            *([build_text_column("repository", "Repository", get_repository_name)] if names else []),
            build_time_column("started", "Started", lambda one: one.started),
            build_text_column("tool", "Tool", lambda one: f"{one.tool} {one.category}".strip()),
            *map(count, _COUNTS),
        ),
        lambda one: one.id,
        (
            *([RowFacet("repository", "Repository", lambda one: (get_repository_name(one),))] if names else []),
            RowFacet("decides", "Branch", lambda one: ("yes" if one.decides else "no",), lambda one: _DECIDES.get(one, one)),
            RowFacet("tool", "Tool", lambda one: (one.tool,)),
            RowFacet("category", "Category", lambda one: (one.category,)),
        ),
        lambda one: f"{get_repository_name(one)} {one.branch} #{one.pull_request} {one.commit_id} {one.tool} {one.category}",
        hint="Branch, pull request or commit",
    )  # fmt: skip


def build_finding_list(
    source: Callable[[RunFinding], str], titles: Mapping[str, str] = _NO_NAMES
) -> RowList[RunFinding]:
    """Describe the list of the findings of a run; `source` gives where a line is read, '' where that is not known.

    `titles` are those of the rules, by id.
    """

    def build_title_cell(one: RunFinding) -> ListCell:
        return build_text_cell(
            one.title, note=humanize_conditions(one.finding.message.removeprefix(f"{one.title}: "))
        )

    def build_location_cell(one: RunFinding) -> ListCell:
        at = one.finding.region
        return build_text_cell(f"{at.file}:{at.line}" if at.file else "", source(one))

    return RowList(
        "run-findings", "finding",
        (
            ListColumn("standing", "Change", lambda one: build_state_cell(one.standing.value, _TONES.get(one.standing, "")),
            width="state"),
            build_severity_column(lambda one: one.finding.severity.value),
            ListColumn("title", "Finding", build_title_cell, main=True, width="title"),
            ListColumn("location", "Location", build_location_cell, optional=True),
            build_text_column("reason", "Reason", lambda one: humanize_conditions(one.finding.reason), shown=False),
            build_text_column("rule", "Rule", lambda one: one.finding.rule, shown=False),
            build_text_column("subject", "Subject", lambda one: one.finding.subject, shown=False),
        ),
        lambda one: f"{one.fingerprint} {one.standing.value}",
        (
            RowFacet("standing", "Change", lambda one: (one.standing.value,), order=[one.value for one in FindingStanding]),
            build_severity_facet(lambda one: one.finding.severity.value),
            RowFacet("rule", "Rule", lambda one: (one.finding.rule,), lambda one: titles.get(one, one)),
        ),
        lambda one: f"{one.title} {one.finding.rule} {one.finding.region.file} {one.finding.subject}",
        hint="Finding, rule, file or subject",
    )  # fmt: skip
