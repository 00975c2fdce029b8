"""How rules stand with the schedule, and how often a window was tried."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from nephoscope.state.columns import Json, Moment

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    """Make the table of standings; a rule that ran before has one that knows nothing yet."""
    op.add_column("rule_runs", sa.Column("tries", sa.BigInteger(), nullable=False, server_default="1"))
    op.create_index("ix_rule_runs_fault", "rule_runs", ["workspace", "fault", "rule"])
    op.create_table(
        "rule_standings",
        sa.Column("workspace", sa.Text(), nullable=False),
        sa.Column("rule", sa.Text(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("failures", sa.BigInteger(), nullable=False),
        sa.Column("disabled", Moment(), nullable=True),
        sa.Column("skipped", sa.BigInteger(), nullable=False),
        sa.Column("seen", Json(), nullable=False),
        sa.Column("looked", Moment(), nullable=True),
        sa.PrimaryKeyConstraint("workspace", "rule", name="pk_rule_standings"),
    )
    op.execute(
        "INSERT INTO rule_standings (workspace, rule, digest, failures, skipped, seen) "
        "SELECT DISTINCT workspace, rule, '', 0, 0, '{}' FROM rule_runs"
    )
