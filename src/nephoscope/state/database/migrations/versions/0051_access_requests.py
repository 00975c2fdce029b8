"""Requests for just-in-time access."""

from __future__ import annotations

from pathlib import Path

from alembic import op
from sqlalchemy import inspect

from nephoscope.state.database.migration import run_statements

revision = "0051"
down_revision = "0048"


def upgrade() -> None:
    """Add the table, unless the baseline made it in an empty database."""
    connection = op.get_bind()
    if not inspect(connection).has_table("access_requests"):
        run_statements(connection, Path(__file__).with_suffix(".sql"))
