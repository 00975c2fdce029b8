"""Events, facts and runs of rules of response become those of automation rules, each run with the language of its rule."""

from __future__ import annotations

from pathlib import Path

from alembic import op
from sqlalchemy import inspect, text

from nephoscope.state.database.migration import create_baseline, run_statements

revision = "0036"
down_revision = "0035"


def upgrade() -> None:
    """Move the rows into the new tables; make all tables where Alembic itself is run on an empty database."""
    connection = op.get_bind()
    if not inspect(connection).has_table("response_runs"):
        create_baseline(connection)
        return
    run_statements(connection, Path(__file__).with_suffix(".sql"))
    if connection.dialect.name == "postgresql":
        # the numbers of events go on where those that were moved end
        last = "SELECT coalesce(max(id), 0) + 1 FROM automation_events"
        connection.execute(text(f"SELECT setval('automation_events_id_seq', ({last}), false)"))
