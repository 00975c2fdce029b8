"""Results of pipelines: repositories, runs, planned resources and work items."""

from __future__ import annotations

from pathlib import Path

from alembic import op
from sqlalchemy import inspect

from nephoscope.state.database.migration import run_statements

revision = "0037"
down_revision = "0036"


def upgrade() -> None:
    """Make the tables, unless the baseline made them in an empty database."""
    connection = op.get_bind()
    if not inspect(connection).has_table("pipeline_repositories"):
        run_statements(connection, Path(__file__).with_suffix(".sql"))
