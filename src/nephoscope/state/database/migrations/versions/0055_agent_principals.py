"""Agents are found by the principal of their key, which each request of an agent asks for."""

from __future__ import annotations

from pathlib import Path

from alembic import op
from sqlalchemy import inspect

from nephoscope.state.database.migration import run_statements

revision = "0055"
down_revision = "0054"


def upgrade() -> None:
    """Add the index, unless the baseline made it in an empty database."""
    connection = op.get_bind()
    if not inspect(connection).has_index("agents", "ix_agents_principal"):
        run_statements(connection, Path(__file__).with_suffix(".sql"))
