"""Requests for images: who wants which public image and why, and what was answered."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, fields, replace
from datetime import datetime
from enum import StrEnum
from uuid import uuid4

from sqlalchemy import Index, Integer, Text, func, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from nephoscope.state.database.database import Database
from nephoscope.state.database.state_errors import NotFoundError, StateError
from nephoscope.state.tables.columns import AuditedRow, UtcDateTime

#: Requests that wait for an answer at most: what asks without end is stopped, and told why.
MOST_OPEN = 5_000


class RequestStatus(StrEnum):
    """Status of an image request: `IMPORTED` is in quarantine and goes the way of every image there."""

    OPEN = "Open"
    APPROVED = "Approved"
    DENIED = "Denied"
    WITHDRAWN = "Withdrawn"
    EXPIRED = "Expired"
    IMPORTED = "Imported"
    FAILED = "Failed"


class ImageRequestRow(AuditedRow):
    """A request for an image."""

    __tablename__ = "image_requests"
    __table_args__ = (Index("ix_image_requests_status", "status", "due"),)
    id: Mapped[str] = mapped_column(Text, primary_key=True)
    image: Mapped[str] = mapped_column(Text)
    registry_name: Mapped[str] = mapped_column(Text)
    repository: Mapped[str] = mapped_column(Text)
    tag: Mapped[str] = mapped_column(Text)
    reason: Mapped[str] = mapped_column(Text)
    requester: Mapped[str] = mapped_column(Text)
    created: Mapped[datetime] = mapped_column(UtcDateTime)
    deadline: Mapped[datetime | None] = mapped_column(UtcDateTime)
    expires: Mapped[datetime] = mapped_column(UtcDateTime)
    status: Mapped[str] = mapped_column(Text)
    answered: Mapped[datetime | None] = mapped_column(UtcDateTime)
    answered_by: Mapped[str] = mapped_column(Text)
    answer_reason: Mapped[str] = mapped_column(Text)
    digest: Mapped[str] = mapped_column(Text)
    attempts: Mapped[int] = mapped_column(Integer)
    due: Mapped[datetime] = mapped_column(UtcDateTime)
    error: Mapped[str] = mapped_column(Text)


@dataclass(frozen=True, slots=True)
class ImageRequest:
    """A request: `image` as it was asked for, and the repository of quarantine and the tag that it is imported to.

    `deadline` is when the requester needs it, `expires` when nobody may answer it any more. `digest` is that of the image once it is
    imported; `error` says why it is not yet, or not at all.
    """

    image: str
    registry_name: str
    repository: str
    tag: str
    reason: str
    requester: str
    created: datetime
    expires: datetime
    due: datetime
    deadline: datetime | None = None
    status: RequestStatus = RequestStatus.OPEN
    answered: datetime | None = None
    answered_by: str = ""
    answer_reason: str = ""
    digest: str = ""
    attempts: int = 0
    error: str = ""
    id: str = ""


_FIELDS = tuple(one.name for one in fields(ImageRequest))


class ImageRequests:
    """All requests; what changes takes the session of the transaction in which the change is kept."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def get(self, id_: str) -> ImageRequest:
        """Return the request of an id; NotFoundError where there is none."""
        with self._database.read() as session:
            return _build_request(_build_row(session, id_))

    def lock(self, session: Session, id_: str) -> ImageRequest:
        """Return the request of an id, locked to the end of the transaction; NotFoundError where there is none."""
        row = session.get(ImageRequestRow, id_, with_for_update=True)
        if row is None:
            raise NotFoundError(f"request {id_[:100]!r} not found")
        return _build_request(row)

    def put(self, session: Session, request: ImageRequest) -> ImageRequest:
        """Keep a request in place of what was known of it, a new one under a new id; StateError where too many are open."""
        row = session.get(ImageRequestRow, request.id) if request.id else None
        kept = request if request.id else replace(request, id=str(uuid4()))
        if row is None:
            open_ = (
                select(func.count())
                .select_from(ImageRequestRow)
                .where(ImageRequestRow.status == RequestStatus.OPEN.value)
            )
            if (session.scalar(open_) or 0) >= MOST_OPEN:
                raise StateError(f"{MOST_OPEN:,} requests are already waiting for an answer")
            row = ImageRequestRow(id=kept.id)
            session.add(row)
        for name in _FIELDS:
            value = getattr(kept, name)
            setattr(row, name, value.value if isinstance(value, RequestStatus) else value)
        session.flush()
        return kept

    def list_requests(
        self, statuses: Collection[str] = (), requester: str = "", most: int = 100
    ) -> list[ImageRequest]:
        """Return requests of some statuses (none = all), of a requester ('' = all): those that are due first, then the newest."""
        query = select(ImageRequestRow)
        if statuses:
            query = query.where(ImageRequestRow.status.in_(statuses))
        if requester:
            query = query.where(ImageRequestRow.requester == requester)
        order = (ImageRequestRow.deadline.is_(None), ImageRequestRow.deadline, ImageRequestRow.created.desc())
        with self._database.read() as session:
            return [_build_request(row) for row in session.scalars(query.order_by(*order).limit(most))]

    def count(self, status: RequestStatus) -> int:
        """Return how many requests have a status."""
        query = select(func.count()).where(ImageRequestRow.status == status.value)
        with self._database.read() as session:
            return session.scalar(query) or 0

    def due(self, registry: str, now: datetime, most: int) -> list[ImageRequest]:
        """Return the requests of a registry that are approved and wait to be imported."""
        rows = ImageRequestRow
        query = (
            select(rows)
            .where(
                rows.status == RequestStatus.APPROVED.value, rows.registry_name == registry, rows.due <= now
            )
            .order_by(rows.answered, rows.id)
            .limit(most)
        )
        with self._database.read() as session:
            return [_build_request(row) for row in session.scalars(query)]

    def expire(self, session: Session, now: datetime) -> int:
        """Let requests that nobody answered in time expire; returns how many."""
        rows = ImageRequestRow
        query = select(rows).where(rows.status == RequestStatus.OPEN.value, rows.expires <= now)
        expired = list(session.scalars(query))
        for row in expired:
            row.status = RequestStatus.EXPIRED.value
        session.flush()
        return len(expired)

    def has_expired(self, now: datetime) -> bool:
        """Return whether a request is open that is to expire."""
        rows = ImageRequestRow
        query = select(rows.id).where(rows.status == RequestStatus.OPEN.value, rows.expires <= now).limit(1)
        with self._database.read() as session:
            return session.scalar(query) is not None

    def answer_seconds(self, most: int = 1000) -> list[float]:
        """Return how long each of the requests that were answered last waited, in seconds."""
        rows = ImageRequestRow
        query = select(rows.created, rows.answered).where(rows.answered.is_not(None))
        with self._database.read() as session:
            found = session.execute(query.order_by(rows.answered.desc()).limit(most))
            return [(answered - created).total_seconds() for created, answered in found if answered]


def _build_row(session: Session, id_: str) -> ImageRequestRow:
    row = session.get(ImageRequestRow, id_)
    if row is None:
        raise NotFoundError(f"request {id_[:100]!r} not found")
    return row


def _build_request(row: ImageRequestRow) -> ImageRequest:
    values = {name: getattr(row, name) for name in _FIELDS}
    return ImageRequest(**{**values, "status": RequestStatus(row.status)})
