"""The oldest revision that opens: every table of the state as the steps before the baseline made them."""

from __future__ import annotations

revision = "0035"
down_revision = None


def upgrade() -> None:
    """Do nothing: the step after it makes the tables, where Alembic itself is run on an empty database."""
