"""Listings of images say which containers run them."""

from __future__ import annotations

from pathlib import Path

from alembic import op
from sqlalchemy import inspect

from nephoscope.state.database.migration import run_statements

revision = "0044"
down_revision = "0043"


def upgrade() -> None:
    """Add the column, unless the baseline made them in an empty database."""
    connection = op.get_bind()
    columns = inspect(connection).get_columns("image_listings")
    if not any(one["name"] == "containers" for one in columns):
        run_statements(connection, Path(__file__).with_suffix(".sql"))
