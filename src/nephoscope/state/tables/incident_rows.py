"""The tables of incidents: what they are, who did what to them, what they are found by, comments and tasks."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, Boolean, ForeignKey, Index, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from nephoscope.state.tables.columns import COUNTED, AuditedRow, Json, UtcDateTime


class IncidentRow(AuditedRow):
    """An incident."""

    __tablename__ = "incidents"
    __table_args__ = (
        UniqueConstraint("id", name="uq_incidents_id"),
        Index("ix_incidents_last_activity", "workspace", "last_activity"),
    )
    number: Mapped[int] = mapped_column(COUNTED, primary_key=True, autoincrement=True)
    id: Mapped[str] = mapped_column(Text)
    workspace: Mapped[str] = mapped_column(Text)
    title: Mapped[str] = mapped_column(Text)
    description: Mapped[str] = mapped_column(Text)
    severity: Mapped[str] = mapped_column(Text)
    status: Mapped[str] = mapped_column(Text)
    owner: Mapped[str] = mapped_column(Text)
    owner_told: Mapped[dict[str, str]] = mapped_column(Json)
    classification: Mapped[str] = mapped_column(Text)
    reason: Mapped[str] = mapped_column(Text)
    labels: Mapped[list[str]] = mapped_column(Json)
    first_activity: Mapped[datetime] = mapped_column(UtcDateTime)
    last_activity: Mapped[datetime] = mapped_column(UtcDateTime)
    created: Mapped[datetime] = mapped_column(UtcDateTime)
    changed: Mapped[datetime] = mapped_column(UtcDateTime)
    closed: Mapped[datetime | None] = mapped_column(UtcDateTime)
    merged_into: Mapped[int | None] = mapped_column(BigInteger)
    told: Mapped[datetime | None] = mapped_column(UtcDateTime)
    acknowledged: Mapped[datetime | None] = mapped_column(UtcDateTime)
    first_modified: Mapped[datetime | None] = mapped_column(UtcDateTime)
    severity_set: Mapped[bool] = mapped_column(Boolean)
    title_set: Mapped[bool] = mapped_column(Boolean)


class IncidentActionRow(AuditedRow):
    """Something that a person did to an incident."""

    __tablename__ = "incident_actions"
    __table_args__ = (Index("ix_incident_actions_incident", "incident"),)
    id: Mapped[int] = mapped_column(COUNTED, primary_key=True, autoincrement=True)
    incident: Mapped[int] = mapped_column(
        BigInteger, ForeignKey("incidents.number", name="fk_incident_actions_incident")
    )
    moment: Mapped[datetime] = mapped_column(UtcDateTime)
    author: Mapped[str] = mapped_column(Text)
    text: Mapped[str] = mapped_column(Text)


class IncidentKeyRow(AuditedRow):
    """Correlation key by which the next alert finds an incident: an entity, or what its rule groups by."""

    __tablename__ = "incident_keys"
    __table_args__ = (Index("ix_incident_keys_key", "key"),)
    incident: Mapped[int] = mapped_column(
        BigInteger, ForeignKey("incidents.number", name="fk_incident_keys_incident"), primary_key=True
    )
    key: Mapped[str] = mapped_column(Text, primary_key=True)


class IncidentNoteRow(AuditedRow):
    """A comment or a task."""

    __tablename__ = "incident_notes"
    id: Mapped[int] = mapped_column(COUNTED, primary_key=True, autoincrement=True)
    incident: Mapped[int] = mapped_column(
        BigInteger, ForeignKey("incidents.number", name="fk_incident_notes_incident")
    )
    kind: Mapped[str] = mapped_column(Text)
    author: Mapped[str] = mapped_column(Text)
    text: Mapped[str] = mapped_column(Text)
    done: Mapped[bool] = mapped_column(Boolean)
    written: Mapped[datetime] = mapped_column(UtcDateTime)
    name: Mapped[str] = mapped_column(Text, default="", server_default="")
    changed: Mapped[datetime | None] = mapped_column(UtcDateTime)
