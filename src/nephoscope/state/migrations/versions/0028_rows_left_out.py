"""Rows left out: how many rows of a source belong to tables that its workspace does not take."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0028"
down_revision = "0027"


def upgrade() -> None:
    """Add the count; of what came before nothing is known."""
    op.add_column("source_health", sa.Column("left_out", sa.BigInteger(), nullable=False, server_default="0"))
