"""Repeated loads: those with `--again` that were begun and have not come to their end, so that the same command goes on with them."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Text, delete
from sqlalchemy.orm import Mapped, mapped_column

from nephoscope.state.database.database import Database
from nephoscope.state.tables.columns import Base, UtcDateTime


class RepeatedLoadRow(Base):
    """A load with `--again` that goes on."""

    __tablename__ = "repeated_loads"
    workspace: Mapped[str] = mapped_column(Text, primary_key=True)
    request: Mapped[str] = mapped_column(Text, primary_key=True)
    run: Mapped[str] = mapped_column(Text)
    started: Mapped[datetime] = mapped_column(UtcDateTime)


@dataclass(frozen=True, slots=True)
class RepeatedLoad:
    """A load with `--again`: `run` is a part of the identity of what it takes in; `resumed` = it was begun before."""

    run: str
    started: datetime
    resumed: bool


class RepeatedLoads:
    """All that go on; one that is done leaves nothing."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def begin(self, workspace: str, request: str) -> RepeatedLoad:
        """The load that was asked for so and goes on, else a new one."""
        run = uuid.uuid4().hex[:12]
        with self._database.write() as session:
            new = {
                "workspace": workspace,
                "request": request,
                "run": run,
                "started": self._database.now(session),
            }
            session.execute(self._database.insert(RepeatedLoadRow, new).on_conflict_do_nothing())
            row = session.get_one(RepeatedLoadRow, (workspace, request))
            return RepeatedLoad(row.run, row.started, row.run != run)

    def finish(self, workspace: str, request: str, run: str) -> None:
        """Remove the request of a finished load, so that the same request is a new load."""
        with self._database.write() as session:
            session.execute(
                delete(RepeatedLoadRow).where(
                    RepeatedLoadRow.workspace == workspace,
                    RepeatedLoadRow.request == request,
                    RepeatedLoadRow.run == run,
                )
            )
