"""Registries that are watched: address, settings, the credential that they are read and changed with."""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Boolean, ForeignKey, Text, select
from sqlalchemy.orm import Mapped, Session, mapped_column

import nephoscope.state.access.credentials
import nephoscope.state.tables.workspace_rows  # noqa: F401 - the table of a foreign key
from nephoscope.state.database.database import Database
from nephoscope.state.database.state_errors import NotFoundError, StateError
from nephoscope.state.tables.columns import AuditedRow, Json, UtcDateTime

_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
MOST_REGISTRIES = 500


class WatchedRegistryRow(AuditedRow):
    """A registry; `mark` is in the name that our own requests carry, so that their events are told from others."""

    __tablename__ = "registries"
    name: Mapped[str] = mapped_column(Text, primary_key=True)
    address: Mapped[str] = mapped_column(Text)
    settings: Mapped[dict[str, object]] = mapped_column(Json)
    username: Mapped[str] = mapped_column(Text)
    credential: Mapped[str | None] = mapped_column(ForeignKey("credentials.name"))
    workspace: Mapped[str] = mapped_column(ForeignKey("workspaces.name"))
    mark: Mapped[str] = mapped_column(Text)
    enabled: Mapped[bool] = mapped_column(Boolean)
    created: Mapped[datetime] = mapped_column(UtcDateTime)
    changed: Mapped[datetime] = mapped_column(UtcDateTime)


@dataclass(frozen=True, slots=True)
class WatchedRegistry:
    """A registry that is watched; `address` is its host with the port, `credential` the name of its secrets, '' = none."""

    name: str
    address: str
    settings: Mapping[str, object]
    created: datetime
    changed: datetime
    username: str = ""
    credential: str = ""
    workspace: str = "default"
    mark: str = ""
    enabled: bool = True


class WatchedRegistries:
    """All registries; what changes takes the session of the transaction in which the change is audited."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def all(self) -> list[WatchedRegistry]:
        """Return all registries, by name."""
        with self._database.read() as session:
            rows = session.scalars(select(WatchedRegistryRow).order_by(WatchedRegistryRow.name))
            return [_build_registry(row) for row in rows]

    def find(self, name: str) -> WatchedRegistry | None:
        """Return the registry of a name, None where there is none."""
        with self._database.read() as session:
            row = session.get(WatchedRegistryRow, name)
            return None if row is None else _build_registry(row)

    def get(self, name: str) -> WatchedRegistry:
        """Return the registry of a name; NotFoundError where there is none."""
        found = self.find(name)
        if found is None:
            raise NotFoundError(f"registry {name!r} not found")
        return found

    def put(self, session: Session, registry: WatchedRegistry) -> None:
        """Keep a registry in place of the one of its name; StateError for a name that cannot be, or too many."""
        if not _NAME.fullmatch(registry.name):
            raise StateError(
                f"invalid registry name {registry.name!r}: use lower-case letters, digits, '.', '-' and '_'"
            )
        row = session.get(WatchedRegistryRow, registry.name)
        if row is None and len(self.all()) >= MOST_REGISTRIES:
            raise StateError(f"there are {MOST_REGISTRIES} registries already: remove unused registries")
        if row is None:
            row = WatchedRegistryRow(name=registry.name, created=registry.created, mark=secrets.token_hex(8))
            session.add(row)
        row.address, row.settings = registry.address, dict(registry.settings)
        row.username, row.credential = registry.username, registry.credential or None
        row.workspace, row.enabled, row.changed = registry.workspace, registry.enabled, registry.changed
        session.flush()

    def remove(self, session: Session, name: str) -> None:
        """Remove a registry; NotFoundError where there is none."""
        row = session.get(WatchedRegistryRow, name)
        if row is None:
            raise NotFoundError(f"registry {name!r} not found")
        session.delete(row)
        session.flush()


def _build_registry(row: WatchedRegistryRow) -> WatchedRegistry:
    return WatchedRegistry(
        row.name, row.address, row.settings, row.created, row.changed, row.username, row.credential or "", row.workspace, row.mark,
        row.enabled,
    )  # fmt: skip
