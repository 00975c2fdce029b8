"""Results of other scanners: a machine or an image is kept once for each scanner, and a package says who named it."""

from __future__ import annotations

from pathlib import Path

from alembic import op
from sqlalchemy import inspect

from nephoscope.state.database.migration import run_statements

revision = "0043"
down_revision = "0042"


def upgrade() -> None:
    """Add the column and the scanner to the key, unless the baseline made them in an empty database."""
    connection = op.get_bind()
    columns = inspect(connection).get_columns("inventory_packages")
    if not any(one["name"] == "scanner" for one in columns):
        run_statements(connection, Path(__file__).with_suffix(".sql"))
