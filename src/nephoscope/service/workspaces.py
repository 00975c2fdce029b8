"""Workspaces and how long their tables keep rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nephoscope.service.actors import ROOT_SCOPE
from nephoscope.state import StateError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from nephoscope.lake.lake import Lake
    from nephoscope.lake.maintenance.table_inventory import ExpiredDays
    from nephoscope.lake.schema.table import LakeTable
    from nephoscope.service.service_context import ServiceContext
    from nephoscope.state.workspaces.workspace import Workspace

READ, WRITE, DELETE = (
    "Nephoscope/workspaces/read",
    "Nephoscope/workspaces/write",
    "Nephoscope/workspaces/delete",
)
TABLE_WRITE = "Microsoft.OperationalInsights/workspaces/tables/write"
#: What may be changed of a workspace.
FIELDS = ("days", "members", "subscriptions", "description")
PURGE = "Microsoft.OperationalInsights/workspaces/purge/action"
#: Tables that a refusal and an entry name.
_NAMED, _LISTED = 5, 20


def add_workspace(context: ServiceContext, name: str, settings: Mapping[str, Any]) -> Workspace:
    """Make a workspace with some of `FIELDS`. Raises DeniedError; StateError for what cannot be meant or is there already."""
    with context.change(WRITE, ROOT_SCOPE, _format_target(name), act="add", **settings):
        return context.state.workspaces.add(name, **settings)


def change_workspace(context: ServiceContext, name: str, settings: Mapping[str, object]) -> Workspace:
    """Change some of `FIELDS`; None of members and subscriptions means all. A shorter retention removes rows for good.

    Raises DeniedError; StateError for what cannot be meant; NotFoundError where there is no such workspace.
    """
    context.require(WRITE)
    found = context.state.workspaces.get(name)
    before = {field: _to_audit_detail(getattr(found, field)) for field in settings}
    detail = {field: _to_audit_detail(value) for field, value in settings.items()}
    with context.change(WRITE, ROOT_SCOPE, _format_target(name), act="change", **detail, before=before):
        return context.state.workspaces.set(name, **settings)


def remove_workspace(context: ServiceContext, name: str, lake: Lake) -> None:
    """Forget a workspace that nothing writes to and that holds no rows, with all that the state has of it and all that was learned.

    What went is in the entry, by table. Raises DeniedError; StateError where rows, or what writes to it, are left; NotFoundError where
    there is no such workspace.
    """
    from nephoscope.behavior.profiles import remove_profiles
    from nephoscope.lake.maintenance.table_inventory import list_table_inventory

    context.require(DELETE)
    context.state.workspaces.get(name)
    lake.flush()
    held = sorted((one.table, one.rows) for one in list_table_inventory(context.data, name) if one.rows)
    if held:
        tables = ", ".join(f"{rows:,} in {table}" for table, rows in held[:_NAMED])
        raise StateError(
            f"the workspace {name} is not empty: {tables}; to delete the rows, set a retention of 1 day"
        )
    with context.state.database.nest_transactions(), context.state.transaction() as session:
        gone = context.state.workspaces.remove(name)
        context.enter(session, DELETE, _format_target(name), removed=gone or None)
    remove_profiles(context.data, name)


def set_table_retention(context: ServiceContext, workspace: str, table: str, days: int | None) -> Workspace:
    """Set how many days a workspace keeps the rows of a table, with None as the workspace says. Raises DeniedError, StateError."""
    context.require(TABLE_WRITE)
    before = context.state.workspaces.get(workspace).get_retention_days(table)
    detail = {"workspace": workspace, "retention": days or "default", "before": before}
    with context.change(TABLE_WRITE, ROOT_SCOPE, f"table {table}", act="set", **detail):
        return context.state.workspaces.set_table(workspace, table, days)


def remove_expired_rows(context: ServiceContext, lake: Lake, found: Sequence[ExpiredDays]) -> None:
    """Remove the days that are older than the retention of their tables, for good; `found` is what the lake says expired.

    Raises DeniedError before anything is removed.
    """
    tables = [f"{one.workspace}/{one.table}" for one in found[:_LISTED]]
    detail = {"rows": sum(one.rows for one in found), "tables": tables, "of": len(found)}
    with context.change_files(PURGE, ROOT_SCOPE, "expired days", **detail):
        lake.run_maintenance()


def import_table(context: ServiceContext, lake: Lake, table: LakeTable, file: str) -> list[str]:
    """Make the definition of a table known; return the columns that its rows lose. Raises DeniedError, LakeError."""
    detail = {"act": "import", "file": file, "columns": len(table.columns)}
    with context.change_files(TABLE_WRITE, ROOT_SCOPE, f"table {table.name}", **detail):
        return lake.import_table(table)


def _to_audit_detail(value: object) -> object:
    if value is None:
        return "all"
    return sorted(value) if isinstance(value, list | tuple | set | frozenset) else value


def _format_target(name: str) -> str:
    return f"workspace {name}"
