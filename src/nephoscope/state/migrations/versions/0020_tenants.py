"""Tenants that are collected."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from nephoscope.state.columns import Json, Moment

revision = "0020"
down_revision = "0019"


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "tenants",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("settings", Json(), nullable=False),
        sa.Column("credential", sa.Text(), nullable=True),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column("hours", sa.Float(), nullable=False),
        sa.Column("created", Moment(), nullable=False),
        sa.Column("collected", Moment(), nullable=True),
        sa.Column("snapshot", sa.Text(), nullable=False),
        sa.Column("error", sa.Text(), nullable=False),
        sa.Column("error_at", Moment(), nullable=True),
        sa.Column("tested", Json(), nullable=True),
        sa.ForeignKeyConstraint(["credential"], ["credentials.name"], name="fk_tenants_credential"),
        sa.PrimaryKeyConstraint("name", name="pk_tenants"),
    )
