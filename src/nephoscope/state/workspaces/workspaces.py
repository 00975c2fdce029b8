"""Workspaces: a named set of tables with retention and scope. Its id is the TenantId of its rows."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from types import MappingProxyType
from typing import Any
from uuid import uuid4

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from nephoscope.state.database.database import Database, NotFoundError, StateError
from nephoscope.state.tables.workspace_rows import TableRetentionRow, WorkspaceRow
from nephoscope.state.workspaces.workspace import DEFAULT, RETENTION_DAYS, Workspace
from nephoscope.state.workspaces.workspace_removal import check_workspace_removable, remove_rows

MAX_RETENTION_DAYS = 12 * 366
#: A workspace is a folder of the lake: its name is one on every file system.
_NAME = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
_SUBSCRIPTION = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


class Workspaces:
    """All workspaces; `default` is always there."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def get(self, name: str = DEFAULT) -> Workspace:
        """The workspace of that name; StateError where there is none."""
        with self._database.read() as session:
            return _build_workspace(session, _build_row(session, name))

    def find(self, name_or_id: str) -> Workspace | None:
        """The workspace of that name or GUID, None where there is none."""
        wanted = name_or_id.lower()
        query = select(WorkspaceRow).where((WorkspaceRow.name == wanted) | (WorkspaceRow.id == wanted))
        with self._database.read() as session:
            row = session.scalar(query)
            return None if row is None else _build_workspace(session, row)

    def find_name(self, name_or_id: str) -> str | None:
        """The name of the workspace of that name or GUID, None where there is none."""
        found = self.find(name_or_id)
        return None if found is None else found.name

    def names(self) -> list[str]:
        """The names of all, in order."""
        with self._database.read() as session:
            return list(session.scalars(select(WorkspaceRow.name).order_by(WorkspaceRow.name)))

    def all(self) -> tuple[Workspace, ...]:
        """Every workspace, by name."""
        with self._database.read() as session:
            rows = session.scalars(select(WorkspaceRow).order_by(WorkspaceRow.name)).all()
            return tuple(_build_workspace(session, row) for row in rows)

    def add(
        self,
        name: str,
        *,
        days: int = RETENTION_DAYS,
        members: Iterable[str] | None = None,
        subscriptions: Iterable[str] | None = None,
        description: str = "",
    ) -> Workspace:
        """A new workspace with a new id; StateError for a name that is taken or cannot be a folder's, or a value out of range."""
        if not _NAME.fullmatch(name):
            raise StateError(
                f"{name!r} is not a valid workspace name: use lower-case letters, digits and '-', at most 63 characters"
            )
        with self._database.write() as session:
            if session.get(WorkspaceRow, name) is not None:
                raise StateError(f"workspace {name!r} already exists")
            row = WorkspaceRow(
                name=name,
                id=str(uuid4()),
                description=description,
                days=_check_days(days),
                members=_check_members(members),
                subscriptions=_check_subscriptions(subscriptions),
                created=self._database.now(session),
            )
            session.add(row)
            session.flush()
            return _build_workspace(session, row)

    def set(self, name: str, **changes: object) -> Workspace:
        """Change `days`, `members`, `subscriptions` or `description`; what is not named stays, None means all."""
        checks: dict[str, Callable[[Any], object]] = {
            "days": _check_days,
            "members": _check_members,
            "subscriptions": _check_subscriptions,
            "description": str,
        }
        with self._database.write() as session:
            row = _build_row(session, name)
            for key, value in changes.items():
                setattr(row, key, checks[key](value))
            session.flush()
            return _build_workspace(session, row)

    def set_table(self, name: str, table: str, days: int | None) -> Workspace:
        """Give a table of a workspace a retention of its own, with None that of the workspace again."""
        with self._database.write() as session:
            row = _build_row(session, name)
            session.execute(
                delete(TableRetentionRow).where(
                    TableRetentionRow.workspace == name, TableRetentionRow.table_name == table
                )
            )
            if days is not None:
                session.add(TableRetentionRow(workspace=name, table_name=table, days=_check_days(days)))
                session.flush()
            return _build_workspace(session, row)

    def remove(self, name: str) -> dict[str, int]:
        """Forget a workspace (not `default`) with its rows in all tables of the state; how many, by table.

        Raises StateError where something writes to it or acts for it. Its tables on disk are the lake's to remove.
        """
        if name == DEFAULT:
            raise StateError("the workspace default cannot be removed")
        with self._database.write() as session:
            row = _build_row(session, name)
            check_workspace_removable(session, name)
            gone = remove_rows(session, name)
            session.delete(row)
            return gone


def _build_row(session: Session, name: str) -> WorkspaceRow:
    row = session.get(WorkspaceRow, name)
    if row is None:
        known = ", ".join(session.scalars(select(WorkspaceRow.name).order_by(WorkspaceRow.name)))
        raise NotFoundError(f"workspace {name!r} not found: expected one of {known}")
    return row


def _build_workspace(session: Session, row: WorkspaceRow) -> Workspace:
    query = select(TableRetentionRow).where(TableRetentionRow.workspace == row.name)
    return Workspace(
        row.name,
        row.id,
        row.days,
        MappingProxyType({one.table_name: one.days for one in session.scalars(query)}),
        None if row.members is None else frozenset(row.members),
        None if row.subscriptions is None else frozenset(row.subscriptions),
        row.description,
        row.created,
    )


def _check_days(days: int) -> int:
    if not 1 <= days <= MAX_RETENTION_DAYS:
        raise StateError(f"retention must be 1 to {MAX_RETENTION_DAYS} days (got {days})")
    return days


def _check_members(members: Iterable[str] | None) -> list[str] | None:
    return None if members is None else sorted(set(members))


def _check_subscriptions(subscriptions: Iterable[str] | None) -> list[str] | None:
    if subscriptions is None:
        return None
    found = sorted({one.lower() for one in subscriptions})
    for one in found:
        if not _SUBSCRIPTION.fullmatch(one):
            raise StateError(
                f"{one!r} is not a subscription ID: use a GUID such as 00000000-0000-0000-0000-000000000000"
            )
    return found
