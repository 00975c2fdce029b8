"""Threat intelligence objects: the newest version per source, and when its rows were written."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Boolean, Index, Integer, Text, cast, func, or_, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from nephoscope.state.database.database import Database
from nephoscope.state.tables.columns import AuditedRow, Json, UtcDateTime


class IntelRow(AuditedRow):
    """An object of threat intelligence."""

    __tablename__ = "intel"
    __table_args__ = (
        Index("ix_intel_published", "workspace", "active", "published"),
        Index("ix_intel_stix", "workspace", "stix"),
    )
    workspace: Mapped[str] = mapped_column(Text, primary_key=True)
    id: Mapped[str] = mapped_column(Text, primary_key=True)
    stix: Mapped[str] = mapped_column(Text)
    kind: Mapped[str] = mapped_column(Text)
    source: Mapped[str] = mapped_column(Text)
    modified: Mapped[datetime] = mapped_column(UtcDateTime)
    digest: Mapped[str] = mapped_column(Text)
    values: Mapped[str] = mapped_column(Text)
    observables: Mapped[list[list[str]]] = mapped_column(Json)
    document: Mapped[dict[str, object]] = mapped_column(Json)
    confidence: Mapped[int | None] = mapped_column(Integer)
    valid_until: Mapped[datetime | None] = mapped_column(UtcDateTime)
    revoked: Mapped[bool] = mapped_column(Boolean)
    withdrawn: Mapped[str] = mapped_column(Text)
    active: Mapped[bool] = mapped_column(Boolean)
    published: Mapped[datetime] = mapped_column(UtcDateTime)


@dataclass(frozen=True, slots=True)
class Intel:
    """An object as it is kept.

    `stix` is its id as its source has it, `id` the one that it goes by here: the same, unless another source's object had it first.
    `values` are what it observes in lower case, a line each, for the search by value; `observables` are (key, value) pairs such as
    ("ipv4-addr:value", "198.51.100.7"), `document` the STIX object. `revoked` is the source's word, `withdrawn` the name of who
    here took it back ('' = nobody). `active`: its newest rows say that it holds. `published` is when those were written.
    """

    workspace: str
    id: str
    stix: str
    kind: str
    source: str
    modified: datetime
    digest: str
    values: str
    observables: tuple[tuple[str, str], ...]
    document: dict[str, object]
    confidence: int | None
    valid_until: datetime | None
    revoked: bool
    withdrawn: str
    active: bool
    published: datetime


_NAMES = tuple(Intel.__dataclass_fields__)


class Intels:
    """All objects of threat intelligence. What changes takes the session of the transaction in which its rows go to the outbox."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def load_known_indicators(self, session: Session, workspace: str, ids: Sequence[str]) -> dict[str, Intel]:
        """Return those of the ids that are known, within a transaction; at most some hundred ids at a time."""
        query = select(IntelRow).where(IntelRow.workspace == workspace, IntelRow.id.in_(ids))
        return {row.id: _build_intel(row) for row in session.scalars(query)}

    def find_by_objects(self, session: Session, workspace: str, stix: Sequence[str]) -> list[Intel]:
        """Return what any source has under ids of objects, and what goes by them here, within a transaction; at most
        some hundred ids."""
        query = select(IntelRow).where(
            IntelRow.workspace == workspace, or_(IntelRow.stix.in_(stix), IntelRow.id.in_(stix))
        )
        return [_build_intel(row) for row in session.scalars(query)]

    def put(self, session: Session, several: Iterable[Intel]) -> None:
        """Keep objects, in place of those of their ids."""
        values = [
            {name: getattr(one, name) for name in _NAMES} | {"observables": [list(pair) for pair in one.observables]}
            for one in several
        ]  # fmt: skip
        self._database.upsert(session, IntelRow, values, ("workspace", "id"))

    def due(
        self, session: Session, workspace: str, now: datetime, older_than: datetime, most: int
    ) -> list[Intel]:
        """Active objects that are over by now, or whose rows were written before a time; the oldest first."""
        query = (
            select(IntelRow)
            .where(
                IntelRow.workspace == workspace,
                IntelRow.active,
                or_(IntelRow.published < older_than, IntelRow.valid_until <= now),
            )
            .order_by(IntelRow.published, IntelRow.id)
            .limit(most)
        )
        return [_build_intel(row) for row in session.scalars(query)]

    def get(self, workspace: str, id_: str) -> Intel | None:
        """The object of an id."""
        with self._database.read() as session:
            row = session.get(IntelRow, (workspace, id_))
            return None if row is None else _build_intel(row)

    def list_newest(
        self,
        workspace: str,
        *,
        value: str = "",
        source: str = "",
        kind: str = "",
        inactive: bool = False,
        most: int = 100,
    ) -> list[Intel]:
        """Objects with a value (in any case), of a source, of a STIX type; those that hold unless `inactive`; the newest first."""
        query = select(IntelRow).where(IntelRow.workspace == workspace)
        if value:
            query = query.where(IntelRow.values.contains(f"\n{value.lower()}\n", autoescape=True))
        if source:
            query = query.where(IntelRow.source == source)
        if kind:
            query = query.where(IntelRow.kind == kind)
        if not inactive:
            query = query.where(IntelRow.active)
        query = query.order_by(IntelRow.modified.desc(), IntelRow.id).limit(most)
        with self._database.read() as session:
            return [_build_intel(row) for row in session.scalars(query)]

    def list_file_digests(self, algorithm: str, now: datetime) -> list[tuple[str, Intel]]:
        """The digests of files that hold at a time, of every workspace, with their objects; `algorithm` is written as in STIX."""
        key = f"file:hashes.'{algorithm}'"
        query = select(IntelRow).where(
            IntelRow.active,
            or_(IntelRow.valid_until.is_(None), IntelRow.valid_until > now),
            cast(IntelRow.observables, Text).contains(algorithm, autoescape=True),
        )
        with self._database.read() as session:
            several = [_build_intel(row) for row in session.scalars(query)]
        return [(value.lower(), one) for one in several for name, value in one.observables if name == key]

    def workspaces(self) -> list[str]:
        """Return the workspaces that have objects."""
        with self._database.read() as session:
            return list(session.scalars(select(IntelRow.workspace).distinct().order_by(IntelRow.workspace)))

    def list_values(self, workspaces: Sequence[str], now: datetime) -> Iterator[tuple[str, str, list[str]]]:
        """Yield the workspace, the id and the values in lower case of each indicator that holds at a time; few are read at once."""
        query = (
            select(IntelRow.workspace, IntelRow.id, IntelRow.values)
            .where(
                IntelRow.workspace.in_(workspaces),
                IntelRow.kind == "indicator",
                IntelRow.active,
                or_(IntelRow.valid_until.is_(None), IntelRow.valid_until > now),
            )
            .execution_options(yield_per=10_000)
        )
        with self._database.read() as session:
            for workspace, id_, values in session.execute(query):
                yield workspace, id_, [one for one in values.split("\n") if one]

    def counts(self, workspace: str) -> dict[str, tuple[int, int]]:
        """Count by source the known objects and those that are active."""
        active = func.sum(cast(IntelRow.active, Integer))
        query = (
            select(IntelRow.source, func.count(), active)
            .where(IntelRow.workspace == workspace)
            .group_by(IntelRow.source)
            .order_by(IntelRow.source)
        )
        with self._database.read() as session:
            return {source: (count, int(held or 0)) for source, count, held in session.execute(query)}


def _build_intel(row: IntelRow) -> Intel:
    values = {name: getattr(row, name) for name in _NAMES}
    values["observables"] = tuple((key, value) for key, value in row.observables)
    return Intel(**values)
