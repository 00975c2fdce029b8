"""Alerts keep when they were stored: the risk run finds those that a look at old windows stored since its last run."""

from __future__ import annotations

from pathlib import Path

from alembic import op
from sqlalchemy import inspect

from nephoscope.state.database.migration import run_statements

revision = "0057"
down_revision = "0056"


def upgrade() -> None:
    """Add the column and its index, unless the baseline made them in an empty database."""
    connection = op.get_bind()
    if not inspect(connection).has_index("alerts", "ix_alerts_stored"):
        run_statements(connection, Path(__file__).with_suffix(".sql"))
