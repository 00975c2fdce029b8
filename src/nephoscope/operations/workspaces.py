"""Manage workspaces: named sets of tables with retention and scope."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated

import msgspec
from msgspec import UNSET, UnsetType

from nephoscope.operations.declaration.operation import (
    ApiRoute,
    CommandLine,
    OperationCall,
    OperationGroup,
    get_workspace_scope,
)
from nephoscope.operations.declaration.operation_page import OperationForm, PageColumn, SectionList
from nephoscope.operations.declaration.request_field import describe
from nephoscope.operations.declaration.schemas import Shape, Text
from nephoscope.service import workspaces as service
from nephoscope.service.workspaces import DELETE, FIELDS, READ, WRITE
from nephoscope.state.workspaces.workspace import DEFAULT, RETENTION_DAYS, Workspace
from nephoscope.state.workspaces.workspaces import MAX_RETENTION_DAYS

OPERATIONS = OperationGroup(
    "workspaces", "Workspaces", "A workspace", "Manage workspaces: each has its own tables, retention and row-level scope."
)  # fmt: skip
WorkspaceName = Annotated[
    str,
    msgspec.Meta(pattern=r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$(?!\n)", description="A workspace's name."),
]
Days = Annotated[
    int,
    describe(
        "Retention in days.",
        label="Retention in days",
        option="--retention",
        metavar="DAYS",
        ge=1,
        le=MAX_RETENTION_DAYS,
    ),
]
Tables = Annotated[
    tuple[Text, ...],
    describe(
        "Accept only this table (default: all).", label="Tables", option="--table", metavar="NAME", max_length=1000,
        none=("--every-table", "Accept rows of every table again."),
    ),
]  # fmt: skip
Subscriptions = Annotated[
    tuple[Text, ...],
    describe(
        "Show only rows of this subscription; by default, all rows.", option="--subscription", metavar="ID", max_length=1000,
        none=("--every-subscription", "Show all rows again."),
    ),
]  # fmt: skip
Description = Annotated[Text, describe("Description.", metavar="TEXT")]


class WorkspaceShape(Shape, frozen=True, kw_only=True):
    """A workspace; `tables` has the days of tables that are kept otherwise, null of the others means all."""

    name: str
    id: str
    description: str
    days: int
    tables: Mapping[str, int]
    members: tuple[str, ...] | None
    subscriptions: tuple[str, ...] | None
    created: datetime | None


class WorkspaceList(Shape, frozen=True, kw_only=True):
    """Workspaces of which the caller may read the settings."""

    value: tuple[WorkspaceShape, ...]


class NewWorkspace(Shape, frozen=True, kw_only=True):
    """A workspace to be made."""

    name: Annotated[WorkspaceName, describe("A workspace's name.", argument=True)]
    days: Days = RETENTION_DAYS
    members: Tables | None = None
    subscriptions: Subscriptions | None = None
    description: Description = ""


class WorkspaceChange(Shape, frozen=True, kw_only=True):
    """Changes of a workspace; what is left out stays, null means all."""

    days: Days | UnsetType = UNSET
    members: Tables | UnsetType | None = UNSET
    subscriptions: Subscriptions | UnsetType | None = UNSET
    description: Description | UnsetType = UNSET


def _list_rows(found: WorkspaceList) -> list[dict[str, object]]:
    return [
        {
            "name": one.name, "id": one.id, "retention": one.days, "tables": one.members, "subscriptions": one.subscriptions,
            "description": one.description, "tableRetention": one.tables, "created": one.created,
        }
        for one in found.value
    ]  # fmt: skip


def _describe_retention(one: WorkspaceShape) -> str:
    tables = "every table" if one.members is None else ", ".join(one.members)
    shown = "all" if one.subscriptions is None else ", ".join(one.subscriptions)
    return f"retention {one.days} days; tables: {tables}; subscriptions: {shown}"


@OPERATIONS.operation(
    READ, ApiRoute("GET", "/workspaces", scoped=None),
    CommandLine(
        "list", columns=("name", "id", "retention", "tables", "subscriptions", "description"), rows=_list_rows,
        absent={"tables": "every", "subscriptions": "all"},
    ),
    page=SectionList(
        "Workspaces and retention", "Data", "workspace",
        "Each workspace has its own tables, retention and row-level scope. Rows older than the retention are deleted.",
        key="name", guide="lake.md",
        columns=(
            PageColumn("name", "Workspace"), PageColumn("retention", "Retention in days"),
            PageColumn("tables", "Tables", optional=True), PageColumn("subscriptions", "Subscriptions", optional=True),
            PageColumn("description", "Description", optional=True),
        ),
    ),
)  # fmt: skip
def list_workspaces(call: OperationCall) -> WorkspaceList:
    """List the workspaces whose settings the caller may read; `default` always exists."""
    may = call.service.actor.is_permitted
    found = call.state.workspaces.all()
    return WorkspaceList(
        value=tuple(_build_shape(one) for one in found if may(READ, f"/workspaces/{one.name}"))
    )


@OPERATIONS.operation(
    WRITE, ApiRoute("POST", "/workspaces", status=201),
    CommandLine("add", lambda made: f"workspace {made.name} added: {made.id}, {_describe_retention(made)}"),
    page=OperationForm("Add a workspace"),
)  # fmt: skip
def add_workspace(call: OperationCall, body: NewWorkspace) -> WorkspaceShape:
    """Add a workspace, named by lowercase letters, digits and dashes."""
    settings = {field: getattr(body, field) for field in FIELDS}
    return _build_shape(service.add_workspace(call.service, body.name, settings))


@OPERATIONS.operation(READ, ApiRoute("GET", "/workspaces/{name}", scoped=get_workspace_scope))
def get_workspace(call: OperationCall, name: WorkspaceName) -> WorkspaceShape:
    """Show one workspace."""
    return _build_shape(call.state.workspaces.get(name))


@OPERATIONS.operation(
    WRITE, ApiRoute("PATCH", "/workspaces/{name}"),
    CommandLine("set", lambda changed: f"workspace {changed.name}: {_describe_retention(changed)}"),
    page=OperationForm("Save settings"),
)  # fmt: skip
def change_workspace(call: OperationCall, name: WorkspaceName, body: WorkspaceChange) -> WorkspaceShape:
    """Change a workspace; other settings are preserved. A list of tables or subscriptions replaces the
    present one. A shorter retention permanently deletes rows at the next clean-up.
    """
    given = {field: getattr(body, field) for field in FIELDS}
    wanted = {field: value for field, value in given.items() if value is not UNSET}
    return _build_shape(service.change_workspace(call.service, name, wanted))


@OPERATIONS.operation(
    DELETE,
    command=CommandLine("remove", "workspace {name} removed"),
    needs_lake=True,
    page=OperationForm("Delete", closes=True, danger=True, when=lambda row: row["name"] != DEFAULT),
)
def remove_workspace(call: OperationCall, name: WorkspaceName) -> None:
    """Delete an empty workspace, which no source, registry or agent writes to, with its rules' settings,
    suppressions, incidents, watchlists and role assignments. A workspace with rows in its tables is refused:
    rows expire only by retention, so that none is deleted by mistake.
    """
    service.remove_workspace(call.service, name, call.lake)


def _build_shape(one: Workspace) -> WorkspaceShape:
    return WorkspaceShape(
        name=one.name, id=one.id, description=one.description, days=one.days, tables=dict(one.table_days),
        members=None if one.members is None else tuple(sorted(one.members)),
        subscriptions=None if one.subscriptions is None else tuple(sorted(one.subscriptions)), created=one.created,
    )  # fmt: skip
