"""The first revision: every table that `baseline.sql` makes. The next one is a file beside this, `0036_*.py`, that names it."""

from __future__ import annotations

from alembic import op

from nephoscope.state.migration import create_baseline

revision = "0035"
down_revision = None


def upgrade() -> None:
    """Make the tables, where Alembic itself is run on an empty database."""
    create_baseline(op.get_bind())
