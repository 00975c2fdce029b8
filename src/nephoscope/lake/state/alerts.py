"""Alerts that were raised, each once, with what people decide of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, ForeignKey, Index, Text, select, update
from sqlalchemy.orm import Mapped, Session, mapped_column

from nephoscope.lake.state.columns import Base, Json, Moment
from nephoscope.lake.state.database import Database


class AlertRow(Base):
    """An alert; `document` is the row of SecurityAlert that it was raised as."""

    __tablename__ = "alerts"
    __table_args__ = (
        Index("ix_alerts_rule", "workspace", "rule", "raised"),
        Index("ix_alerts_incident", "incident"),
    )
    id: Mapped[str] = mapped_column(Text, primary_key=True)
    workspace: Mapped[str] = mapped_column(Text)
    rule: Mapped[str] = mapped_column(Text)
    status: Mapped[str] = mapped_column(Text)
    severity: Mapped[str] = mapped_column(Text)
    started: Mapped[datetime] = mapped_column(Moment)
    ended: Mapped[datetime] = mapped_column(Moment)
    raised: Mapped[datetime] = mapped_column(Moment)
    changed: Mapped[datetime] = mapped_column(Moment)
    incident: Mapped[int | None] = mapped_column(
        BigInteger, ForeignKey("incidents.number", name="fk_alerts_incident")
    )
    document: Mapped[Any] = mapped_column(Json)


@dataclass(frozen=True, slots=True)
class StoredAlert:
    """An alert as it is kept: `incident` is the number of the one it belongs to (None = none)."""

    id: str
    workspace: str
    rule: str
    status: str
    severity: str
    started: datetime
    ended: datetime
    raised: datetime
    changed: datetime
    incident: int | None
    document: dict[str, Any]


_NAMES = tuple(StoredAlert.__dataclass_fields__)


class Alerts:
    """All alerts. What changes takes the session of the transaction in which its rows go to the outbox."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def put(self, session: Session, alert: StoredAlert) -> None:
        """Keep an alert, in place of the one of its id where there is one."""
        session.merge(AlertRow(**{name: getattr(alert, name) for name in _NAMES}))
        session.flush()

    def known(self, session: Session, id_: str) -> StoredAlert | None:
        """The alert of an id, within a transaction."""
        row = session.get(AlertRow, id_)
        return None if row is None else _alert(row)

    def place(self, session: Session, ids: Sequence[str], incident: int) -> None:
        """Put alerts into an incident."""
        session.execute(update(AlertRow).where(AlertRow.id.in_(ids)).values(incident=incident))

    def last_raised(self, session: Session, workspace: str, rule: str) -> datetime | None:
        """When a rule last raised an alert: suppression counts from there."""
        query = (
            select(AlertRow.raised)
            .where(AlertRow.workspace == workspace, AlertRow.rule == rule)
            .order_by(AlertRow.raised.desc())
            .limit(1)
        )
        return session.scalar(query)

    def of(self, session: Session, incident: int) -> list[StoredAlert]:
        """The alerts of an incident, the first first."""
        query = select(AlertRow).where(AlertRow.incident == incident).order_by(AlertRow.started, AlertRow.id)
        return [_alert(row) for row in session.scalars(query)]

    def newest(self, workspace: str, *, incident: int | None = None, most: int = 100) -> list[StoredAlert]:
        """The newest alerts, of one incident or all."""
        query = select(AlertRow).where(AlertRow.workspace == workspace)
        if incident is not None:
            query = query.where(AlertRow.incident == incident)
        query = query.order_by(AlertRow.ended.desc(), AlertRow.id).limit(most)
        with self._database.read() as session:
            return [_alert(row) for row in session.scalars(query)]

    def get(self, id_: str) -> StoredAlert | None:
        """The alert of an id."""
        with self._database.read() as session:
            row = session.get(AlertRow, id_)
            return None if row is None else _alert(row)


def _alert(row: AlertRow) -> StoredAlert:
    return StoredAlert(**{name: getattr(row, name) for name in _NAMES})
