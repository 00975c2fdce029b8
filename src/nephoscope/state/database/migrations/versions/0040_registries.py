"""Registries that are watched, their images, and the events that were taken in."""

from __future__ import annotations

from pathlib import Path

from alembic import op
from sqlalchemy import inspect

from nephoscope.state.database.migration import run_statements

revision = "0040"
down_revision = "0039"


def upgrade() -> None:
    """Make the tables, unless the baseline made them in an empty database."""
    connection = op.get_bind()
    if not inspect(connection).has_table("registries"):
        run_statements(connection, Path(__file__).with_suffix(".sql"))
