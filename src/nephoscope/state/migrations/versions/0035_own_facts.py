"""What the product and its scanners learned of resources by themselves."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from nephoscope.state.columns import Moment

revision = "0035"
down_revision = "0034"


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "own_facts",
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("subscription", sa.Text(), nullable=False),
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("read_at", Moment(), nullable=False),
        sa.Column("documents", sa.LargeBinary(), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("author", sa.Text(), nullable=False),
        sa.Column("changed", Moment(), nullable=False),
        sa.PrimaryKeyConstraint("subject", "type", name="pk_own_facts"),
    )
    op.create_index("ix_own_facts_subscription", "own_facts", ["subscription", "subject", "type"])
