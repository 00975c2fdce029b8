"""Workspaces: how long rows are kept, which tables and subscriptions a workspace has."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated

import msgspec

from nephoscope.admin.wire.admin_request import AdminRequest
from nephoscope.admin.wire.common_schemas import Shape, Text
from nephoscope.admin.wire.route import RouteSection, of_workspace
from nephoscope.api.wire.azure_error import missing_fault
from nephoscope.service.workspaces import FIELDS, READ, WRITE, add_workspace, change_workspace
from nephoscope.state.workspaces.workspace import RETENTION_DAYS, Workspace
from nephoscope.state.workspaces.workspaces import MAX_RETENTION_DAYS

SECTION = RouteSection("workspaces", "Workspaces")
WorkspaceName = Annotated[
    str,
    msgspec.Meta(pattern=r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$(?!\n)", description="A workspace's name."),
]
Days = Annotated[int, msgspec.Meta(ge=1, le=MAX_RETENTION_DAYS, description="Retention in days.")]
Several = Annotated[tuple[Text, ...], msgspec.Meta(max_length=1000)]


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

    name: WorkspaceName
    description: Text = ""
    days: Days = RETENTION_DAYS
    members: Several | None = None
    subscriptions: Several | None = None


class WorkspaceChange(Shape, frozen=True, kw_only=True):
    """What is to change; what is left out stays, null means all."""

    description: Text | msgspec.UnsetType = msgspec.UNSET
    days: Days | msgspec.UnsetType = msgspec.UNSET
    members: Several | msgspec.UnsetType | None = msgspec.UNSET
    subscriptions: Several | msgspec.UnsetType | None = msgspec.UNSET


@SECTION.route("GET", "/workspaces", READ, scoped=None)
def workspaces(ask: AdminRequest) -> WorkspaceList:
    """The workspaces that the caller may read the settings of."""
    found = ask.instance.state.workspaces.all()
    return WorkspaceList(
        value=tuple(_workspace_shape(one) for one in found if ask.caller.may(READ, f"/workspaces/{one.name}"))
    )


@SECTION.route("POST", "/workspaces", WRITE, status=201)
def add(ask: AdminRequest, body: NewWorkspace) -> WorkspaceShape:
    """Make a workspace."""
    settings = {field: getattr(body, field) for field in FIELDS}
    return _workspace_shape(add_workspace(ask.service, body.name, settings))


@SECTION.route("GET", "/workspaces/{name}", READ, scoped=of_workspace)
def one(ask: AdminRequest, name: WorkspaceName) -> WorkspaceShape:
    """One workspace."""
    return _workspace_shape(_require_workspace(ask, name))


@SECTION.route("PATCH", "/workspaces/{name}", WRITE)
def change(ask: AdminRequest, name: WorkspaceName, body: WorkspaceChange) -> WorkspaceShape:
    """Change a workspace; rows that are older than its days go within the hour."""
    _require_workspace(ask, name)
    given = {field: getattr(body, field) for field in FIELDS}
    wanted = {field: value for field, value in given.items() if value is not msgspec.UNSET}
    return _workspace_shape(change_workspace(ask.service, name, wanted))


def _require_workspace(ask: AdminRequest, name: str) -> Workspace:
    found = next((one for one in ask.instance.state.workspaces.all() if one.name == name), None)
    if found is None:
        raise missing_fault(f"A workspace {name}")
    return found


def _workspace_shape(one: Workspace) -> WorkspaceShape:
    return WorkspaceShape(
        name=one.name, id=one.id, description=one.description, days=one.days, tables=dict(one.table_days),
        members=None if one.members is None else tuple(sorted(one.members)),
        subscriptions=None if one.subscriptions is None else tuple(sorted(one.subscriptions)), created=one.created,
    )  # fmt: skip
