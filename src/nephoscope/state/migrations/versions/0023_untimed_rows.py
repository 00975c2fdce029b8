"""Untimed rows: how many rows of a source have the time of ingestion, because their records told none."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0022"


def upgrade() -> None:
    """Add the counts; of what came before nothing is known."""
    for table in ("source_health", "source_rates"):
        op.add_column(table, sa.Column("untimed", sa.BigInteger(), nullable=False, server_default="0"))
