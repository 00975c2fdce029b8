"""Threat intelligence by id."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from nephoscope.state.columns import Json, Moment

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Make the table of threat intelligence."""
    op.create_table(
        "intel",
        sa.Column("workspace", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("modified", Moment(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("values", sa.Text(), nullable=False),
        sa.Column("observables", Json(), nullable=False),
        sa.Column("document", Json(), nullable=False),
        sa.Column("confidence", sa.Integer(), nullable=True),
        sa.Column("valid_until", Moment(), nullable=True),
        sa.Column("revoked", sa.Boolean(), nullable=False),
        sa.Column("withdrawn", sa.Text(), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("published", Moment(), nullable=False),
        sa.PrimaryKeyConstraint("workspace", "id", name="pk_intel"),
    )
    op.create_index("ix_intel_published", "intel", ["workspace", "active", "published"])
