"""Response orders: what agents of machines are to do, why and by whom, the decision, and the result."""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING

import msgspec
from sqlalchemy import BigInteger, Index, LargeBinary, Text, func, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from nephoscope.state.database.state_errors import NotFoundError, StateError
from nephoscope.state.tables.columns import AuditedRow, Json, UtcDateTime
from nephoscope.state.tables.readable_rows import PORTION, allow_every_scope, select_readable_rows

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from nephoscope.state.database.database import Database


#: How long an agent may fetch an order after it was made.
LASTS = timedelta(hours=4)


class ResponseKind(StrEnum):
    """Kinds of orders, named as the settings of an agent allow them."""

    ISOLATE = "isolate"
    RELEASE = "release"
    KILL = "kill"
    COLLECT = "collect"
    SCRIPT = "script"
    BLOCK = "block"
    UNBLOCK = "unblock"
    CAPTURE = "capture"
    STOP_CAPTURE = "stop-capture"
    SCAN = "scan"


class OrderStatus(StrEnum):
    """Status of an order; the last three are results of the agent."""

    PENDING = "Pending"
    APPROVED = "Approved"
    DENIED = "Denied"
    WITHDRAWN = "Withdrawn"
    SUCCEEDED = "Succeeded"
    FAILED = "Failed"
    REFUSED = "Refused"


class ResponseOrderError(StateError):
    """An order that cannot be given, decided or answered; the message says why."""


class ResponseOrder(msgspec.Struct, frozen=True, kw_only=True):
    """An order for the machine of a lower-cased id; `incident` is the number of the one that it belongs to (None = none)."""

    id: str
    machine: str
    kind: ResponseKind
    arguments: dict[str, str]
    justification: str
    requester: str
    created: datetime
    expires: datetime
    status: OrderStatus
    incident: int | None = None
    decided: datetime | None = None
    decided_by: str = ""
    decision_reason: str = ""
    finished: datetime | None = None
    message: str = ""


class ResponseOrderRow(AuditedRow):
    """A response order; `content` is a collected file, what a script printed, the packets of a capture, or what a scan found."""

    __tablename__ = "response_orders"
    __table_args__ = (Index("ix_response_orders_machine", "machine", "status"),)
    id: Mapped[str] = mapped_column(Text, primary_key=True)
    machine: Mapped[str] = mapped_column(Text)
    kind: Mapped[str] = mapped_column(Text)
    arguments: Mapped[dict[str, str]] = mapped_column(Json)
    justification: Mapped[str] = mapped_column(Text)
    requester: Mapped[str] = mapped_column(Text)
    created: Mapped[datetime] = mapped_column(UtcDateTime)
    expires: Mapped[datetime] = mapped_column(UtcDateTime)
    status: Mapped[str] = mapped_column(Text)
    incident: Mapped[int | None] = mapped_column(BigInteger)
    decided: Mapped[datetime | None] = mapped_column(UtcDateTime)
    decided_by: Mapped[str] = mapped_column(Text)
    decision_reason: Mapped[str] = mapped_column(Text)
    finished: Mapped[datetime | None] = mapped_column(UtcDateTime)
    message: Mapped[str] = mapped_column(Text)
    content: Mapped[bytes] = mapped_column(LargeBinary, deferred=True)


class ResponseOrders:
    """All orders; what changes takes the session of the transaction in which the change is audited."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def get(self, id_: str) -> ResponseOrder:
        """Return the order of an id; NotFoundError where there is none."""
        with self._database.read() as session:
            return _build_order(_build_row(session, id_))

    def find(self, session: Session, id_: str) -> ResponseOrder | None:
        """Return the order of an id within a transaction, None where there is none."""
        row = session.get(ResponseOrderRow, id_)
        return None if row is None else _build_order(row)

    def lock(self, session: Session, id_: str) -> ResponseOrder:
        """Return the order of an id, locked to the end of the transaction; NotFoundError where there is none."""
        return _build_order(_build_row(session, id_, lock=True))

    def read_content(self, id_: str) -> bytes:
        """Return the content of an order, b'' where there is none; NotFoundError for an order that is not there."""
        with self._database.read() as session:
            return _build_row(session, id_).content

    def load_content(self, session: Session, id_: str) -> bytes:
        """Return the content of an order within a transaction, b'' where there is none; NotFoundError for one that is not there."""
        return _build_row(session, id_).content

    def put(self, session: Session, one: ResponseOrder, content: bytes | None = None) -> ResponseOrder:
        """Keep an order in place of the one of the same id, whose content stays where none is given."""
        row = session.get(ResponseOrderRow, one.id)
        if row is None:
            row = ResponseOrderRow(id=one.id, content=b"")
            session.add(row)
        if content is not None:
            row.content = content
        for name in ResponseOrder.__struct_fields__:
            setattr(row, name, getattr(one, name))
        row.kind, row.status = one.kind.value, one.status.value
        session.flush()
        return one

    def list_orders(
        self,
        machine: str = "",
        *,
        kinds: Collection[ResponseKind] = (),
        may_read: Callable[[str], bool] = allow_every_scope,
        most: int = 1_000,
    ) -> list[ResponseOrder]:
        """Return the newest orders for a machine ('' = all), of some kinds (() = all), that may be read there, newest first."""
        query = select(ResponseOrderRow).order_by(ResponseOrderRow.created.desc(), ResponseOrderRow.id)
        if machine:
            query = query.where(ResponseOrderRow.machine == machine)
        if kinds:
            query = query.where(ResponseOrderRow.kind.in_([one.value for one in kinds]))
        with self._database.read() as session:
            rows = session.scalars(query.execution_options(yield_per=PORTION))
            found = select_readable_rows(rows, lambda row: row.machine, may_read, most)
            return [_build_order(row) for row in found]

    def map_newest(
        self, kind: ResponseKind, requester: str = "", *, machine: str = "", status: OrderStatus | None = None
    ) -> dict[str, ResponseOrder]:
        """Return the newest order of a kind for each machine, by machine; only those of a requester, machine or status where given."""
        wanted = [ResponseOrderRow.kind == kind.value]
        if requester:
            wanted.append(ResponseOrderRow.requester == requester)
        if machine:
            wanted.append(ResponseOrderRow.machine == machine)
        if status is not None:
            wanted.append(ResponseOrderRow.status == status.value)
        newest = (
            select(ResponseOrderRow.machine, func.max(ResponseOrderRow.created).label("created"))
            .where(*wanted)
            .group_by(ResponseOrderRow.machine)
            .subquery()
        )
        query = select(ResponseOrderRow).join(
            newest,
            (ResponseOrderRow.machine == newest.c.machine) & (ResponseOrderRow.created == newest.c.created),
        )
        with self._database.read() as session:
            rows = session.scalars(query.where(*wanted).order_by(ResponseOrderRow.id))
            return {row.machine: _build_order(row) for row in rows}

    def list_approved_orders(self, machine: str, now: datetime) -> list[ResponseOrder]:
        """Return the orders that an agent is to carry out, oldest first."""
        query = select(ResponseOrderRow).where(
            ResponseOrderRow.machine == machine,
            ResponseOrderRow.status == OrderStatus.APPROVED.value,
            ResponseOrderRow.expires > now,
        )
        with self._database.read() as session:
            rows = session.scalars(query.order_by(ResponseOrderRow.created, ResponseOrderRow.id))
            return [_build_order(row) for row in rows]


def _build_row(session: Session, id_: str, *, lock: bool = False) -> ResponseOrderRow:
    row = session.get(ResponseOrderRow, id_, with_for_update=lock or None)
    if row is None:
        raise NotFoundError(f"response order {id_[:100]!r} not found")
    return row


def _build_order(row: ResponseOrderRow) -> ResponseOrder:
    return ResponseOrder(
        id=row.id, machine=row.machine, kind=ResponseKind(row.kind), arguments=dict(row.arguments),
        justification=row.justification, requester=row.requester, created=row.created, expires=row.expires,
        status=OrderStatus(row.status), incident=row.incident, decided=row.decided, decided_by=row.decided_by,
        decision_reason=row.decision_reason, finished=row.finished, message=row.message,
    )  # fmt: skip
