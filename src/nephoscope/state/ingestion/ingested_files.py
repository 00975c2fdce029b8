"""Ingested files: which content has been taken in, by its own hash, and how far."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import BigInteger, Boolean, Index, Text, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from nephoscope.state.database.database import Database, StateError
from nephoscope.state.tables.columns import Base, UtcDateTime


class IngestedFileRow(Base):
    """A file's content on its way into a workspace."""

    __tablename__ = "ingested_files"
    __table_args__ = (Index("ix_ingested_files_started", "workspace", "started"),)
    workspace: Mapped[str] = mapped_column(Text, primary_key=True)
    identity: Mapped[str] = mapped_column(Text, primary_key=True)
    name: Mapped[str] = mapped_column(Text)
    format: Mapped[str] = mapped_column(Text)
    size: Mapped[int] = mapped_column(BigInteger)
    done: Mapped[int] = mapped_column(BigInteger)
    chunk: Mapped[int] = mapped_column(BigInteger)
    rows: Mapped[int] = mapped_column(BigInteger)
    bad: Mapped[int] = mapped_column(BigInteger)
    started: Mapped[datetime] = mapped_column(UtcDateTime)
    finished: Mapped[datetime | None] = mapped_column(UtcDateTime)
    sure: Mapped[int | None] = mapped_column(BigInteger)
    lines: Mapped[bool | None] = mapped_column(Boolean)
    closing: Mapped[str | None] = mapped_column(Text)
    head: Mapped[str | None] = mapped_column(Text)
    marks: Mapped[str | None] = mapped_column(Text, deferred=True)


class Chunk(NamedTuple):
    """A chunk that was acknowledged: its number, the bytes of the content up to its end, its rows and bad records.

    `sure` and `lines` as of IngestedFile.
    """

    number: int
    done: int
    rows: int = 0
    bad: int = 0
    sure: int | None = None
    lines: bool | None = None


@dataclass(frozen=True, slots=True)
class IngestedFile:
    """A file's content: `identity` is its hash, `done` the bytes taken in, `chunk` the last chunk (-1: none).

    `finished` is None while it goes on. What is before byte `sure` of what was taken in stays when the file grows, `lines` says
    whether that is lines of text, `closing` are the brackets at the end of the content, `head` is what its first bytes are known by
    (all None = not known).
    """

    identity: str
    name: str
    format: str
    size: int
    done: int
    chunk: int
    rows: int
    bad: int
    started: datetime
    finished: datetime | None
    workspace: str = "default"
    sure: int | None = None
    lines: bool | None = None
    closing: str | None = None
    head: str | None = None

    @property
    def content(self) -> str:
        """The hash of the content alone, without what the load adds."""
        return self.identity.partition("-")[0]

    def with_chunk(self, chunk: Chunk) -> IngestedFile:
        """Return the same with one more chunk; one that is known already adds nothing."""
        if chunk.number <= self.chunk:
            return self
        rows, bad = self.rows + chunk.rows, self.bad + chunk.bad
        return replace(
            self, chunk=chunk.number, done=chunk.done, rows=rows, bad=bad, sure=chunk.sure, lines=chunk.lines
        )


class IngestedFiles:
    """All files that were begun."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def get(self, identity: str, workspace: str = "default") -> IngestedFile | None:
        """The file of that content, None where it was never begun."""
        with self._database.read() as session:
            row = session.get(IngestedFileRow, (workspace, identity))
            return None if row is None else _build_file(row)

    def all(self, workspace: str | None = None) -> tuple[IngestedFile, ...]:
        """Every file, in the order in which they were begun."""
        query = select(IngestedFileRow).order_by(IngestedFileRow.started, IngestedFileRow.identity)
        if workspace is not None:
            query = query.where(IngestedFileRow.workspace == workspace)
        with self._database.read() as session:
            return tuple(_build_file(row) for row in session.scalars(query))

    def list_files_begun_since(
        self, session: Session, workspace: str, moment: datetime
    ) -> tuple[IngestedFile, ...]:
        """The files of a workspace that were begun at a moment or later."""
        query = select(IngestedFileRow).where(
            IngestedFileRow.workspace == workspace, IngestedFileRow.started >= moment
        )
        return tuple(_build_file(row) for row in session.scalars(query))

    def list_newest(self, workspaces: Collection[str], most: int) -> tuple[IngestedFile, ...]:
        """The files of some workspaces that were begun last, the newest first."""
        query = (
            select(IngestedFileRow)
            .where(IngestedFileRow.workspace.in_(sorted(workspaces)))
            .order_by(IngestedFileRow.started.desc(), IngestedFileRow.name)
            .limit(most)
        )
        with self._database.read() as session:
            return tuple(_build_file(row) for row in session.scalars(query))

    def begin(
        self, identity: str, name: str, format_: str, size: int, workspace: str = "default"
    ) -> IngestedFile:
        """Begin a load as `begin_in_transaction` does, in a transaction of its own."""
        with self._database.write() as session:
            return self.begin_in_transaction(session, identity, name, format_, size, workspace)

    def begin_in_transaction(
        self,
        session: Session,
        identity: str,
        name: str,
        format_: str,
        size: int,
        workspace: str,
        *,
        done: int = 0,
        lines: bool | None = None,
        closing: str = "",
        head: str = "",
        marks: str = "",
    ) -> IngestedFile:
        """Record that a file is begun, at byte `done` where it continues another; one that was begun before stays where it was."""
        row = {
            "workspace": workspace,
            "identity": identity,
            "name": name,
            "format": format_,
            "size": size,
            "done": done,
            "lines": lines,
            "closing": closing,
            "head": head,
            "marks": marks,
            "chunk": -1,
            "rows": 0,
            "bad": 0,
            "started": self._database.now(session),
        }
        session.execute(self._database.insert(IngestedFileRow, row).on_conflict_do_nothing())
        return _build_file(_build_row(session, identity, workspace))

    def marks(self, identities: Collection[str], workspace: str = "default") -> dict[str, str]:
        """The marks of contents that were taken in whole, by which older copies of them are known; of those of which any are kept."""
        query = select(IngestedFileRow.identity, IngestedFileRow.marks).where(
            IngestedFileRow.workspace == workspace,
            IngestedFileRow.identity.in_(identities),
            IngestedFileRow.finished.is_not(None),
        )
        with self._database.read() as session:
            return {identity: marks for identity, marks in session.execute(query) if marks}

    def unmark(self, session: Session, identity: str, workspace: str) -> None:
        """Drop the marks of a content of which a longer version has come, in the transaction that notes that."""
        _build_row(session, identity, workspace).marks = None

    def adopt(self, one: IngestedFile, identity: str, name: str) -> IngestedFile:
        """Record that a file is one that was taken in before: it stands where that stands. One that is known stays as it is."""
        with self._database.write() as session:
            row = asdict(one) | {"identity": identity, "name": name}
            session.execute(self._database.insert(IngestedFileRow, row).on_conflict_do_nothing())
            return _build_file(_build_row(session, identity, one.workspace))

    def advance(self, identity: str, workspace: str, chunk: Chunk) -> None:
        """Record a chunk that was acknowledged; one that is known already adds nothing."""
        with self._database.write() as session:
            _add_chunk(_build_row(session, identity, workspace), chunk)

    def finish(self, identity: str, workspace: str = "default") -> None:
        """Record that the whole file was taken in."""
        with self._database.write() as session:
            self.end(session, identity, workspace)

    def end(self, session: Session, identity: str, workspace: str, last: Chunk | None = None) -> None:
        """Finish a load as `finish` does, with its last chunk, in the caller's transaction."""
        row = _build_row(session, identity, workspace)
        if last is not None:
            _add_chunk(row, last)
        row.done = row.size
        row.finished = self._database.now(session)


def _add_chunk(row: IngestedFileRow, chunk: Chunk) -> None:
    if chunk.number > row.chunk:
        row.chunk, row.done = chunk.number, chunk.done
        row.sure, row.lines = chunk.sure, chunk.lines
        row.rows += chunk.rows
        row.bad += chunk.bad


def _build_row(session: Session, identity: str, workspace: str) -> IngestedFileRow:
    row = session.get(IngestedFileRow, (workspace, identity), with_for_update=True)
    if row is None:
        raise StateError(f"the ingestion of the file {identity} was not started in the workspace {workspace}")
    return row


def _build_file(row: IngestedFileRow) -> IngestedFile:
    return IngestedFile(
        row.identity,
        row.name,
        row.format,
        row.size,
        row.done,
        row.chunk,
        row.rows,
        row.bad,
        row.started,
        row.finished,
        row.workspace,
        row.sure,
        row.lines,
        row.closing,
        row.head,
    )
