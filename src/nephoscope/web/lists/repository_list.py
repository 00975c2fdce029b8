"""The list of repositories that send results of pipelines: open work items, what failed last, and how that moved."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from nephoscope.state.estate.pipeline_records import PipelineRepository, PipelineRun
from nephoscope.web.lists.column_headers import ListColumn
from nephoscope.web.lists.column_kinds import build_number_column, build_text_column
from nephoscope.web.lists.list_cell import (
    ListCell,
    build_number_cell,
    build_severity_cell,
    build_text_cell,
    build_time_cell,
)
from nephoscope.web.lists.list_view import RowList
from nephoscope.web.lists.row_facets import RowFacet
from nephoscope.web.lists.severity_column import ORDER
from nephoscope_policy.model.state import Severity

if TYPE_CHECKING:
    from nephoscope.web.visits.request_context import Visit

_SEVERITIES = tuple(one.value for one in reversed(Severity))
_NONE = "No open work items"


@dataclass(frozen=True, slots=True)
class ListedRepository:
    """A row of the list: open work items by severity, the last run, and how many findings failed over time."""

    repository: PipelineRepository
    open: Mapping[str, int]
    last: PipelineRun | None
    trend: Sequence[int]

    @property
    def highest(self) -> str:
        """Return the highest severity of its open work items, '' where none is open."""
        return next((one for one in _SEVERITIES if self.open.get(one)), "")

    @property
    def change(self) -> int | None:
        """Return how many more findings fail than after the run before, None before the second run."""
        return self.trend[-1] - self.trend[-2] if len(self.trend) > 1 else None


def build_repository_list(visit: Visit) -> RowList[ListedRepository]:
    """Describe the list."""

    def build_title_cell(one: ListedRepository) -> ListCell:
        kept = one.repository
        return build_text_cell(kept.shown, visit.link(f"/pipelines/repository/{kept.name}"))

    def build_last_run_cell(one: ListedRepository) -> ListCell:
        return build_time_cell(one.last.started if one.last else None, "never")

    return RowList(
        "repositories", "repository",
        (
            ListColumn("repository", "Repository", build_title_cell, main=True, width="name"),
            build_text_column("branch", "Default branch", lambda one: one.repository.default_branch),
            ListColumn("highest", "Highest severity", lambda one: build_severity_cell(one.highest), largest=True, width="severity"),
            build_number_column(
                "open", "Open items", lambda one: sum(one.open.values()), optional=False, hint="Work items that are open"
            ),
            build_number_column("failed", "Failed now", lambda one: one.trend[-1] if one.trend else None),
            ListColumn("change", "Change", _draw_change, number=True, optional=True, hint="Failed findings, against the run before"),
            ListColumn("last", "Last run", build_last_run_cell, optional=True, largest=True, width="time"),
        ),
        lambda one: one.repository.name,
        (
            RowFacet("severity", "Highest severity", lambda one: (one.highest or _NONE,), order=(*ORDER, _NONE)),
            RowFacet("branch", "Default branch", lambda one: (one.repository.default_branch,)),
        ),
        lambda one: one.repository.shown, hint="Repository", several="repositories", order="-open",
    )  # fmt: skip


def _draw_change(one: ListedRepository) -> ListCell:
    return build_number_cell(
        one.change, text="" if one.change is None else f"{one.change:+,d}" if one.change else "0"
    )
