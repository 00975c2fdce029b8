"""Requests for just-in-time access: who wants which ports of which machines, from where, until when, and what was decided."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING

import msgspec
from sqlalchemy import Index, Text, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from nephoscope.state.database.state_errors import NotFoundError
from nephoscope.state.tables.columns import AuditedRow, Json, UtcDateTime
from nephoscope.state.tables.readable_rows import PORTION, allow_every_scope, select_readable_rows

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from nephoscope.state.database.database import Database


class AccessStatus(StrEnum):
    """Status of a request; an approved one ends by itself with its time."""

    PENDING = "Pending"
    APPROVED = "Approved"
    DENIED = "Denied"
    REVOKED = "Revoked"


class RequestedPort(msgspec.Struct, frozen=True):
    """A port of a machine (lower-cased id) that opens for addresses until a time."""

    machine: str
    number: int
    protocol: str
    sources: tuple[str, ...]
    ends: datetime


class AccessRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A request: its policy by lower-cased id, the ports, who asks and why, and the decision."""

    id: str
    policy: str
    ports: tuple[RequestedPort, ...]
    requester: str
    justification: str
    created: datetime
    status: AccessStatus
    decided: datetime | None = None
    decided_by: str = ""
    decision_reason: str = ""

    def open_ports(self, now: datetime) -> list[RequestedPort]:
        """Return the ports that are open at a time."""
        return [one for one in self.ports if self.status is AccessStatus.APPROVED and now < one.ends]


class AccessRequestRow(AuditedRow):
    """A request for just-in-time access."""

    __tablename__ = "access_requests"
    __table_args__ = (Index("ix_access_requests_policy", "policy", "status"),)
    id: Mapped[str] = mapped_column(Text, primary_key=True)
    policy: Mapped[str] = mapped_column(Text)
    ports: Mapped[list[object]] = mapped_column(Json)
    requester: Mapped[str] = mapped_column(Text)
    justification: Mapped[str] = mapped_column(Text)
    created: Mapped[datetime] = mapped_column(UtcDateTime)
    ends: Mapped[datetime] = mapped_column(UtcDateTime)
    status: Mapped[str] = mapped_column(Text)
    decided: Mapped[datetime | None] = mapped_column(UtcDateTime)
    decided_by: Mapped[str] = mapped_column(Text)
    decision_reason: Mapped[str] = mapped_column(Text)


class AccessRequests:
    """All requests; what changes takes the session of the transaction in which the change is audited."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def get(self, id_: str) -> AccessRequest:
        """Return the request of an id; NotFoundError where there is none."""
        with self._database.read() as session:
            return _build_request(_build_row(session, id_))

    def lock(self, session: Session, id_: str) -> AccessRequest:
        """Return the request of an id, locked to the end of the transaction; NotFoundError where there is none."""
        return _build_request(_build_row(session, id_, lock=True))

    def put(self, session: Session, one: AccessRequest) -> AccessRequest:
        """Keep a request in place of the one of the same id."""
        row = session.get(AccessRequestRow, one.id)
        if row is None:
            row = AccessRequestRow(id=one.id)
            session.add(row)
        row.policy, row.requester, row.justification = one.policy, one.requester, one.justification
        row.ports = [msgspec.to_builtins(port) for port in one.ports]
        row.created, row.ends, row.status = (
            one.created,
            max(port.ends for port in one.ports),
            one.status.value,
        )
        row.decided, row.decided_by, row.decision_reason = one.decided, one.decided_by, one.decision_reason
        session.flush()
        return one

    def list_requests(
        self, policy: str = "", *, may_read: Callable[[str], bool] = allow_every_scope, most: int = 1_000
    ) -> list[AccessRequest]:
        """Return the newest requests of a policy ('' = all) that may be read there, newest first."""
        query = select(AccessRequestRow).order_by(AccessRequestRow.created.desc(), AccessRequestRow.id)
        if policy:
            query = query.where(AccessRequestRow.policy == policy)
        with self._database.read() as session:
            rows = session.scalars(query.execution_options(yield_per=PORTION))
            found = select_readable_rows(rows, lambda row: row.policy, may_read, most)
            return [_build_request(row) for row in found]

    def list_ending_requests(self, policies: Collection[str], after: datetime) -> list[AccessRequest]:
        """Return all requests of some policies whose last port ends after a time, newest first."""
        query = select(AccessRequestRow).where(
            AccessRequestRow.policy.in_(sorted(policies)), AccessRequestRow.ends > after
        )
        with self._database.read() as session:
            rows = session.scalars(query.order_by(AccessRequestRow.created.desc(), AccessRequestRow.id))
            return [_build_request(row) for row in rows]


def _build_row(session: Session, id_: str, *, lock: bool = False) -> AccessRequestRow:
    row = session.get(AccessRequestRow, id_, with_for_update=lock or None)
    if row is None:
        raise NotFoundError(f"access request {id_[:100]!r} not found")
    return row


def _build_request(row: AccessRequestRow) -> AccessRequest:
    return AccessRequest(
        id=row.id, policy=row.policy, ports=msgspec.convert(row.ports, tuple[RequestedPort, ...]), requester=row.requester,
        justification=row.justification, created=row.created, status=AccessStatus(row.status), decided=row.decided,
        decided_by=row.decided_by, decision_reason=row.decision_reason,
    )  # fmt: skip
