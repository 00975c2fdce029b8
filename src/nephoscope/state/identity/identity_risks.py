"""Identity risks: risky identities, their detections and their history, by workspace."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import datetime

import msgspec
from sqlalchemy import ColumnElement, Index, Text, select
from sqlalchemy.orm import InstrumentedAttribute, Mapped, Session, mapped_column

from nephoscope.model.identity_risk import (
    IdentityKind,
    RiskDetection,
    RiskHistoryItem,
    RiskLevel,
    RiskState,
    RiskyIdentity,
)
from nephoscope.state.database.database import Database
from nephoscope.state.tables.columns import COUNTED, AuditedRow, Json, UtcDateTime

#: Values of one statement: fewer than either database takes.
_AT_ONCE = 500


class RiskyIdentityRow(AuditedRow):
    """A risky identity; `document` is all of it, ids are lower-cased."""

    __tablename__ = "risky_identities"
    __table_args__ = (Index("ix_risky_identities_state", "workspace", "kind", "state", "updated"),)
    workspace: Mapped[str] = mapped_column(Text, primary_key=True)
    kind: Mapped[str] = mapped_column(Text, primary_key=True)
    id: Mapped[str] = mapped_column(Text, primary_key=True)
    level: Mapped[str] = mapped_column(Text)
    state: Mapped[str] = mapped_column(Text)
    updated: Mapped[datetime] = mapped_column(UtcDateTime)
    document: Mapped[dict[str, object]] = mapped_column(Json)


class RiskDetectionRow(AuditedRow):
    """A risk detection; `document` is all of it, `identity` and `request` are lower-cased."""

    __tablename__ = "risk_detections"
    __table_args__ = (
        Index("ix_risk_detections_identity", "workspace", "kind", "identity", "happened"),
        Index("ix_risk_detections_request", "workspace", "request"),
    )
    workspace: Mapped[str] = mapped_column(Text, primary_key=True)
    id: Mapped[str] = mapped_column(Text, primary_key=True)
    kind: Mapped[str] = mapped_column(Text)
    identity: Mapped[str] = mapped_column(Text)
    request: Mapped[str] = mapped_column(Text)
    state: Mapped[str] = mapped_column(Text)
    happened: Mapped[datetime] = mapped_column(UtcDateTime)
    document: Mapped[dict[str, object]] = mapped_column(Json)


class RiskHistoryRow(AuditedRow):
    """A change of the risk of an identity."""

    __tablename__ = "risk_history"
    __table_args__ = (Index("ix_risk_history_identity", "workspace", "kind", "identity", "number"),)
    number: Mapped[int] = mapped_column(COUNTED, primary_key=True, autoincrement=True)
    workspace: Mapped[str] = mapped_column(Text)
    kind: Mapped[str] = mapped_column(Text)
    identity: Mapped[str] = mapped_column(Text)
    document: Mapped[dict[str, object]] = mapped_column(Json)


class IdentityRisks:
    """All of them; what changes takes the session of the transaction in which the change is kept."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def list_identities(self, workspace: str, kind: IdentityKind) -> list[RiskyIdentity]:
        """Return all identities of a kind that were ever at risk, in the order of their ids."""
        where = (RiskyIdentityRow.workspace == workspace, RiskyIdentityRow.kind == kind.value)
        query = select(RiskyIdentityRow.document).where(*where).order_by(RiskyIdentityRow.id)
        with self._database.read() as session:
            return [msgspec.convert(one, RiskyIdentity) for one in session.scalars(query)]

    def lock(self, session: Session, workspace: str) -> None:
        """Let nobody else change the risks of a workspace until this transaction ends."""
        self._database.queue(session, f"identity-risk/{workspace}")

    def find_identities(
        self, workspace: str, kind: IdentityKind, ids: Collection[str], session: Session | None = None
    ) -> dict[str, RiskyIdentity]:
        """Return those of some ids by lower-cased id."""
        if session is None:
            with self._database.read() as reading:
                return self.find_identities(workspace, kind, ids, reading)
        found: dict[str, RiskyIdentity] = {}
        for some in _split_into_parts(ids):
            where = (
                RiskyIdentityRow.workspace == workspace, RiskyIdentityRow.kind == kind.value, RiskyIdentityRow.id.in_(some)
            )  # fmt: skip
            rows = session.scalars(select(RiskyIdentityRow).where(*where).order_by(RiskyIdentityRow.id))
            found.update((row.id, msgspec.convert(row.document, RiskyIdentity)) for row in rows)
        return found

    def list_unchanged_since(
        self, workspace: str, level: RiskLevel, before: datetime, session: Session
    ) -> list[RiskyIdentity]:
        """Return identities at risk of a level whose risk has not changed since a time."""
        where = (
            RiskyIdentityRow.workspace == workspace, RiskyIdentityRow.state == RiskState.AT_RISK.value,
            RiskyIdentityRow.level == level.value, RiskyIdentityRow.updated < before,
        )  # fmt: skip
        rows = session.scalars(select(RiskyIdentityRow.document).where(*where))
        return [msgspec.convert(one, RiskyIdentity) for one in rows]

    def put(self, session: Session, workspace: str, one: RiskyIdentity) -> None:
        """Keep an identity in place of what was known of it."""
        session.merge(
            RiskyIdentityRow(
                workspace=workspace, kind=one.kind.value, id=one.key, level=one.level.value, state=one.state.value,
                updated=one.updated, document=msgspec.to_builtins(one),
            )
        )  # fmt: skip
        session.flush()

    def put_detection(self, session: Session, workspace: str, one: RiskDetection) -> None:
        """Keep a detection in place of the one of its id."""
        session.merge(
            RiskDetectionRow(
                workspace=workspace, id=one.id.lower(), kind=one.kind.value, identity=one.identity.lower(),
                request=one.request.lower(), state=one.state.value, happened=one.happened, document=msgspec.to_builtins(one),
            )
        )  # fmt: skip
        session.flush()

    def list_detections(self, workspace: str, kind: IdentityKind) -> list[RiskDetection]:
        """Return all detections on a kind of identity, the newest first."""
        with self._database.read() as session:
            return _read_detections(session, workspace, RiskDetectionRow.kind == kind.value)

    def detections_of(
        self, workspace: str, kind: IdentityKind, ids: Collection[str], session: Session | None = None
    ) -> list[RiskDetection]:
        """Return the detections on some identities, the newest first."""
        column = RiskDetectionRow.identity
        return self._select_detections(workspace, column, ids, session, RiskDetectionRow.kind == kind.value)

    def detections_of_sign_ins(
        self, workspace: str, requests: Collection[str], session: Session | None = None
    ) -> list[RiskDetection]:
        """Return the detections on some sign-ins, the newest first."""
        return self._select_detections(workspace, RiskDetectionRow.request, requests, session)

    def find_known_detections(
        self, workspace: str, ids: Collection[str], session: Session | None = None
    ) -> frozenset[str]:
        """Return which of some ids are detections already, lower-cased."""
        if session is None:
            with self._database.read() as reading:
                return self.find_known_detections(workspace, ids, reading)
        found: set[str] = set()
        for some in _split_into_parts(ids):
            where = (RiskDetectionRow.workspace == workspace, RiskDetectionRow.id.in_(some))
            found.update(session.scalars(select(RiskDetectionRow.id).where(*where)))
        return frozenset(found)

    def _select_detections(
        self,
        workspace: str,
        column: InstrumentedAttribute[str],
        values: Collection[str],
        session: Session | None,
        *where: ColumnElement[bool],
    ) -> list[RiskDetection]:
        if session is None:
            with self._database.read() as reading:
                return self._select_detections(workspace, column, values, reading, *where)
        found: list[RiskDetection] = []
        for some in _split_into_parts(values):
            found += _read_detections(session, workspace, column.in_(some), *where)
        return found

    def add_history(self, session: Session, workspace: str, item: RiskHistoryItem) -> None:
        """Add a change of an identity."""
        one = item.identity
        session.add(
            RiskHistoryRow(
                workspace=workspace, kind=one.kind.value, identity=one.key, document=msgspec.to_builtins(item)
            )
        )

    def history(self, workspace: str, kind: IdentityKind, id_: str) -> list[RiskHistoryItem]:
        """Return the changes of an identity, the oldest first."""
        where = (
            RiskHistoryRow.workspace == workspace, RiskHistoryRow.kind == kind.value, RiskHistoryRow.identity == id_.lower()
        )  # fmt: skip
        query = select(RiskHistoryRow.document).where(*where).order_by(RiskHistoryRow.number)
        with self._database.read() as session:
            return [msgspec.convert(one, RiskHistoryItem) for one in session.scalars(query)]


def _read_detections(session: Session, workspace: str, *where: ColumnElement[bool]) -> list[RiskDetection]:
    query = select(RiskDetectionRow.document).where(RiskDetectionRow.workspace == workspace, *where)
    rows = session.scalars(query.order_by(RiskDetectionRow.happened.desc(), RiskDetectionRow.id))
    return [msgspec.convert(one, RiskDetection) for one in rows]


def _split_into_parts(values: Collection[str]) -> Iterator[list[str]]:
    several = sorted({one.lower() for one in values})
    for start in range(0, len(several), _AT_ONCE):
        yield several[start : start + _AT_ONCE]
