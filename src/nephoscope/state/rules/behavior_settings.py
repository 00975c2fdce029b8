"""Settings of the behavior analysis, one set for each workspace that changed some."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import Text
from sqlalchemy.orm import Mapped, Session, mapped_column

from nephoscope.state.tables.columns import AuditedRow, Json

if TYPE_CHECKING:
    from collections.abc import Mapping

    from nephoscope.state.database.database import Database


class BehaviorSettingsRow(AuditedRow):
    """The settings of a workspace that differ from the defaults of when they were changed."""

    __tablename__ = "behavior_settings"
    workspace: Mapped[str] = mapped_column(Text, primary_key=True)
    settings: Mapped[dict[str, int]] = mapped_column(Json)


class StoredBehaviorSettings:
    """The settings of all workspaces."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def get(self, workspace: str) -> dict[str, int]:
        """The settings of a workspace, empty where it has none."""
        with self._database.read() as session:
            row = session.get(BehaviorSettingsRow, workspace)
            return {} if row is None else dict(row.settings)

    def put(self, session: Session, workspace: str, settings: Mapping[str, int]) -> None:
        """Keep the settings of a workspace in place of those that it has."""
        session.merge(BehaviorSettingsRow(workspace=workspace, settings=dict(settings)))
