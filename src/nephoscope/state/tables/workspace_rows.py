"""The tables of workspaces, which those of sources refer to."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, Integer, Text
from sqlalchemy.orm import Mapped, mapped_column

from nephoscope.state.tables.columns import AuditedRow, Json, UtcDateTime


class WorkspaceRow(AuditedRow):
    """A workspace."""

    __tablename__ = "workspaces"
    name: Mapped[str] = mapped_column(Text, primary_key=True)
    id: Mapped[str] = mapped_column(Text, unique=True)
    description: Mapped[str] = mapped_column(Text)
    days: Mapped[int] = mapped_column(Integer)
    members: Mapped[list[str] | None] = mapped_column(Json)
    subscriptions: Mapped[list[str] | None] = mapped_column(Json)
    created: Mapped[datetime] = mapped_column(UtcDateTime)


class TableRetentionRow(AuditedRow):
    """The retention of a table where it is not its workspace's."""

    __tablename__ = "table_retention"
    workspace: Mapped[str] = mapped_column(
        ForeignKey("workspaces.name", ondelete="CASCADE"), primary_key=True
    )
    table_name: Mapped[str] = mapped_column(Text, primary_key=True)
    days: Mapped[int] = mapped_column(Integer)
