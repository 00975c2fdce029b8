"""Saved searches that queries call by an alias: what each is called and takes; its text is that of the saved query."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import select

from nephoscope.state.ingestion.checkpoints import CheckpointRow, Checkpoints
from nephoscope.state.workspaces.saved_queries import SavedQueryRow
from nephoscope_kql.catalog import StoredFunction

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from nephoscope.state.database.database import Database

#: What the source of the checkpoints begins with that keep alias and parameters, by the id of the query.
_KEPT = "saved-functions/"


class SavedFunctions:
    """The functions of workspaces that are saved searches; what changes takes the session of the change."""

    def __init__(self, database: Database, checkpoints: Checkpoints) -> None:
        self._database, self._checkpoints = database, checkpoints

    def load_functions(self, workspace: str) -> dict[str, StoredFunction]:
        """Id of the saved query -> the function that it is; those that are shared alone."""
        query = select(CheckpointRow.key, CheckpointRow.value, SavedQueryRow.query).where(
            CheckpointRow.source == _KEPT + workspace,
            CheckpointRow.key == SavedQueryRow.id,
            SavedQueryRow.shared.is_(True),
        )
        with self._database.read() as session:
            rows = session.execute(query.order_by(CheckpointRow.key)).all()
        return {
            id_: StoredFunction(settings["alias"], text, settings["parameters"])
            for id_, settings, text in rows
        }

    def put(self, session: Session, workspace: str, id_: str, function: StoredFunction) -> None:
        """Have a saved query be called by the name of a function, with its parameters."""
        settings = {"alias": function.name, "parameters": function.parameters}
        self._checkpoints.keep(session, _KEPT + workspace, {id_: settings})

    def drop(self, session: Session, workspace: str, id_: str) -> None:
        """Have a saved query be no function any more."""
        self._checkpoints.drop(session, _KEPT + workspace, id_)
