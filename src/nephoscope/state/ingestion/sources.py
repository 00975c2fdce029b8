"""Sources: where logs come from while the program runs; kind, settings, the workspace they go to, the credential they use."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Boolean, ForeignKey, Text, delete, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Mapped, Session, mapped_column

import nephoscope.state.access.credentials
import nephoscope.state.tables.workspace_rows  # noqa: F401 - the table of a foreign key
from nephoscope.state.database.database import Database, NotFoundError, StateError
from nephoscope.state.database.state_errors import ConcurrentChangeError
from nephoscope.state.ingestion.checkpoints import CheckpointRow
from nephoscope.state.ingestion.schema_changes import SchemaChangeRow
from nephoscope.state.ingestion.source_errors import SourceErrorRow
from nephoscope.state.ingestion.source_health import SourceHealthRow, SourceRateRow
from nephoscope.state.tables.columns import AuditedRow, Json, UtcDateTime

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")


class SourceRow(AuditedRow):
    """A source."""

    __tablename__ = "sources"
    name: Mapped[str] = mapped_column(Text, primary_key=True)
    kind: Mapped[str] = mapped_column(Text)
    settings: Mapped[dict[str, object]] = mapped_column(Json)
    workspace: Mapped[str] = mapped_column(ForeignKey("workspaces.name"))
    credential: Mapped[str | None] = mapped_column(ForeignKey("credentials.name"))
    enabled: Mapped[bool] = mapped_column(Boolean)
    created: Mapped[datetime] = mapped_column(UtcDateTime)


@dataclass(frozen=True, slots=True)
class Source:
    """A source as it was set up; `credential` is the name under which the credentials keep its secret, '' = none."""

    name: str
    kind: str
    settings: Mapping[str, Any]
    workspace: str = "default"
    credential: str = ""
    enabled: bool = True
    created: datetime | None = None


class Sources:
    """All sources."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, source: Source) -> Source:
        """Keep a new source; StateError for a name that is taken, a workspace or a credential that is not there."""
        with self._database.write() as session:
            self.insert(session, source)
            return _build_source(_build_row(session, source.name))

    def insert(self, session: Session, source: Source) -> None:
        """Keep a new source as `add` does, within a transaction."""
        if not _NAME.fullmatch(source.name):
            raise StateError(
                f"{source.name!r} is not a valid source name: use letters, digits, '.', '-' and '_'"
            )
        if session.get(SourceRow, source.name) is not None:
            raise StateError(f"source {source.name!r} already exists")
        row = SourceRow(
            name=source.name, kind=source.kind, settings=dict(source.settings), workspace=source.workspace,
            credential=source.credential or None, enabled=source.enabled, created=self._database.now(session),
        )  # fmt: skip
        try:
            session.add(row)
            session.flush()
        except IntegrityError as error:
            raise StateError(
                f"source {source.name}: workspace {source.workspace!r} or credential {source.credential!r} not found, "
                "or the source already exists"
            ) from error

    def get(self, name: str) -> Source:
        """The source of that name; StateError where there is none."""
        with self._database.read() as session:
            return _build_source(_build_row(session, name))

    def all(self) -> tuple[Source, ...]:
        """Every source, by name."""
        with self._database.read() as session:
            return tuple(
                _build_source(row) for row in session.scalars(select(SourceRow).order_by(SourceRow.name))
            )

    def names(self, session: Session) -> frozenset[str]:
        """The names of all, within a transaction."""
        return frozenset(session.scalars(select(SourceRow.name)))

    def set(
        self, name: str, *, settings: Mapping[str, object] | None = None, enabled: bool | None = None
    ) -> Source:
        """Change the settings or whether it runs; None stays as it is."""
        with self._database.write() as session:
            row = _build_row(session, name)
            if settings is not None:
                row.settings = dict(settings)
            if enabled is not None:
                row.enabled = enabled
            return _build_source(row)

    def change(
        self,
        session: Session,
        source: Source,
        settings: Mapping[str, object],
        *,
        enabled: bool | None = None,
    ) -> None:
        """Change a source within a transaction; ConcurrentChangeError where its settings are no longer those of `source`."""
        row = session.get(SourceRow, source.name, with_for_update=True)
        if row is None:
            raise NotFoundError(f"source {source.name!r} not found")
        if row.settings != dict(source.settings):
            raise ConcurrentChangeError(
                f"source {source.name} was changed meanwhile: check its current state"
            )
        row.settings = dict(settings)
        if enabled is not None:
            row.enabled = enabled

    def remove(self, name: str) -> None:
        """Forget a source, its checkpoints, its health and its errors; the credential stays."""
        with self._database.write() as session:
            session.delete(_build_row(session, name))
            session.execute(delete(CheckpointRow).where(CheckpointRow.source == name))
            session.execute(delete(SourceHealthRow).where(SourceHealthRow.source == name))
            session.execute(delete(SourceErrorRow).where(SourceErrorRow.source == name))
            session.execute(delete(SourceRateRow).where(SourceRateRow.source == name))
            session.execute(delete(SchemaChangeRow).where(SchemaChangeRow.source == name))


def _build_row(session: Session, name: str) -> SourceRow:
    row = session.get(SourceRow, name)
    if row is None:
        raise NotFoundError(f"source {name!r} not found")
    return row


def _build_source(row: SourceRow) -> Source:
    return Source(
        row.name, row.kind, row.settings, row.workspace, row.credential or "", row.enabled, row.created
    )
