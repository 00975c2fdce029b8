"""Response orders for agents."""

from __future__ import annotations

from pathlib import Path

from alembic import op
from sqlalchemy import inspect

from nephoscope.state.database.migration import run_statements

revision = "0054"
down_revision = "0051"


def upgrade() -> None:
    """Add the table, unless the baseline made it in an empty database."""
    connection = op.get_bind()
    if not inspect(connection).has_table("response_orders"):
        run_statements(connection, Path(__file__).with_suffix(".sql"))
