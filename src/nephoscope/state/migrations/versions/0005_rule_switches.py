"""Which rules and packs people switched on and off."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from nephoscope.state.columns import Moment

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Make the table of switches."""
    op.create_table(
        "rule_switches",
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("workspace", "kind", "subject")),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column("author", sa.Text(), nullable=False),
        sa.Column("changed", Moment(), nullable=False),
        sa.PrimaryKeyConstraint("workspace", "kind", "subject", name="pk_rule_switches"),
    )
