"""Changes of findings have numbers, and findings are found by their vulnerability with since when they are seen."""

from __future__ import annotations

from pathlib import Path

from alembic import op
from sqlalchemy import inspect

from nephoscope.state.database.migration import run_statements

revision = "0045"
down_revision = "0044"


def upgrade() -> None:
    """Add the table and the index, unless the baseline made them in an empty database."""
    connection = op.get_bind()
    if not inspect(connection).has_table("finding_changes"):
        run_statements(connection, Path(__file__).with_suffix(".sql"))
