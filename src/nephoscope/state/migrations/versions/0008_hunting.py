"""Runs of hunting queries, and bookmarks."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from nephoscope.state.columns import Json, Moment

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Make the tables of hunting."""
    op.create_table(
        "hunting_runs",
        *_texts("workspace", "query"),
        *_moments("since", "until", "finished"),
        sa.Column("hits", sa.BigInteger(), nullable=False),
        sa.Column("seconds", sa.Float(), nullable=False),
        *_texts("error"),
        sa.PrimaryKeyConstraint("workspace", "query", name="pk_hunting_runs"),
    )
    op.create_table(
        "bookmarks",
        *_texts("id", "workspace", "name", "query", "query_name"),
        *_moments("since", "until", "event_time"),
        *(
            sa.Column(name, Json(), nullable=False)
            for name in ("row", "entities", "keys", "tactics", "techniques", "tags")
        ),
        *_texts("notes", "author", "changed_by"),
        *_moments("created", "changed"),
        sa.Column("deleted", sa.Boolean(), nullable=False),
        sa.Column("incident", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_bookmarks"),
        sa.ForeignKeyConstraint(["incident"], ["incidents.number"], name="fk_bookmarks_incident"),
    )
    op.create_index("ix_bookmarks_workspace", "bookmarks", ["workspace", "created"])
    op.create_index("ix_bookmarks_incident", "bookmarks", ["incident"])


def _texts(*names: str) -> list[sa.Column[str]]:
    return [sa.Column(name, sa.Text(), nullable=False) for name in names]


def _moments(*names: str) -> list[sa.Column[object]]:
    return [sa.Column(name, Moment(), nullable=False) for name in names]
