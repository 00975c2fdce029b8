"""Images of watched registries: what was seen of each, how far its examination and promotion have come, and what was decided.

A row is an image of a repository by its digest. What is to be done with it is kept before it is done, so that whoever goes on after a
kill does the same once more: every step can be repeated.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Boolean, Index, Integer, Text, delete, func, or_, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from nephoscope.state.database.database import Database
from nephoscope.state.database.state_errors import NotFoundError, StateError
from nephoscope.state.tables.columns import AuditedRow, Base, Json, UtcDateTime

#: Images of a registry that are kept at most; events of more are refused, and polling finds them once there is room.
MOST_IMAGES = 500_000


class ImageStatus(StrEnum):
    """Status of an image: `PASSED` and `FAILED` are of images outside of quarantine."""

    QUEUED = "Queued"
    UNTAGGED = "Untagged"
    HELD = "Held"
    PROMOTED = "Promoted"
    REJECTED = "Rejected"
    PASSED = "Passed"
    FAILED = "Failed"
    GONE = "Gone"


class ImageStep(StrEnum):
    """Next step of a queued image."""

    EXAMINE = "Examine"
    COPY = "Copy"
    TAG = "Tag"
    CLEAN = "Clean"
    FINISH = "Finish"


class RegistryImageRow(AuditedRow):
    """An image of a repository by its digest."""

    __tablename__ = "registry_images"
    __table_args__ = (
        Index("ix_registry_images_registry_name", "registry_name", "status", "due"),
        Index("ix_registry_images_digest", "digest"),
    )
    id: Mapped[str] = mapped_column(Text, primary_key=True)
    registry_name: Mapped[str] = mapped_column(Text)
    repository: Mapped[str] = mapped_column(Text)
    digest: Mapped[str] = mapped_column(Text)
    tags: Mapped[list[str]] = mapped_column(Json)
    promoted_tags: Mapped[list[str]] = mapped_column(Json)
    origin: Mapped[str] = mapped_column(Text)
    status: Mapped[str] = mapped_column(Text)
    step: Mapped[str] = mapped_column(Text)
    attempts: Mapped[int] = mapped_column(Integer)
    due: Mapped[datetime] = mapped_column(UtcDateTime)
    error: Mapped[str] = mapped_column(Text)
    manifests: Mapped[list[str]] = mapped_column(Json)
    verdict: Mapped[str] = mapped_column(Text)
    reasons: Mapped[list[dict[str, object]]] = mapped_column(Json)
    summary: Mapped[dict[str, object] | None] = mapped_column(Json, nullable=True)
    target: Mapped[str] = mapped_column(Text)
    removed: Mapped[bool] = mapped_column(Boolean)
    generation: Mapped[int] = mapped_column(Integer)
    received: Mapped[datetime] = mapped_column(UtcDateTime)
    examined: Mapped[datetime | None] = mapped_column(UtcDateTime)
    decided: Mapped[datetime | None] = mapped_column(UtcDateTime)
    decided_by: Mapped[str] = mapped_column(Text)
    decision_reason: Mapped[str] = mapped_column(Text)


class RegistryEventRow(Base):
    """An event of a registry that was taken in, so that it counts once."""

    __tablename__ = "registry_events"
    registry_name: Mapped[str] = mapped_column(Text, primary_key=True)
    id: Mapped[str] = mapped_column(Text, primary_key=True)
    received: Mapped[datetime] = mapped_column(UtcDateTime, index=True)


@dataclass(frozen=True, slots=True)
class RegistryImage:
    """An image of a repository: `tags` wait to be promoted, `promoted_tags` were; `manifests` are all of its tree, its own last.

    `reasons` and `summary` are what its examination came to, by the advisories of the import number `generation`.
    `target` is the repository that it is promoted to; `removed`: it was deleted from quarantine; `decided_by` is a person who decided.
    """

    registry: str
    repository: str
    digest: str
    received: datetime
    due: datetime
    tags: tuple[str, ...] = ()
    promoted_tags: tuple[str, ...] = ()
    origin: str = "push"
    status: ImageStatus = ImageStatus.QUEUED
    step: ImageStep = ImageStep.EXAMINE
    attempts: int = 0
    error: str = ""
    manifests: tuple[str, ...] = ()
    verdict: str = ""
    reasons: tuple[Mapping[str, object], ...] = ()
    summary: Mapping[str, Any] | None = None
    target: str = ""
    removed: bool = False
    generation: int = 0
    examined: datetime | None = None
    decided: datetime | None = None
    decided_by: str = ""
    decision_reason: str = ""
    id: str = ""

    @property
    def name(self) -> str:
        """Its repository with a tag where it has one, and its digest."""
        tags = self.tags or self.promoted_tags
        return f"{self.repository}{f':{tags[-1]}' if tags else ''}@{self.digest}"


#: What SQLAlchemy wants for itself has another name in a row.
_COLUMNS = {"registry": "registry_name"}
_FIELDS = tuple(one.name for one in fields(RegistryImage))
_SEQUENCES = ("tags", "promoted_tags", "manifests", "reasons")


@dataclass(frozen=True, slots=True)
class RegistryImageFilter:
    """Filter of images: of registries (None = all), some statuses (none = all), with a text in repository, tag or digest."""

    registries: Collection[str] | None = None
    statuses: Collection[str] = ()
    text: str = ""


def compute_image_id(registry: str, repository: str, digest: str) -> str:
    """Return the id of an image."""
    return hashlib.sha256("\0".join((registry, repository, digest)).encode()).hexdigest()[:32]


class RegistryImages:
    """All images; what changes takes the session of the transaction in which the change is kept."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def is_new_event(self, session: Session, registry: str, event: str) -> bool:
        """Note an event by its id, and return whether it was not there before."""
        now = self._database.now(session)
        insert = self._database.insert(
            RegistryEventRow, {"registry_name": registry, "id": event, "received": now}
        )
        found = session.execute(
            insert.on_conflict_do_nothing(index_elements=["registry_name", "id"]).returning(
                RegistryEventRow.id
            )
        )
        return found.first() is not None

    def forget_events(self, session: Session, before: datetime) -> None:
        """Forget the ids of events from before a time."""
        session.execute(delete(RegistryEventRow).where(RegistryEventRow.received < before))

    def find(self, session: Session, registry: str, repository: str, digest: str) -> RegistryImage | None:
        """Return an image by its digest, None where it was never seen; locked to the end of the transaction."""
        id_ = compute_image_id(registry, repository, digest)
        row = session.get(RegistryImageRow, id_, with_for_update=True)
        return None if row is None else _build_image(row)

    def get(self, id_: str) -> RegistryImage:
        """Return the image of an id; NotFoundError where there is none."""
        with self._database.read() as session:
            row = session.get(RegistryImageRow, id_)
            if row is None:
                raise NotFoundError(f"image {id_[:100]!r} not found")
            return _build_image(row)

    def put(self, session: Session, image: RegistryImage) -> RegistryImage:
        """Keep an image in place of what was known of it, and return it with its id; StateError where there are too many."""
        id_ = compute_image_id(image.registry, image.repository, image.digest)
        row = session.get(RegistryImageRow, id_)
        if row is None:
            self._check_image_count(session, image.registry)
            row = RegistryImageRow(id=id_)
            session.add(row)
        kept = replace(image, id=id_)
        for name in _FIELDS:
            setattr(row, _COLUMNS.get(name, name), _to_column(getattr(kept, name)))
        session.flush()
        return kept

    @staticmethod
    def _check_image_count(session: Session, registry: str) -> None:
        wanted = (
            select(func.count())
            .select_from(RegistryImageRow)
            .where(RegistryImageRow.registry_name == registry)
        )
        if (session.scalar(wanted) or 0) >= MOST_IMAGES:
            raise StateError(
                f"registry {registry} has {MOST_IMAGES:,} images already: narrow its repositories"
            )

    def due(self, registry: str, now: datetime, most: int) -> list[RegistryImage]:
        """Return the images of a registry that wait for their next step, those that came first before others."""
        query = (
            select(RegistryImageRow)
            .where(
                RegistryImageRow.registry_name == registry,
                RegistryImageRow.status == ImageStatus.QUEUED.value,
                RegistryImageRow.due <= now,
            )
            .order_by(RegistryImageRow.received, RegistryImageRow.id)
            .limit(most)
        )
        with self._database.read() as session:
            return [_build_image(row) for row in session.scalars(query)]

    def has_waiting_images(self, session: Session, image: RegistryImage) -> bool:
        """Return whether another image of the repository is queued or held."""
        rows = RegistryImageRow
        waiting = (ImageStatus.QUEUED.value, ImageStatus.HELD.value)
        query = select(rows.id).where(
            rows.registry_name == image.registry, rows.repository == image.repository, rows.status.in_(waiting),
            rows.digest != image.digest,
        )  # fmt: skip
        return session.scalar(query.limit(1)) is not None

    def list_held_images(self, session: Session, registry: str, repository: str) -> list[RegistryImage]:
        """Return the images of a repository that are held for a person or a statement."""
        rows = RegistryImageRow
        wanted = (
            rows.registry_name == registry, rows.status == ImageStatus.HELD.value, rows.repository == repository,
        )  # fmt: skip
        return [_build_image(row) for row in session.scalars(select(rows).where(*wanted).order_by(rows.id))]

    def forget_index_parts(self, session: Session, image: RegistryImage) -> None:
        """Forget manifests without a tag that are parts of an image."""
        rows = RegistryImageRow
        parts = [one for one in image.manifests if one != image.digest]
        for start in range(0, len(parts), 500):
            session.execute(
                delete(rows).where(
                    rows.registry_name == image.registry, rows.repository == image.repository,
                    rows.digest.in_(parts[start : start + 500]), rows.status == ImageStatus.UNTAGGED.value,
                )
            )  # fmt: skip

    def list_outdated_images(
        self, session: Session, registry: str, before: datetime, generation: int, most: int
    ) -> list[RegistryImage]:
        """Return images that stand still and were examined before a time, or by advisories before an import; the oldest first."""
        rows = RegistryImageRow
        standing = [one.value for one in (ImageStatus.HELD, ImageStatus.PASSED, ImageStatus.FAILED)]
        query = (
            select(rows)
            .where(
                rows.registry_name == registry,
                rows.status.in_(standing),
                or_(rows.examined < before, rows.generation < generation),
            )
            .order_by(rows.examined, rows.id)
            .limit(most)
        )
        return [_build_image(row) for row in session.scalars(query)]

    def list_images(self, wanted: RegistryImageFilter, most: int = 100) -> list[RegistryImage]:
        """Return the newest images that are wanted."""
        query = select(RegistryImageRow).where(*_list_conditions(wanted))
        query = query.order_by(RegistryImageRow.received.desc(), RegistryImageRow.id).limit(most)
        with self._database.read() as session:
            return [_build_image(row) for row in session.scalars(query)]

    def counts(self, wanted: RegistryImageFilter) -> dict[str, int]:
        """Return how many images that are wanted have each status."""
        query = select(RegistryImageRow.status, func.count()).where(*_list_conditions(wanted))
        with self._database.read() as session:
            rows = session.execute(query.group_by(RegistryImageRow.status))
            return {str(row[0]): int(row[1]) for row in rows}

    def map_last_event_times(self) -> dict[str, datetime]:
        """Return when the last event of each registry was received, of the events whose ids are kept."""
        rows = RegistryEventRow
        query = select(rows.registry_name, func.max(rows.received)).group_by(rows.registry_name)
        with self._database.read() as session:
            return {str(name): received for name, received in session.execute(query)}

    def with_digests(self, digests: Iterable[str]) -> list[RegistryImage]:
        """Return the images of these digests, wherever they are."""
        wanted: Sequence[str] = sorted(set(digests))
        found: list[RegistryImage] = []
        with self._database.read() as session:
            for start in range(0, len(wanted), 500):
                several = wanted[start : start + 500]
                query = select(RegistryImageRow).where(RegistryImageRow.digest.in_(several))
                found += [_build_image(row) for row in session.scalars(query.order_by(RegistryImageRow.id))]
        return found

    def list_digests(self, registry: str) -> list[tuple[str, str]]:
        """Return repository and digest of every image that a registry holds, as far as is known."""
        rows = RegistryImageRow
        elsewhere = (ImageStatus.GONE.value, ImageStatus.UNTAGGED.value, ImageStatus.PROMOTED.value)
        wanted = (rows.registry_name == registry, rows.status.not_in(elsewhere))
        with self._database.read() as session:
            found = session.execute(select(rows.repository, rows.digest).where(*wanted))
            return [(str(one[0]), str(one[1])) for one in found]

    def delete_registry_images(self, session: Session, registry: str) -> None:
        """Forget the images and events of a registry."""
        for table in (RegistryImageRow, RegistryEventRow):
            session.execute(delete(table).where(table.registry_name == registry))


def _list_conditions(wanted: RegistryImageFilter) -> list[Any]:
    found: list[Any] = []
    if wanted.registries is not None:
        found.append(RegistryImageRow.registry_name.in_(wanted.registries))
    if wanted.statuses:
        found.append(RegistryImageRow.status.in_(wanted.statuses))
    if wanted.text:
        columns = (
            RegistryImageRow.repository, RegistryImageRow.digest, RegistryImageRow.tags, RegistryImageRow.promoted_tags,
        )  # fmt: skip
        found.append(or_(*(one.icontains(wanted.text, autoescape=True) for one in columns)))
    return found


def _build_image(row: RegistryImageRow) -> RegistryImage:
    values = {name: getattr(row, _COLUMNS.get(name, name)) for name in _FIELDS}
    values |= {name: tuple(values[name]) for name in _SEQUENCES}
    return RegistryImage(**{**values, "status": ImageStatus(row.status), "step": ImageStep(row.step)})


def _to_column(value: object) -> object:
    if isinstance(value, StrEnum):
        return value.value
    return list(value) if isinstance(value, tuple) else value
