"""Column that says whether somebody chose the default branch of a repository, so that runs leave it."""

from __future__ import annotations

from pathlib import Path

from alembic import op
from sqlalchemy import inspect

from nephoscope.state.database.migration import run_statements

revision = "0038"
down_revision = "0037"


def upgrade() -> None:
    """Add the column, unless the baseline made it in an empty database."""
    connection = op.get_bind()
    columns = inspect(connection).get_columns("pipeline_repositories")
    if not any(one["name"] == "branch_chosen" for one in columns):
        run_statements(connection, Path(__file__).with_suffix(".sql"))
