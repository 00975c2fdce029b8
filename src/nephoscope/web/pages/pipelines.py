"""Pipelines: repositories with their trend, runs with their findings, and what the gate passed and the cloud violates."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from starlette.responses import Response

from nephoscope.estate.devops_documents import INSIDE, extract_repository_name
from nephoscope.posture.pipelines.repository_name import get_repository_scope
from nephoscope.posture.pipelines.run_document import FindingStanding, RunFinding
from nephoscope.posture.published.findings import FindingQuery, ListedFinding
from nephoscope.service.code_to_cloud import ViolatedPass, list_violated_passes
from nephoscope.service.pipelines import READ, list_readable_repositories, run_document
from nephoscope.state import NotFoundError
from nephoscope.state.estate.pipeline_records import PipelineRepository, PipelineRun, PipelineSeries
from nephoscope.web.lists.list_view import FoundRows, ListView, RowList, find_rows, show_rows
from nephoscope.web.lists.pipeline_run_list import build_finding_list, build_run_list
from nephoscope.web.lists.repository_finding_list import build_setting_list, build_violation_list
from nephoscope.web.lists.repository_list import ListedRepository, build_repository_list
from nephoscope.web.page_data.source_links import build_line_link, sanitize_link
from nephoscope.web.tables.page_tables import PageTable, download_table
from nephoscope.web.tables.table_download import build_csv_response
from nephoscope.web.visits.page import SAME, Page, PageArea
from nephoscope.web.visits.request_context import Visit
from nephoscope_policy.model.state import ComplianceState, Severity

ASSESSMENTS = "Microsoft.Security/assessments/read"
MOST_RUNS = 1_000
SEVERITIES = tuple(one.value for one in reversed(Severity))
#: The lists of the page, by what the address calls them.
TABS = {
    "repositories": "Repositories",
    "runs": "Runs",
    "violations": "Passed in the pipeline, unhealthy in Azure",
    "posture": "Repository settings",
}
Row = TypeVar("Row")
REPOSITORY_HEADER = (
    "Repository", "Default branch", "Highest severity", "Open items", "Failed now", "Change", "Last run",
)  # fmt: skip
RUN_HEADER = (
    "Started", "Repository", "Tool", "Category", "Branch", "Pull request", "Commit", "Failed", "New", "Fixed", "Reopened", "Unknown",
    "Run",
)  # fmt: skip
FINDING_HEADER = ("Standing", "Severity", "File", "Line", "Finding", "Rule", "Subject", "Message")
MOST_POSTURE = 10_000
POSTURE_HEADER = ("Severity", "Recommendation", "Repository", "Why", "Resource")
VIOLATION_HEADER = ("Severity", "Recommendation", "Resource", "Repository", "File", "Line", "Certain", "Why")


def fill_page(visit: Visit) -> Mapping[str, object] | Response:
    """Fill the list of repositories, or the one of their runs or findings where the address asks for it."""
    repositories = list_readable_repositories(visit.service)
    shown = {one.name: one.shown for one in repositories}
    runs = visit.instance.state.pipelines.runs(list(shown), MOST_RUNS)
    counts = visit.instance.state.pipelines.open_counts()
    listed = [_make_row(one, counts.get(one.name, {}), runs) for one in repositories]
    several: dict[str, ListChoice] = {
        "repositories": ListChoice.of(
            visit, build_repository_list(visit), listed, REPOSITORY_HEADER, _build_repository_row
        ),
        "runs": ListChoice.of(visit, build_run_list(visit, shown), runs, RUN_HEADER, _run_row),
        "violations": ListChoice.of(
            visit,
            build_violation_list(visit),
            _list_violations(visit, list(shown)),
            VIOLATION_HEADER,
            _build_violation_row,
        ),
        "posture": ListChoice.of(
            visit,
            build_setting_list(visit),
            _list_posture_findings(visit),
            POSTURE_HEADER,
            _build_posture_row,
        ),
    }
    if (
        file := download_table(visit, "pipelines", {name: one.table for name, one in several.items()})
    ) is not None:
        return file
    asked = visit.get_query_value("show")
    chosen = asked if asked in several else "repositories" if repositories else "posture"
    return {
        "repositories": len(repositories), "chosen": chosen, "list": several[chosen].view(),
        "tabs": [(name, TABS[name], one.total) for name, one in several.items()], "assessed": visit.snapshot is not None,
        "open": sum(sum(counts.get(name, {}).values()) for name in shown),
    }  # fmt: skip


@dataclass(frozen=True, slots=True)
class ListChoice:
    """One of the lists of the page: how many rows it has, and what makes its view and its file."""

    total: int
    view: Callable[[], ListView]
    table: Callable[[], PageTable]

    @classmethod
    def of(
        cls,
        visit: Visit,
        wanted: RowList[Row],
        every: Sequence[Row],
        header: Sequence[str],
        row_of: Callable[[Row], Iterable[object]],
    ) -> ListChoice:
        """Make the list of some rows."""

        def find() -> FoundRows[Row]:
            return find_rows(visit, wanted, every)

        return cls(
            len(every),
            lambda: show_rows(visit, wanted, find()),
            lambda: PageTable(header, map(row_of, find().rows)),
        )


def fill_repository_page(visit: Visit) -> Mapping[str, object] | Response:
    """Fill the page of a repository."""
    name = visit.parameters["name"].lower()
    found = next((one for one in list_readable_repositories(visit.service) if one.name == name), None)
    if found is None:
        raise NotFoundError(f"repository {name[:300]!r} not found, or you cannot access it")
    runs = visit.instance.state.pipelines.runs([name], MOST_RUNS)
    wanted = build_run_list(visit)
    rows = find_rows(visit, wanted, runs)
    if visit.get_query_value("format") == "csv":
        return build_csv_response("runs", RUN_HEADER, map(_run_row, rows.rows))
    return {
        "repository": found, "url": sanitize_link(found.url), "list": show_rows(visit, wanted, rows),
        "listed": _make_row(found, visit.instance.state.pipelines.open_counts().get(name, {}), runs),
        "series": [(one,
        count_failures_by_run([run for run in runs if run.series == one])) for one in dict.fromkeys(run.series for run in runs)],
        "severities": SEVERITIES,
    }  # fmt: skip


def run(visit: Visit) -> Mapping[str, object] | Response:
    """Fill the page of a run."""
    found = visit.instance.state.pipelines.run(visit.parameters["id"])
    if not visit.caller.is_permitted(READ, get_repository_scope(found.repository)):
        raise NotFoundError(f"pipeline run {found.id!r} not found")
    document = run_document(visit.service, found)
    every = sorted(document.findings, key=_build_sort_key)
    kept = visit.instance.state.pipelines.repository(found.repository)
    address = kept.url if kept else ""
    wanted = build_finding_list(
        lambda one: build_line_link(
            address, found.commit_id, one.finding.region.file, one.finding.region.line
        ),
        {one.finding.rule: one.title for one in every},
    )
    shown = find_rows(visit, wanted, every)
    if visit.get_query_value("format") == "csv":
        return build_csv_response("findings", FINDING_HEADER, map(_build_finding_row, shown.rows))
    return {
        "run": found, "repository": kept, "url": sanitize_link(found.url), "unread": document.unread, "any": bool(every),
        "list": show_rows(visit, wanted, shown),
    }  # fmt: skip


def count_failures_by_run(runs: Iterable[PipelineRun]) -> list[int]:
    """Return how many findings failed after each deciding run, the oldest first; of several series the sum of the newest of each."""
    newest: dict[PipelineSeries, int] = {}
    found = []
    for one in sorted((one for one in runs if one.decides), key=lambda one: one.started):
        newest[one.series] = one.counts["failed"]
        found.append(sum(newest.values()))
    return found


def open_items(visit: Visit) -> int | None:
    """Return how many work items are open in what the visitor may see."""
    names = {one.name for one in list_readable_repositories(visit.service)}
    if not names:
        return None
    counts = visit.instance.state.pipelines.open_counts()
    return sum(sum(several.values()) for name, several in counts.items() if name in names)


def _make_row(
    one: PipelineRepository, counts: Mapping[str, int], runs: Iterable[PipelineRun]
) -> ListedRepository:
    mine = [run for run in runs if run.repository == one.name]
    return ListedRepository(one, counts, mine[0] if mine else None, count_failures_by_run(mine))


def _list_violations(visit: Visit, names: Sequence[str]) -> list[ViolatedPass]:
    if visit.snapshot is None:
        return []
    return list_violated_passes(visit.service, visit.snapshot.findings, visit.reach(ASSESSMENTS), names)


def _list_posture_findings(visit: Visit) -> list[ListedFinding]:
    """The findings on how organizations and repositories are set up, the gravest first."""
    if visit.snapshot is None:
        return []
    wanted = FindingQuery(states=frozenset({ComplianceState.NON_COMPLIANT.value}), text=INSIDE)
    found = visit.snapshot.findings.page(
        visit.reach(ASSESSMENTS), wanted, order="severity", most=MOST_POSTURE
    )
    return [one for one in found if extract_repository_name(one.resource)]


def _build_posture_row(one: ListedFinding) -> tuple[object, ...]:
    return one.severity.value, one.title, extract_repository_name(one.resource), one.why, one.resource


def _build_sort_key(one: RunFinding) -> tuple[int, int, str, int]:
    standing = list(FindingStanding).index(one.standing)
    return standing, -one.finding.severity.rank, one.finding.region.file, one.finding.region.line


def _build_repository_row(one: ListedRepository) -> tuple[object, ...]:
    repository = one.repository
    now = one.trend[-1] if one.trend else ""
    change = "" if one.change is None else one.change
    last = one.last.started if one.last else ""
    return repository.shown, repository.default_branch, one.highest, sum(one.open.values()), now, change, last


def _run_row(one: PipelineRun) -> tuple[object, ...]:
    counts = one.counts
    return (
        one.started, one.repository, one.tool, one.category, one.branch, one.pull_request, one.commit_id, counts["failed"],
        counts["new"], counts["fixed"], counts["reopened"], counts["unknown"], one.id,
    )  # fmt: skip


def _build_finding_row(one: RunFinding) -> tuple[object, ...]:
    finding = one.finding
    return (
        one.standing.value,
        finding.severity.value,
        finding.region.file,
        finding.region.line,
        one.title,
        finding.rule,
        finding.subject,
        finding.message,
    )


def _build_violation_row(one: ViolatedPass) -> Iterator[object]:
    finding, planned = one.finding, one.origin.planned
    yield from (
        finding.severity.value,
        finding.title,
        finding.resource,
        planned.repository,
        planned.file,
        planned.line,
    )
    yield from (one.origin.certain, finding.why)


PAGES = (
    Page(
        "/pipelines", "Pipelines", "pipelines.html", READ, fill_page, PageArea.POSTURE, 30, repositories=True,
        under_scope="Repositories are not affected by the selected scope; violations are limited to {}.",
    ),
    Page(
        "/pipelines/repository/{name:path}", "Repository", "pipeline_repository.html", READ, fill_repository_page, repositories=True,
        under_scope=SAME,
    ),
    Page("/pipelines/runs/{id}", "Pipeline run", "pipeline_run.html", READ, run, repositories=True, under_scope=SAME),
)  # fmt: skip
