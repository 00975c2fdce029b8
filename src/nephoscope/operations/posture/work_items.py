"""Work items of pipelines: findings of default branches over their lives."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from nephoscope.operations.declaration.operation import ApiRoute, CommandLine, OperationCall, OperationGroup
from nephoscope.operations.declaration.request_field import describe
from nephoscope.operations.declaration.schemas import Shape, to_shape
from nephoscope.operations.posture.pipelines import (
    READ,
    Repository,
    RepositoryQuery,
    Top,
    list_names,
    list_places,
)

OPERATIONS = OperationGroup("pipelines", "Pipelines", "A work item")


class WorkItemShape(Shape, frozen=True, kw_only=True):
    """A finding of the default branch over its life; `reopened` counts how often it came back."""

    id: str
    repository: str
    tool: str
    status: str
    rule: str
    title: str
    severity: str
    file: str
    line: int
    message: str
    subject: str
    opened: datetime
    closed: datetime | None
    reopened: int


class WorkItemList(Shape, frozen=True, kw_only=True):
    """The newest of them; `total` is how many there are."""

    value: tuple[WorkItemShape, ...]
    total: int


class WorkItemQuery(Shape, frozen=True, kw_only=True):
    """Query for work items by repository, status and further filters."""

    repository: Repository = ""
    status: Literal["", "Open", "Fixed", "Suppressed"] = ""
    top: Top = 100


class OpenItemQuery(RepositoryQuery, frozen=True, kw_only=True):
    """A filter of the work items that a command lists: open ones, or all."""

    every: Annotated[bool, describe("Include closed work items.", option="--all")] = False


@OPERATIONS.operation(READ, ApiRoute("GET", "/pipelines/work-items", scoped=None))
def list_work_items(call: OperationCall, query: WorkItemQuery) -> WorkItemList:
    """The work items of one repository or of all that the caller may read, the newest first."""
    from nephoscope.state.estate.pipeline_records import WorkItemFilter, WorkItemStatus

    statuses = [WorkItemStatus(query.status)] if query.status else []
    names, held = list_names(call, query.repository), call.state.pipelines
    found = held.items(names, statuses, most=query.top)
    total = sum(held.count_items(WorkItemFilter(names, statuses), "status").values())
    return WorkItemList(value=tuple(to_shape(WorkItemShape, one) for one in found), total=total)


@OPERATIONS.operation(
    READ,
    command=CommandLine(
        "items", columns=("status", "severity", "repository", "place", "title", "opened", "id"),
        rows=lambda found: list_places(found.value), nothing="no work items",
    ),
)  # fmt: skip
def list_open_work_items(call: OperationCall, query: OpenItemQuery) -> WorkItemList:
    """List work items of a repository, or of all, newest first."""
    status: Literal["", "Open"] = "" if query.every else "Open"
    found: WorkItemList = list_work_items(
        call, WorkItemQuery(repository=query.repository, status=status, top=query.top)
    )
    return found
