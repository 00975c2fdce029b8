"""What tells that a file is an earlier one that has grown, and where reading it goes on."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    """Add the columns; of files that were taken in before, nothing is known."""
    op.add_column("ingested_files", sa.Column("sure", sa.BigInteger(), nullable=True))
    op.add_column("ingested_files", sa.Column("lines", sa.Boolean(), nullable=True))
    op.add_column("ingested_files", sa.Column("closing", sa.Text(), nullable=True))
    op.add_column("ingested_files", sa.Column("head", sa.Text(), nullable=True))
