"""Runs of response keep who asked for them; settings of the behavior analysis move to a table that is guarded by the audit."""

from __future__ import annotations

from pathlib import Path

from alembic import op
from sqlalchemy import inspect

from nephoscope.state.database.migration import run_statements

revision = "0056"
down_revision = "0055"


def upgrade() -> None:
    """Add both, unless the baseline made them in an empty database."""
    connection = op.get_bind()
    if not inspect(connection).has_table("behavior_settings"):
        run_statements(connection, Path(__file__).with_suffix(".sql"))
