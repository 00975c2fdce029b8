"""Runs of response keep who asked for them, so that nobody approves a plan of his own."""

from __future__ import annotations

from pathlib import Path

from alembic import op
from sqlalchemy import inspect

from nephoscope.state.database.migration import run_statements

revision = "0056"
down_revision = "0055"


def upgrade() -> None:
    """Add the column, unless the baseline made it in an empty database."""
    connection = op.get_bind()
    columns = inspect(connection).get_columns("automation_runs")
    if not any(one["name"] == "requesters" for one in columns):
        run_statements(connection, Path(__file__).with_suffix(".sql"))
