"""The audit: every change and every sign-in, chained by hashes so that no entry can be changed or taken out unseen.

The anchor outside of the database tells where the newest entries were taken out, or all of them were made anew.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import BigInteger, ColumnElement, Text, event, func, or_, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from nephoscope.state.audit.audit_anchor import AuditAnchor
from nephoscope.state.audit.audit_filter import AuditFilter
from nephoscope.state.database.database import Database, StateError
from nephoscope.state.tables.columns import Base, Json, UtcDateTime

FIRST = "0" * 64
#: Any number that nothing else locks.
_LOCK = 0x6E6570686F
#: Where a transaction keeps the newest entry that it adds.
_ADDED = "audit"


class AuditRow(Base):
    """An entry; `number` counts from 1 without a gap."""

    __tablename__ = "audit"
    number: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    moment: Mapped[datetime] = mapped_column(UtcDateTime)
    author: Mapped[str] = mapped_column(Text)
    operation: Mapped[str] = mapped_column(Text)
    target: Mapped[str] = mapped_column(Text)
    outcome: Mapped[str] = mapped_column(Text)
    address: Mapped[str] = mapped_column(Text)
    detail: Mapped[dict[str, object]] = mapped_column(Json)
    hash: Mapped[str] = mapped_column(Text)


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """Audit entry: who (`author`, a name) did what (`operation`, as Azure spells it) to what, from where, whether it was allowed."""

    number: int
    moment: datetime
    author: str
    operation: str
    target: str
    outcome: str
    address: str
    detail: dict[str, Any]
    hash: str

    def compute_chain_hash(self, before: str) -> str:
        """The hash that the entry must have behind the one whose hash is `before`."""
        fields = [
            before, self.number, self.moment.isoformat(), self.author, self.operation, self.target, self.outcome,
            self.address, self.detail,
        ]  # fmt: skip
        return hashlib.sha256(msgspec.json.encode(fields, order="deterministic")).hexdigest()


class Audit:
    """The audit of a state; without an anchor (a state without a folder of keys) its end is not known from elsewhere."""

    def __init__(self, database: Database, anchor: AuditAnchor | None = None) -> None:
        self._database, self._anchor = database, anchor

    def add(
        self,
        session: Session,
        author: str,
        operation: str,
        target: str,
        *,
        outcome: str = "Succeeded",
        address: str = "",
        detail: dict[str, Any] | None = None,
    ) -> None:
        """Add an entry in the transaction of what it tells of; those that add wait for each other: the chain has no forks."""
        if not self._database.is_sqlite:
            session.execute(select(func.pg_advisory_xact_lock(_LOCK)))
        last = session.scalar(select(AuditRow).order_by(AuditRow.number.desc()).limit(1))
        moment = self._database.now(session)
        number, before = (last.number + 1, last.hash) if last is not None else (1, FIRST)
        entry = AuditEntry(number, moment, author, operation, target, outcome, address, detail or {}, "")
        hash_ = entry.compute_chain_hash(before)
        session.add(
            AuditRow(
                number=number, moment=moment, author=author, operation=operation, target=target, outcome=outcome, address=address,
                detail=entry.detail, hash=hash_,
            )
        )  # fmt: skip
        session.flush()
        self._anchor_after_commit(session, number, hash_)

    def _anchor_after_commit(self, session: Session, number: int, hash_: str) -> None:
        """Let the anchor follow once the transaction is kept; one that names what is not there stays, as it tells of that."""
        if self._anchor is None:
            return
        if _ADDED not in session.info:
            try:
                if self._find_lost_entry(session) is not None:
                    return
            except StateError:  # who looks at the audit is told
                return
            event.listen(session, "after_commit", self._move_anchor, once=True)
        session.info[_ADDED] = number, hash_

    def _move_anchor(self, session: Session) -> None:
        number, hash_ = session.info.pop(_ADDED)
        if self._anchor is not None:
            self._anchor.keep(number, hash_)

    def _find_lost_entry(self, session: Session) -> int | None:
        """The number of the entry that the anchor names where the table has it not, or another in its place."""
        known = self._anchor.read() if self._anchor is not None else None
        if known is None:
            return None
        found = session.scalar(select(AuditRow.hash).where(AuditRow.number == known[0]))
        return known[0] if found != known[1] else None

    def entries(self, *, before: int | None = None, most: int = 100) -> list[AuditEntry]:
        """The newest entries, those older than the number `before`."""
        query = select(AuditRow).order_by(AuditRow.number.desc()).limit(most)
        if before is not None:
            query = query.where(AuditRow.number < before)
        with self._database.read() as session:
            return [_build_entry(row) for row in session.scalars(query)]

    def page(self, wanted: AuditFilter, start: int, most: int) -> list[AuditEntry]:
        """Return a page of the entries that a filter leaves."""
        query = select(AuditRow).where(*_list_conditions(wanted))
        query = query.order_by(AuditRow.number if wanted.oldest_first else AuditRow.number.desc())
        with self._database.read() as session:
            return [_build_entry(row) for row in session.scalars(query.offset(start).limit(most))]

    def count_by_author(self, wanted: AuditFilter, name: str) -> dict[str, int]:
        """Return how many of the entries that a filter leaves have each author, operation or outcome."""
        column = {"author": AuditRow.author, "operation": AuditRow.operation, "outcome": AuditRow.outcome}[
            name
        ]
        query = select(column, func.count()).where(*_list_conditions(wanted)).group_by(column)
        with self._database.read() as session:
            return {str(value): int(count) for value, count in session.execute(query)}

    def list_entries_about(self, target: str, since: datetime, most: int = 100) -> list[AuditEntry]:
        """Return what was done to a target at a time or after it, in order; of more than `most` entries the newest."""
        query = select(AuditRow).where(AuditRow.target == target, AuditRow.moment >= since)
        with self._database.read() as session:
            rows = list(session.scalars(query.order_by(AuditRow.number.desc()).limit(most)))
        return [_build_entry(row) for row in reversed(rows)]

    def find_newest(self, operation: str) -> AuditEntry | None:
        """The newest entry of an operation, None where there is none."""
        query = select(AuditRow).where(AuditRow.operation == operation).order_by(AuditRow.number.desc())
        with self._database.read() as session:
            row = session.scalar(query.limit(1))
        return _build_entry(row) if row is not None else None

    def is_anchored(self) -> bool:
        """Return whether entries that are taken off the end can be told: an anchor is there, or there is no entry yet."""
        known = self._anchor.read() if self._anchor is not None else None
        return known is not None or not self.entries(most=1)

    def find_broken_entry(self) -> int | None:
        """The number of the first entry that does not fit behind the one before it, or that is missing; None where all are there."""
        expected, before = 1, FIRST
        with self._database.read() as session:
            lost = self._find_lost_entry(session)
            for entry in _iterate_entries(session):
                if entry.number != expected or entry.hash != entry.compute_chain_hash(before):
                    return expected
                expected, before = expected + 1, entry.hash
        return None if lost is None else min(lost, expected)


def _list_conditions(wanted: AuditFilter) -> list[ColumnElement[bool]]:
    narrowed = (
        (AuditRow.author, wanted.authors),
        (AuditRow.operation, wanted.operations),
        (AuditRow.outcome, wanted.outcomes),
    )
    found: list[ColumnElement[bool]] = [column.in_(values) for column, values in narrowed if values]
    if wanted.text:
        sought = (AuditRow.author, AuditRow.operation, AuditRow.target)
        found.append(or_(*(one.icontains(wanted.text, autoescape=True) for one in sought)))
    return found


def _iterate_entries(session: Session) -> Iterator[AuditEntry]:
    return (
        _build_entry(row)
        for row in session.scalars(select(AuditRow).order_by(AuditRow.number)).yield_per(1000)
    )


def _build_entry(row: AuditRow) -> AuditEntry:
    return AuditEntry(
        row.number,
        row.moment,
        row.author,
        row.operation,
        row.target,
        row.outcome,
        row.address,
        row.detail,
        row.hash,
    )
