"""Identity risk: risky identities, risk detections and the history of a risk."""

from __future__ import annotations

from pathlib import Path

from alembic import op
from sqlalchemy import inspect

from nephoscope.state.database.migration import run_statements

revision = "0048"
down_revision = "0047"


def upgrade() -> None:
    """Add the tables, unless the baseline made them in an empty database."""
    connection = op.get_bind()
    if not inspect(connection).has_table("risky_identities"):
        run_statements(connection, Path(__file__).with_suffix(".sql"))
