"""Current errors of sources, one for each part (a blob, a partition, a path), which only the part's success ends."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Select, Text, delete, func, select
from sqlalchemy.orm import Mapped, Session, aliased, mapped_column

from nephoscope.state.database.database import Database
from nephoscope.state.tables.columns import Base, UtcDateTime

#: Errors that are kept of a source, and those that are shown with its health; of the rest there is a count.
KEPT, SHOWN = 1000, 20
#: Keys of what happened and is over as it is told: no success undoes it, so that it is shown for a while.
EVENT = "event:"
#: Under this key stands how many more parts fail than are kept.
_MORE = "#more"
#: The longest key, in characters: what is longer is cut, with a digest in place of the rest.
_KEY = 256


class SourceErrorRow(Base):
    """The last error of a part of a source; `key` is '' for the source as a whole."""

    __tablename__ = "source_errors"
    source: Mapped[str] = mapped_column(Text, primary_key=True)
    workspace: Mapped[str] = mapped_column(Text, primary_key=True)
    key: Mapped[str] = mapped_column(Text, primary_key=True)
    error: Mapped[str] = mapped_column(Text)
    since: Mapped[datetime] = mapped_column(UtcDateTime)
    at: Mapped[datetime] = mapped_column(UtcDateTime)


@dataclass(frozen=True, slots=True)
class StandingError:
    """An error that is not over: of which part, since when, and when it was told last."""

    key: str
    error: str
    since: datetime
    at: datetime


@dataclass(frozen=True, slots=True)
class SourceErrorSummary:
    """The errors of a source, the last ones first, and how many there are in all."""

    errors: tuple[StandingError, ...] = ()
    count: int = 0


def normalize_error_key(key: str) -> str:
    """A key as it is kept."""
    clean = key.replace("\x00", "\\u0000")
    if len(clean) <= _KEY:
        return clean
    return f"{clean[: _KEY - 17]}~{hashlib.sha256(clean.encode('utf-8', 'surrogatepass')).hexdigest()[:16]}"


class SourceErrors:
    """The errors of all sources that are not over."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def keep_errors(
        self,
        source: str,
        errors: Mapping[str, str],
        at: datetime,
        workspace: str = "default",
        *,
        more: int = 0,
    ) -> None:
        """Keep the errors of parts by their keys; `more` parts fail besides, whose errors were not kept by who tells this."""
        messages = {normalize_error_key(key): _sanitize_error(error) for key, error in errors.items()}
        with self._database.write() as session:
            known = self._list_failing_keys(session, source, workspace)
            new = [key for key in messages if key not in known]
            left_out = new[max(0, KEPT - len(known - {_MORE})) :]
            kept = {key: error for key, error in messages.items() if key not in set(left_out)}
            if more := more + len(left_out):
                kept[_MORE] = f"{more:,} more of its parts fail, whose errors are not kept"
            rows = [
                {"source": source, "workspace": workspace, "key": key, "error": error, "since": at, "at": at}
                for key, error in kept.items()
            ]
            self._database.upsert(
                session, SourceErrorRow, rows, ("source", "workspace", "key"), kept=("since",)
            )

    def clear_errors(self, source: str, keys: Collection[str], workspace: str = "default") -> int:
        """The errors of these parts are over; returns how many there were."""
        with self._database.read() as session:
            known = self._list_failing_keys(session, source, workspace)
        over = known & {normalize_error_key(key) for key in keys}
        if not over:
            return 0
        mine = self._build_source_conditions(source, workspace)
        with self._database.write() as session:
            session.execute(delete(SourceErrorRow).where(*mine, SourceErrorRow.key.in_([*over, _MORE])))
        return len(over)

    def expire(self, source: str, before: datetime, workspace: str = "default") -> None:
        """Clear the event errors of a source that were last reported before a time."""
        mine = (
            *self._build_source_conditions(source, workspace),
            SourceErrorRow.key.startswith(EVENT),
            SourceErrorRow.at < before,
        )
        with self._database.read() as session:
            some = session.scalar(select(SourceErrorRow.key).where(*mine).limit(1))
        if some is not None:
            with self._database.write() as session:
                session.execute(delete(SourceErrorRow).where(*mine))

    def keys(self, source: str, workspace: str = "default") -> frozenset[str]:
        """The keys of the parts that fail, as they are kept."""
        with self._database.read() as session:
            return self._list_failing_keys(session, source, workspace)

    def all(self, source: str | None = None, shown: int = SHOWN) -> dict[tuple[str, str], SourceErrorSummary]:
        """By source and workspace the last errors, `shown` of each at most."""
        found: dict[tuple[str, str], list[StandingError]] = {}
        counts: dict[tuple[str, str], int] = {}
        with self._database.read() as session:
            for row, count in session.execute(_select_numbered_errors(source, shown)):
                place = row.source, row.workspace
                counts[place] = count
                found.setdefault(place, []).append(StandingError(row.key, row.error, row.since, row.at))
        return {place: SourceErrorSummary(tuple(errors), counts[place]) for place, errors in found.items()}

    def _list_failing_keys(self, session: Session, source: str, workspace: str) -> frozenset[str]:
        return frozenset(
            session.scalars(
                select(SourceErrorRow.key).where(*self._build_source_conditions(source, workspace))
            )
        )

    def _build_source_conditions(self, source: str, workspace: str) -> tuple[Any, Any]:
        return SourceErrorRow.source == source, SourceErrorRow.workspace == workspace


def _select_numbered_errors(source: str | None, shown: int) -> Select[Any]:
    """The last errors of each source, each with how many its source has."""
    place = (SourceErrorRow.source, SourceErrorRow.workspace)
    order = (SourceErrorRow.at.desc(), SourceErrorRow.key)
    query = select(
        SourceErrorRow,
        func.row_number().over(partition_by=place, order_by=order).label("number"),
        func.count().over(partition_by=place).label("count"),
    )
    if source is not None:
        query = query.where(SourceErrorRow.source == source)
    numbered = query.subquery()
    row = aliased(SourceErrorRow, numbered)
    return (
        select(row, numbered.c.count)
        .where(numbered.c.number <= shown)
        .order_by(row.source, row.workspace, numbered.c.number)
    )


def _sanitize_error(error: str) -> str:
    return error.replace("\x00", "\\u0000")[:4096]
