"""Watchlists and their items."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from nephoscope.state.columns import Json, Moment

revision = "0009"
down_revision = "0008"
_TEXTS = ("workspace", "folded", "alias", "id", "name", "description", "provider", "source", "search_key")


def upgrade() -> None:
    """Make the tables of watchlists."""
    op.create_table(
        "watchlists",
        *(sa.Column(name, sa.Text(), nullable=False) for name in _TEXTS),
        sa.Column("columns", Json(), nullable=False),
        sa.Column("days", sa.Integer(), nullable=False),
        sa.Column("created", Moment(), nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.Column("changed", Moment(), nullable=False),
        sa.Column("changed_by", sa.Text(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("published", sa.BigInteger(), nullable=False),
        sa.Column("told", Moment(), nullable=False),
        sa.PrimaryKeyConstraint("workspace", "folded", name="pk_watchlists"),
    )
    op.create_table(
        "watchlist_items",
        sa.Column("list", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("cells", Json(), nullable=False),
        sa.Column("created", Moment(), nullable=False),
        sa.Column("changed", Moment(), nullable=False),
        sa.Column("expires", Moment(), nullable=True),
        sa.PrimaryKeyConstraint("list", "id", name="pk_watchlist_items"),
    )
    op.create_index("ix_watchlist_items_key", "watchlist_items", ["list", "key"])
    op.create_index("ix_watchlist_items_expires", "watchlist_items", ["expires"])
