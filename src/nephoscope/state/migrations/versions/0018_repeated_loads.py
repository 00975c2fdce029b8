"""Loads with `--again` that go on."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from nephoscope.state.columns import Moment

revision = "0018"
down_revision = "0017"


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "repeated_loads",
        sa.Column("workspace", sa.Text(), nullable=False),
        sa.Column("request", sa.Text(), nullable=False),
        sa.Column("run", sa.Text(), nullable=False),
        sa.Column("started", Moment(), nullable=False),
        sa.PrimaryKeyConstraint("workspace", "request", name="pk_repeated_loads"),
    )
