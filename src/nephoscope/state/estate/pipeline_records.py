"""Records of pipelines: repositories, their runs, the resources that their files deploy, and work items with their filter."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from sqlalchemy import ColumnElement, or_

from nephoscope.state.tables.pipeline_rows import WorkItemRow


class WorkItemStatus(StrEnum):
    """Status of a work item: FIXED and SUPPRESSED are closed."""

    OPEN = "Open"
    FIXED = "Fixed"
    SUPPRESSED = "Suppressed"


@dataclass(frozen=True, slots=True)
class PipelineSeries:
    """Runs that are compared with each other: of one tool over one part of a repository. `repository` is lower-cased."""

    repository: str
    tool: str
    category: str = ""


@dataclass(frozen=True, slots=True)
class PipelineRepository:
    """A repository; work items follow the runs of its default branch, which runs say until somebody chooses it."""

    name: str
    shown: str
    default_branch: str
    url: str
    created: datetime
    changed: datetime
    branch_chosen: bool = False


@dataclass(frozen=True, slots=True)
class PipelineRun:
    """A run: `decides` where it changed work items, else `note` says why it did not.

    `counts` has failed, unknown, suppressed, unread, new, fixed, reopened; `severities` how many failed by severity.
    """

    id: str
    repository: str
    tool: str
    category: str
    tool_version: str
    run_id: str
    branch: str
    commit_id: str
    pull_request: str
    url: str
    started: datetime
    received: datetime
    author: str
    decides: bool
    note: str
    digest: str
    counts: dict[str, int] = field(default_factory=dict)
    severities: dict[str, int] = field(default_factory=dict)

    @property
    def series(self) -> PipelineSeries:
        """Return what the run is compared within."""
        return PipelineSeries(self.repository, self.tool, self.category)


@dataclass(frozen=True, slots=True)
class PlannedOrigin:
    """A place of a file that makes a resource; `exact` where its whole id is known, else `id` has unknown parts in braces."""

    repository: str
    tool: str
    category: str
    id: str
    file: str
    line: int
    column: int
    type: str
    exact: bool
    conditional: bool
    run: str
    passed: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class WorkItem:
    """A finding of the default branch over its whole life; `reopened` counts how often it came back."""

    id: str
    repository: str
    tool: str
    category: str
    fingerprint: str
    status: WorkItemStatus
    rule: str
    title: str
    severity: str
    file: str
    line: int
    column: int
    message: str
    subject: str
    opened: datetime
    opened_run: str
    closed: datetime | None
    closed_run: str
    seen_run: str
    reopened: int = 0


@dataclass(frozen=True, slots=True)
class WorkItemFilter:
    """Work items of lower-cased repositories (None = all), some statuses and severities (none = all), with a text in what is shown."""

    repositories: Collection[str] | None = None
    statuses: Collection[str] = ()
    severities: Collection[str] = ()
    text: str = ""
    tools: Collection[str] = ()

    def conditions(self) -> Iterator[ColumnElement[bool]]:
        """Give the conditions on rows."""
        row = WorkItemRow
        if self.repositories is not None:
            yield row.repository.in_(self.repositories)
        if self.statuses:
            yield row.status.in_(self.statuses)
        if self.severities:
            yield row.severity.in_(self.severities)
        if self.tools:
            yield row.tool.in_(self.tools)
        if self.text:
            columns = (row.title, row.rule, row.file, row.subject, row.tool)
            yield or_(*(one.icontains(self.text, autoescape=True) for one in columns))
