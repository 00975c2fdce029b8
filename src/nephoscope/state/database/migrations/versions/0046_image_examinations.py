"""Image examinations: the findings of a scan beside vulnerabilities are stored with the packages."""

from __future__ import annotations

from pathlib import Path

from alembic import op
from sqlalchemy import inspect

from nephoscope.state.database.migration import run_statements

revision = "0046"
down_revision = "0045"


def upgrade() -> None:
    """Add the table, unless the baseline made it in an empty database."""
    connection = op.get_bind()
    if not inspect(connection).has_table("image_examinations"):
        run_statements(connection, Path(__file__).with_suffix(".sql"))
