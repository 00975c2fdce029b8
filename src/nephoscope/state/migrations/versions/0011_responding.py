"""Events that rules of response are asked about, and runs of their actions."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from nephoscope.state.columns import COUNTED, Json, Moment

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    """Make the tables of response."""
    op.create_table(
        "response_events",
        sa.Column("id", COUNTED, nullable=False, autoincrement=True),
        *_texts("workspace", "kind", "subject"),
        sa.Column("document", Json(), nullable=False),
        sa.Column("happened", Moment(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_response_events"),
    )
    op.create_table(
        "response_facts",
        *_texts("workspace", "subject"),
        sa.Column("facts", Json(), nullable=False),
        sa.PrimaryKeyConstraint("workspace", "subject", name="pk_response_facts"),
    )
    op.create_table(
        "response_runs",
        *_texts("id", "workspace", "rule", "action", "kind", "subject", "status", "detail", "by"),
        sa.Column("settings", Json(), nullable=False),
        sa.Column("document", Json(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("due", Moment(), nullable=False),
        sa.Column("until", Moment(), nullable=True),
        sa.Column("plan", Json(), nullable=True),
        sa.Column("created", Moment(), nullable=False),
        sa.Column("changed", Moment(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_response_runs"),
    )
    op.create_index("ix_response_runs_due", "response_runs", ["workspace", "status", "due"])


def _texts(*names: str) -> list[sa.Column[str]]:
    return [sa.Column(name, sa.Text(), nullable=False) for name in names]
