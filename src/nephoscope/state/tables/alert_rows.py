"""The table of alerts."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, ForeignKey, Index, Text
from sqlalchemy.orm import Mapped, mapped_column

import nephoscope.state.tables.incident_rows  # noqa: F401 - the table of a foreign key
from nephoscope.state.tables.columns import AuditedRow, Json, UtcDateTime


class AlertRow(AuditedRow):
    """An alert; `document` is the row of SecurityAlert that it was raised as."""

    __tablename__ = "alerts"
    __table_args__ = (
        Index("ix_alerts_rule", "workspace", "rule", "raised"),
        Index("ix_alerts_incident", "incident"),
        Index("ix_alerts_stored", "workspace", "stored"),
        Index("ix_alerts_subject", "workspace", "rule", "subject", "raised"),
    )
    id: Mapped[str] = mapped_column(Text, primary_key=True)
    workspace: Mapped[str] = mapped_column(Text)
    rule: Mapped[str] = mapped_column(Text)
    status: Mapped[str] = mapped_column(Text)
    severity: Mapped[str] = mapped_column(Text)
    started: Mapped[datetime] = mapped_column(UtcDateTime)
    ended: Mapped[datetime] = mapped_column(UtcDateTime)
    raised: Mapped[datetime] = mapped_column(UtcDateTime)
    changed: Mapped[datetime] = mapped_column(UtcDateTime)
    incident: Mapped[int | None] = mapped_column(
        BigInteger, ForeignKey("incidents.number", name="fk_alerts_incident")
    )
    document: Mapped[dict[str, object]] = mapped_column(Json)
    held_by: Mapped[str] = mapped_column(Text)
    subject: Mapped[str] = mapped_column(Text)
    group_key: Mapped[str] = mapped_column(Text)
    traits: Mapped[dict[str, str]] = mapped_column(Json)
    stored: Mapped[datetime] = mapped_column(UtcDateTime)
